#include "backend/engine/peer_watch.h"

#include "backend/core/text.h"
#include "backend/launch/heartbeat.h"

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace midpoint::engine {

std::optional<std::string> failedRank(const launch::RunFolder& folder)
{
    for (const launch::Heartbeat& beat : launch::readHeartbeats(folder))
        if (beat.outcome == launch::Outcome::Failed && !beat.lostPeer)
            return concat("rank ", beat.rank, " on ", beat.host, " failed: ", beat.reason);
    return std::nullopt;
}

PeerWatch::PeerWatch(const std::filesystem::path& runFolder, distributed::Communicator& communicator, double everySeconds)
    : m_thread([folder = launch::RunFolder::open(runFolder), &communicator, everySeconds](const std::stop_token& end) {
        std::mutex mutex; // guards nothing; the condition needs one
        std::condition_variable_any wake;
        std::unique_lock lock(mutex);
        while (!end.stop_requested()) {
            if (const auto failed = failedRank(folder))
                return communicator.giveUp(*failed);
            wake.wait_for(lock, end, std::chrono::duration<double>(everySeconds), [] { return false; });
        }
    })
{
}

} // namespace midpoint::engine
