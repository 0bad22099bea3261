// What can be said about the prompts of a configuration before a run: what was loaded, questions with contradictory answers,
// prompts that are too long or have words without a token, references that its grader cannot use; a grader or a tokenizer that
// cannot be made.
#pragma once

#include "backend/config/load.h"

#include <string>
#include <vector>

namespace midpoint::app {

struct DataFindings {
    std::vector<config::Problem> problems;
    std::vector<config::Problem> warnings;
    std::vector<std::string> lines; // counts, duplicates, contradictions: for people
};

// Reads the prompt files, which must be there (config::checkFiles).
DataFindings checkPrompts(const config::RunConfig& config);

} // namespace midpoint::app
