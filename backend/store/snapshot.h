// `midpoint snapshot RUN FILE.db`: one ordinary SQLite file with all that run.db shows now, live or finished, to be copied, mailed
// and opened anywhere (also by RunReader). With rollouts, the tables of rollouts.db come along in it.
#pragma once

#include <filesystem>

namespace midpoint::store {

enum class WithRollouts { No, Yes };

// Throws Error{Store}: nothing to read, `file` exists already, cannot be written. Leaves no half-written file.
void writeSnapshot(const std::filesystem::path& run, const std::filesystem::path& file, WithRollouts rollouts);

} // namespace midpoint::store
