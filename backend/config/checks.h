// What a configuration must satisfy beyond the range of each value: sums that have to fit, settings that need each other,
// and files that have to be there.
#pragma once

#include "backend/config/load.h"

#include <cstdint>
#include <vector>

namespace midpoint::config {

// Groups of one step that are generated anew, and those that replay supplies; together batch.prompts_per_step.
std::int64_t freshGroupsPerStep(const RunConfig& config);
std::int64_t replayedGroupsPerStep(const RunConfig& config);

// Whether prompts are chosen by what is believed about them.
bool usesBelief(const RunConfig& config);

// Adds to the report's problems and warnings. Messages show the sum.
void checkArithmetic(ConfigReport& report);

// Files, folders and programs that the configuration names and that are missing or unusable, and a key-value budget that
// the named model does not fit into. Looks at the disk, so it is apart from reading.
struct FileFindings {
    std::vector<Problem> problems;
    std::vector<Problem> warnings;
};
FileFindings checkFiles(const LoadedConfig& loaded);

// checkFiles, with all problems together as one Error{Config}; returns the warnings.
std::vector<Problem> requireFiles(const LoadedConfig& loaded);

} // namespace midpoint::config
