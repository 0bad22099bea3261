// Rows of JSONL and Parquet files, both as JSON objects. Nothing here knows what a prompt is.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace midpoint::data {

// Where a row stands: the line of a JSONL file, from 1, or the row of a Parquet file, from 0.
struct RowPosition {
    std::string file;
    std::int64_t row = 0;
};
std::string describe(const RowPosition& position); // "a.jsonl: line 3", "b.parquet: row 2"

// What is looked for: top-level columns of which at least one must be there if the group is required.
struct ColumnGroup {
    std::string what; // "question"
    std::vector<std::string> names;
    bool isRequired = true;
};

using RecordVisitor = std::function<void(const nlohmann::json& record, const RowPosition& position)>;

// Calls `visit` for every row in order. Of Parquet files only the wanted columns are read. Throws Error{Io} if the file
// cannot be read and Error{Data}, with the line or row, if its content is not what its name promises.
void readRecords(const std::filesystem::path& file, std::span<const ColumnGroup> wanted, const RecordVisitor& visit);

void readJsonLines(const std::filesystem::path& file, const RecordVisitor& visit);
void readParquet(const std::filesystem::path& file, std::span<const ColumnGroup> wanted, const RecordVisitor& visit);

} // namespace midpoint::data
