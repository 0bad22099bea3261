// midpoint_fake_run FOLDER [--steps N] [--prompts N] [--extra-metrics N] [--round-every N] [--seed N] [--uniform] [--ranks N]
//                   [--step-seconds S]   live: sleep S between steps, beat, obey SIGTERM and commands like a trainer
//                   [--resume K]         continue after step K
//                   [--fail-at K]        end with an error at step K
// Writes a plausible run for tests. Under `supervise` it plays the rank.
#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/launch/commands.h"
#include "backend/launch/heartbeat.h"
#include "backend/launch/run_folder.h"
#include "tests/support/fake_run.h"

#include <CLI/CLI.hpp>
#include <csignal>
#include <iostream>

namespace {

volatile std::sig_atomic_t g_stops = 0;

struct Arguments {
    std::filesystem::path folder;
    midpoint::test::FakeRunOptions run;
    std::optional<std::int64_t> resume;
    std::int64_t failAt = -1;
    double stepSeconds = -1.0;
    bool isUniform = false;
};

enum class Wish { GoOn, Stop };

// What was asked for between two steps; returns when the run may go on or has to end.
Wish obey(const Arguments& arguments, midpoint::launch::CommandInbox& inbox, midpoint::launch::HeartbeatWriter& heart,
          midpoint::test::FakeRun& run)
{
    using midpoint::launch::Answer;
    using midpoint::launch::CommandKind;
    bool isPaused = false;
    do {
        if (g_stops > 0)
            return Wish::Stop;
        std::vector<std::string> problems;
        for (const auto& command : inbox.read(problems)) {
            run.writer().addEvent(inbox.answer(command, Answer::Done, "done", run.nextStep()));
            if (command.kind == CommandKind::StopAfterStep || command.kind == CommandKind::StopNow)
                return Wish::Stop;
            if (command.kind == CommandKind::Pause)
                isPaused = true;
            if (command.kind == CommandKind::Continue)
                isPaused = false;
        }
        heart.setPhase(run.nextStep(), isPaused ? midpoint::launch::kPhasePaused : "generate");
        midpoint::systemClock().sleepFor(isPaused ? 0.02 : arguments.stepSeconds);
    } while (isPaused);
    return Wish::GoOn;
}

void writeLive(const Arguments& arguments)
{
    const auto folder = midpoint::launch::RunFolder::create(arguments.folder);
    midpoint::launch::HeartbeatWriter heart(folder, 0, { .intervalSeconds = 0.2, .clock = nullptr });
    midpoint::launch::CommandInbox inbox(folder);
    midpoint::test::FakeRun run(arguments.folder, arguments.run, arguments.resume);
    Wish wish = Wish::GoOn;
    while (wish == Wish::GoOn && run.nextStep() <= arguments.run.steps) {
        if (run.nextStep() == arguments.failAt) {
            heart.fail("asked to fail", 1);
            throw midpoint::Error(midpoint::ErrorKind::Numeric, "asked to fail");
        }
        run.writeStep();
        heart.setLastStep(run.nextStep() - 1);
        std::cout << "step " << run.nextStep() - 1 << "/" << arguments.run.steps << std::endl;
        wish = obey(arguments, inbox, heart, run);
    }
    run.finish();
    heart.finish(wish == Wish::Stop ? midpoint::launch::Outcome::Stopped : midpoint::launch::Outcome::Finished,
                 wish == Wish::Stop ? "stopped on request" : "all steps done");
}

} // namespace

int main(int argc, char** argv)
{
    std::signal(SIGTERM, [](int) { g_stops = g_stops + 1; });
    std::signal(SIGINT, [](int) { g_stops = g_stops + 1; });
    Arguments arguments;
    CLI::App app("writes a plausible run for tests");
    app.add_option("folder", arguments.folder)->required();
    app.add_option("--steps", arguments.run.steps);
    app.add_option("--prompts", arguments.run.prompts);
    app.add_option("--extra-metrics", arguments.run.extraMetrics);
    app.add_option("--round-every", arguments.run.roundEvery);
    app.add_option("--rollout-every", arguments.run.rolloutEvery);
    app.add_option("--ranks", arguments.run.ranks);
    app.add_option("--seed", arguments.run.seed);
    app.add_flag("--uniform", arguments.isUniform);
    app.add_option("--step-seconds", arguments.stepSeconds);
    app.add_option("--resume", arguments.resume);
    app.add_option("--fail-at", arguments.failAt);
    CLI11_PARSE(app, argc, argv);
    arguments.run.name = arguments.folder.filename().string();
    arguments.run.usesSelection = !arguments.isUniform;
    try {
        if (arguments.stepSeconds >= 0.0)
            writeLive(arguments);
        else
            midpoint::test::writeFakeRun(arguments.folder, arguments.run);
    } catch (const std::exception& error) {
        std::cerr << "midpoint_fake_run: " << error.what() << "\n";
        return 1;
    }
    return 0;
}
