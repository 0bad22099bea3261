#include "app/commands.h"

#include "app/modules.h"
#include "backend/core/error.h"
#include "backend/core/file_error.h"
#include "backend/core/text.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <iostream>
#include <new>

namespace midpoint::app {
namespace {

constexpr std::array kCommands = {
    Command { "gui", "open the window on a project or run", runGui },
    Command { "train", "train a model as a configuration says", runTrain },
    Command { "validate", "check a configuration and the files it names", runValidate },
    Command { "eval", "measure a checkpoint on prompt sets", runEval },
    Command { "generate", "let a checkpoint answer prompts", runGenerate },
    Command { "warmup", "supervised start of a tiny model", runWarmup },
    Command { "predictor", "make and judge a difficulty predictor: embed, train, eval", runPredictor },
    Command { "compare", "steps, rollouts, tokens and time of runs to the same accuracy", runCompare },
    Command { "simulate", "what another strategy and belief would have picked", runSimulate },
    Command { "grade", "grade responses without a model", runGrade },
    Command { "export", "write a run's model as a Hugging Face folder", runExport },
    Command { "snapshot", "copy a run's database, also while it is written", runSnapshot },
    Command { "inspect", "say what a file or folder holds", runInspect },
    Command { "bench", "measure the engine (decode, step, select), the grader (grade) or methods (time-to-target)", runBench },
    Command { "doctor", "say what this machine and this build can do", runDoctor },
    Command { "rank", "one rank of a run (started by train)", runRank },
    Command { "job", "one prepared job of a project (started by the window)", runJob },
};

int runWithoutCommand()
{
    std::error_code error;
    std::string reason;
    if (hasDisplay() && std::filesystem::exists(modulePath(kWindowModule), error)) {
        try {
            return runGui({});
        } catch (const Error& problem) { // a machine without Qt
            reason = concat("\nNo window: ", problem.what(), "\n");
        }
    }
    std::cerr << programHelp() << reason;
    return 2;
}

int dispatch(const Words& words)
{
    if (words.empty())
        return runWithoutCommand();
    const std::string& name = words.front();
    const Words rest(words.begin() + 1, words.end());
    if (name == "--help" || name == "-h" || (name == "help" && rest.empty())) {
        std::cout << programHelp();
        return 0;
    }
    if (name == "--version") {
        std::cout << "midpoint " << MIDPOINT_VERSION << "\n";
        return 0;
    }
    if (name == "help")
        return dispatch({ rest.front(), "--help" });
    const auto found = std::find_if(kCommands.begin(), kCommands.end(), [&name](const Command& each) { return each.name == name; });
    if (found != kCommands.end())
        return found->run(rest);
    std::error_code error;
    if (std::filesystem::exists(name, error)) // `midpoint runs/a` opens the window on it
        return runGui(words);
    std::vector<std::string> names;
    for (const Command& each : kCommands)
        names.emplace_back(each.name);
    const auto nearest = nearestName(name, names);
    throw Error(ErrorKind::Usage, concat("unknown command '", name, "'",
        nearest ? concat("; did you mean '", *nearest, "'?") : std::string("; `midpoint --help` lists all")));
}

} // namespace

std::span<const Command> commands()
{
    return kCommands;
}

std::string programHelp()
{
    std::string text = "midpoint: reinforcement-learning fine-tuning of language models with verifiable rewards\n\n"
                       "usage: midpoint COMMAND ...    (midpoint COMMAND --help tells more)\n\n";
    for (const Command& command : kCommands)
        text += concat("  ", command.name, std::string(12 - command.name.size(), ' '), command.summary, "\n");
    return text + "\nExit codes: 0 success, 1 failure, 2 wrong use.\n";
}

int runProgram(const Words& words)
{
    const std::string prefix = words.empty() || startsWith(words.front(), "-") ? "midpoint: " : concat("midpoint ", words.front(), ": ");
    try {
        return dispatch(words);
    } catch (const Error& error) {
        std::cout.flush();
        std::cerr << prefix << error.what() << "\n";
        return exitCode(error.kind());
    } catch (const std::filesystem::filesystem_error& error) {
        std::cerr << prefix << fileError(error).what() << "\n";
    } catch (const std::bad_alloc&) {
        std::cerr << prefix << "out of memory\n";
    } catch (const std::exception& error) {
        std::cerr << prefix << "unexpected failure: " << error.what() << "\n";
    }
    return 1;
}

} // namespace midpoint::app
