// Looks out for ranks that are gone while this one may be waiting for its device. A collective on CUDA devices does not notice
// that another rank has died; supervisors do, and write it into that rank's heartbeat.
#pragma once

#include "backend/distributed/communicator.h"
#include "backend/launch/run_folder.h"

#include <filesystem>
#include <optional>
#include <string>
#include <thread>

namespace midpoint::engine {

// "rank 3 on node1 failed: ...": a rank that has ended and was the reason for it, as its heartbeat says.
std::optional<std::string> failedRank(const launch::RunFolder& folder);

class PeerWatch {
public:
    // Gives the communicator up as soon as a rank has failed.
    PeerWatch(const std::filesystem::path& runFolder, distributed::Communicator& communicator, double everySeconds = 0.5);

private:
    std::jthread m_thread;
};

} // namespace midpoint::engine
