// Internal to backend/launch: one run as the supervisor of one host sees it, from the start of its ranks to the end of the last.
#pragma once

#include "backend/launch/heartbeat.h"
#include "backend/launch/node_channel.h"
#include "backend/launch/process.h"
#include "backend/launch/rank_log.h"
#include "backend/launch/signal_queue.h"
#include "backend/launch/supervisor.h"

#include <limits>
#include <memory>
#include <set>
#include <unistd.h>

namespace midpoint::launch {

class Supervision {
public:
    // `resolved`: the file with the configuration that the ranks read.
    Supervision(const SupervisorOptions& options, const RunFolder& folder, std::filesystem::path resolved, LogSink& log, const Clock& clock);

    ExitRecord run();

private:
    struct Rank {
        std::int64_t number = 0;
        ChildProcess process;
        RankLog log;
        OwnedDescriptor beats;
        std::string pendingOutput = {};
        std::string pendingErrors = {};
        std::string pendingBeats = {};
        std::string lastErrors = {}; // the end of standard error: the reason if there is no better one
        Heartbeat last = {};         // its last sign of life
        double lastSign = 0.0;       // when that came; 0: none yet
        bool isLost = false;         // it gave none for too long
    };

    void meetHosts();
    void startRanks();
    Rank startRank(std::int64_t local, int storeDescriptor) const;
    Environment environmentFor(std::int64_t local, int storeDescriptor, int beatDescriptor) const;
    bool isOver() const;
    double longestWait() const;
    void wait() const;

    void requestStop(int stops, bool isOwn);
    void obeyHosts();
    void readOutput(Rank& rank);
    void readBeats(Rank& rank);
    void showProgress(std::string_view bytes) const;
    void showMessages(std::string_view lines) const;

    void reap();
    void lookForSilence();
    void decide();
    void ended(Rank& rank, const ProcessEnd& end);
    void fail(const ExitRecord& record, bool isOwn);
    void killAll();
    void announceEnd();

    Heartbeat lastBeat(const Rank& rank) const;
    ExitRecord describeFailure(const Rank& rank, const ProcessEnd& end) const;
    std::optional<ExitRecord> failureInFiles() const;
    std::string reasonOf(const Rank& rank, const Heartbeat& beat, const ProcessEnd& end) const;
    ExitRecord makeRecord() const;

    static constexpr double kForever = std::numeric_limits<double>::max();

    const SupervisorOptions& m_options;
    const RunFolder& m_folder;
    std::filesystem::path m_resolved;
    LogSink& m_log;
    const Clock& m_clock;
    SignalQueue m_signals;
    const bool m_hasTerminal = !m_options.onProgress && ::isatty(STDOUT_FILENO) == 1;
    std::unique_ptr<NodeChannel> m_hosts; // null: one host
    std::int64_t m_firstRank = 0;
    std::int64_t m_worldSize = 1;
    std::int64_t m_storePort = 0;
    OwnedDescriptor m_store; // bound socket of the store that rank 0 serves
    std::vector<Rank> m_ranks;
    double m_lastLook = 0.0;     // for silence
    std::set<std::int64_t> m_endedHosts;
    bool m_mayEnd = false;       // the first host says that all have ended
    bool m_isEndSaid = false;
    int m_stopRequests = 0;
    double m_killAt = kForever;
    bool m_wasKilled = false;    // the grace after the first request ran out
    std::optional<ExitRecord> m_failure;
    // A rank that ended because another one was gone: the other one is waited for a little.
    std::optional<ExitRecord> m_consequence;
    double m_decideAt = kForever;
};

} // namespace midpoint::launch
