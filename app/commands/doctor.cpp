// midpoint doctor: what this machine and this build can do, and what stands in the way.
#include "app/commands.h"
#include "app/console.h"
#include "app/machine.h"
#include "app/modules.h"
#include "backend/core/error.h"
#include "backend/core/text.h"

#include <iostream>

namespace midpoint::app {
namespace {

using nlohmann::json;

// The engine's own part: LibTorch, its devices, and with --selftest a few generated tokens.
json describeEngine(bool withSelfTest)
{
    engine::EngineApi& engine = openEngine();
    json found = json::parse(engine.describeDevices());
    if (!withSelfTest)
        return found;
    engine::DecodeBenchOptions tiny;
    tiny.sequences = 2;
    tiny.newTokens = 4;
    tiny.promptTokens = 4;
    tiny.threads = 1;
    tiny.repeats = 1;
    CommandSession session;
    found["selftest"] = json::parse(engine.benchDecode(tiny, session.session()));
    return found;
}

json problemsOf(const json& report)
{
    json problems = json::array();
    if (!report["build"]["modules"][kEngineModule].get<bool>())
        problems.push_back("no training engine in this build: train, eval and generate will not work (MIDPOINT_ENGINE=ON)");
    if (report.contains("engine_error"))
        problems.push_back("the engine cannot be opened: " + report["engine_error"].get<std::string>());
    const bool hasGpu = !report["machine"]["gpus"].empty();
    if (hasGpu && !report["build"]["modules"]["libmidpoint_cuda.so"].get<bool>())
        problems.push_back("there is a GPU, but this build has no CUDA module (MIDPOINT_CUDA=ON)");
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
    CommandLine line("doctor", "Says what this machine and this build can do. Exit code 1 if training is not possible.");
    line.flag("--selftest", withSelfTest, "Generate a few tokens with a tiny random model");
    line.flag("--json", asJson, "Print one JSON object on standard output");
    if (!line.parse(words))
        return 0;
    json report = { { "build", describeBuild() }, { "machine", describeMachine() } };
    if (report["build"]["modules"][kEngineModule].get<bool>()) {
        try {
            report["engine"] = describeEngine(withSelfTest);
        } catch (const Error& error) {
            report["engine_error"] = error.what();
        }
    }
    report["problems"] = problemsOf(report);
    printResult(report.dump(2), asJson);
    return report.contains("engine") ? 0 : 1;
}

} // namespace midpoint::app
