// Finds question, answer and system message in a row, whatever the file calls them.
#pragma once

#include "backend/data/prompt_set.h"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

namespace midpoint::data {

struct PromptFields {
    std::string question;
    std::string answer;
    std::string system;
    std::string dataSource;
};

// Top-level columns that readFields may look at.
std::vector<ColumnGroup> columnsToRead(const ColumnNames& columns);

// Throws Error{Data} if a field is missing, empty or of the wrong type.
PromptFields readFields(const nlohmann::json& record, const ColumnNames& columns, const RowPosition& position);

} // namespace midpoint::data
