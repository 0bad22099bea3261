// Every command of the program: its name, what it does in a line, and its function. One file per command in commands/.
#pragma once

#include "app/command_line.h"

#include <span>
#include <string>
#include <string_view>

namespace midpoint::app {

int runBench(const Words& words);
int benchTimeToTarget(const Words& words); // one of bench
int runCompare(const Words& words);
int runDoctor(const Words& words);
int runEval(const Words& words);
int runExport(const Words& words);
int runGenerate(const Words& words);
int runGrade(const Words& words);
int runGui(const Words& words);
int runInspect(const Words& words);
int runJob(const Words& words);
int runPredictor(const Words& words);
int runRank(const Words& words);
int runSimulate(const Words& words);
int runSnapshot(const Words& words);
int runTrain(const Words& words);
int runValidate(const Words& words);
int runWarmup(const Words& words);

struct Command {
    std::string_view name;
    std::string_view summary;
    int (*run)(const Words& words);
};

std::span<const Command> commands();
std::string programHelp();

// Finds the command, runs it and turns errors into a message on stderr and an exit code.
int runProgram(const Words& words);

} // namespace midpoint::app
