// Which runs go on on this machine, wherever their folders lie.
#pragma once

#include <filesystem>
#include <vector>

namespace midpoint::launch {

// The run folders whose lock is held open by a process of this machine that this user may look at, by path.
std::vector<std::filesystem::path> runsHeldOnThisMachine();

} // namespace midpoint::launch
