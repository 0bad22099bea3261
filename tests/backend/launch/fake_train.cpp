// midpoint_fake_train FOLDER RANKS STOP_GRACE KILL_GRACE COMMAND...: supervises ranks, as `midpoint train` does, for tests that kill it.
#include "backend/core/error.h"
#include "backend/core/log.h"
#include "backend/launch/supervisor.h"

#include <cstdlib>
#include <iostream>

int main(int argc, char** argv)
{
    midpoint::launch::SupervisorOptions options;
    options.runFolder = argv[1];
    options.ranks = std::atoi(argv[2]);
    options.stopGraceSeconds = std::atof(argv[3]);
    options.killGraceSeconds = std::atof(argv[4]);
    options.livenessSeconds = 2.0;
    options.failGraceSeconds = 0.5;
    options.configText = "[run]\nsteps = 3\n";
    options.rankCommand.assign(argv + 5, argv + argc);
    try {
        const auto log = midpoint::makeNullSink();
        return midpoint::launch::processExitCode(midpoint::launch::supervise(options, *log));
    } catch (const midpoint::Error& error) {
        std::cerr << error.what() << "\n";
        return midpoint::exitCode(error.kind());
    }
}
