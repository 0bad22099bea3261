// A rank process for tests: midpoint_fake_rank BEHAVIOUR. It takes its run folder and rank from the environment, beats, and waits
// for signals. Behaviours: finish, wait (stops cleanly at SIGTERM), deaf (ignores SIGTERM), fail, fail-if-1 (rank 1 fails, the
// others wait), fail-at-once (before there is a database), finish-if-0 (rank 0 ends at once, the others after it), child (starts a process of its own and waits).
#include "backend/core/clock.h"
#include "backend/core/text.h"
#include "backend/launch/heartbeat.h"
#include "backend/launch/supervisor.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <unistd.h>

namespace {

volatile std::sig_atomic_t g_stops = 0;

int waitForStop(midpoint::launch::HeartbeatWriter& heart)
{
    heart.setPhase(3, "generate");
    heart.setLastStep(2);
    while (g_stops == 0)
        midpoint::systemClock().sleepFor(0.01);
    heart.finish(midpoint::launch::Outcome::Stopped, "stopped on request");
    return 0;
}

} // namespace

int main(int argc, char** argv)
{
    const std::string behaviour = argc > 1 ? argv[1] : "finish";
    struct sigaction action {};
    action.sa_handler = behaviour == "deaf" ? SIG_IGN : [](int) { g_stops = g_stops + 1; };
    ::sigaction(SIGTERM, &action, nullptr);
    const auto folder = midpoint::launch::RunFolder::open(std::getenv("MIDPOINT_RUN"));
    const auto environment = midpoint::launch::rankEnvironment();
    midpoint::launch::HeartbeatWriter heart(folder, environment.rank, { .intervalSeconds = 0.05, .clock = nullptr, .descriptor = environment.beatDescriptor });
    std::cout << "rank " << environment.rank << " of " << environment.worldSize << " ready" << std::endl;
    if (behaviour == "fail-at-once") {
        std::cerr << "2026-01-31 12:00:00.123 warning the data look odd\nno data\n";
        return 3;
    }
    std::ofstream(folder.database()) << "stands for the database";
    // Written after the handler is set, so a test that sees it may send signals.
    std::ofstream(folder.path() / midpoint::concat("ready.", environment.rank)) << ::getpid();

    if (behaviour == "finish" || (behaviour == "finish-if-0" && environment.rank == 0)) {
        std::cout << "step 1\rstep 2\rstep 3\n" << std::flush;
        heart.setLastStep(3);
        heart.finish(midpoint::launch::Outcome::Finished, "all steps done");
        return 0;
    }
    if (behaviour == "fail" || (behaviour == "fail-if-1" && environment.rank == 1)) {
        std::cerr << "something else\nthe last line says why\n";
        return 3;
    }
    if (behaviour == "child" && ::fork() == 0) {
        std::ofstream(folder.path() / "ready.child") << ::getpid();
        while (true)
            ::pause();
    }
    if (behaviour == "deaf") {
        while (true)
            ::pause();
    }
    if (behaviour == "finish-if-0") {
        while (midpoint::launch::readHeartbeats(folder).front().phase != "finished")
            midpoint::systemClock().sleepFor(0.01);
        return 0;
    }
    return waitForStop(heart);
}
