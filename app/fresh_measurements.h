// How far beliefs were off in a recorded run: what each one said after a step, learned from the run's own ledger, beside what
// the checkpoint of that step solves when it is measured afresh.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace midpoint::app {

// Every item is STEP=FILE: labels of `midpoint eval --labels` of the checkpoint after that step. A table, or one JSON object.
// Throws Error{Usage} for another form, Error{Data} for labels that the run's prompts or steps do not know.
std::string judgeRecordedBeliefs(const std::filesystem::path& run, const std::vector<std::string>& fresh, bool asJson);

} // namespace midpoint::app
