// midpoint doctor: what this machine and this build can do, and what stands in the way.
#include "app/commands.h"
#include "app/console.h"
#include "app/cuda_device.h"
#include "app/libtorch.h"
#include "app/machine.h"
#include "app/modules.h"
#include "app/run_paths.h"
#include "app/selftest.h"
#include "backend/core/error.h"
#include "backend/core/text.h"

#include <fstream>
#include <iostream>

namespace midpoint::app {
namespace {

using nlohmann::json;

// The engine's own part: its devices, and the LibTorch that it was opened with.
json describeEngine()
{
    json found = json::parse(openEngine().describeDevices());
    found["torch"] = describeLibTorch();
    return found;
}

// True if a self-test on a device found an operation that differs from its reference.
bool hasFailures(const json& report)
{
    const json& tested = report["cuda"].contains("selftest") ? report["cuda"]["selftest"] : json::array();
    for (const json& device : tested.is_array() ? tested : json::array())
        for (const json& operation : device["operations"])
            if (!operation["failures"].empty())
                return true;
    return false;
}

// The file that the owner of a machine can send.
void writeReport(const std::string& path, const json& report)
{
    std::ofstream file(path);
    file << report.dump(2) << "\n";
    if (!file.flush())
        throw Error(ErrorKind::Io, concat("cannot write the report to ", path));
}

json problemsOf(const json& report)
{
    json problems = json::array();
    if (!report["build"]["modules"][kEngineModule].get<bool>())
        problems.push_back("no training engine in this build: train, eval and generate will not work (MIDPOINT_ENGINE=ON)");
    if (report.contains("engine_error"))
        problems.push_back("the engine cannot be opened: " + report["engine_error"].get<std::string>());
    const bool hasGpu = !report["machine"]["gpus"].empty();
    if (hasGpu && report["cuda"].contains("problem"))
        problems.push_back("there is a GPU that cannot be used: " + report["cuda"]["problem"].get<std::string>());
    else if (hasGpu && report.contains("engine") && report["engine"].contains("gpu_problem"))
        problems.push_back("the engine cannot compute on the GPU: " + report["engine"]["gpu_problem"].get<std::string>());
    if (report.contains("selftest"))
        for (const std::string& problem : selfTestProblems(report["selftest"]))
            problems.push_back(problem);
    if (hasFailures(report))
        problems.push_back("operations on the CUDA device differ from their references, see cuda.selftest");
    constexpr std::uint64_t kLowDiskBytes = 2'000'000'000;
    if (report["machine"]["disk_free_bytes"].get<std::uint64_t>() < kLowDiskBytes)
        problems.push_back("less than 2 GB of disk are free here: checkpoints may not fit");
    return problems;
}

} // namespace

int runDoctor(const Words& words)
{
    bool withSelfTest = false;
    bool asJson = false;
    std::string reportFile;
    SelfTestOptions options;
    CommandLine line("doctor", "Says what this machine and this build can do. Exit code 1 if training is not possible or the self-test fails.");
    line.flag("--selftest", withSelfTest,
        "Run the benchmarks of decoding and of a step, and the demo for a few steps; on a GPU also with models of 0.5B and 1.5B, and "
        "compare every operation on CUDA devices with its reference. About a minute, with a GPU a few");
    line.add("--demo-steps", options.demoSteps, "Steps of the demo in the self-test")->check(CLI::Range(1, 1000));
    line.add("--report", reportFile, "Write the report to this file too");
    line.flag("--json", asJson, "Print one JSON object on standard output");
    if (!line.parse(words))
        return 0;
    if (!reportFile.empty())
        requireWritable("--report", reportFile);
    json report = { { "build", describeBuild() }, { "machine", describeMachine() }, { "cuda", describeCuda() } };
    if (report["build"]["modules"][kEngineModule].get<bool>()) {
        try {
            report["engine"] = describeEngine();
        } catch (const Error& error) {
            report["engine_error"] = error.what();
        }
    }
    if (withSelfTest)
        report["cuda"]["selftest"] = selfTestCuda(report["cuda"]);
    if (withSelfTest && report.contains("engine"))
        report["selftest"] = selfTest(options, report["cuda"]);
    report["problems"] = problemsOf(report);
    if (!reportFile.empty())
        writeReport(reportFile, report);
    printResult(report.dump(2), asJson);
    const bool isWell = !report.contains("selftest") || selfTestProblems(report["selftest"]).empty();
    return report.contains("engine") && isWell && !hasFailures(report) ? 0 : 1;
}

} // namespace midpoint::app
