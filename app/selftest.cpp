#include "app/selftest.h"

#include "app/console.h"
#include "app/modules.h"
#include "app/run_paths.h"
#include "backend/core/clock.h"
#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"
#include "backend/launch/supervisor.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <functional>
#include <sstream>
#include <thread>
#include <unistd.h>
#include <vector>

namespace midpoint::app {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// A new folder in the working folder's file system, which is where runs are, removed at the end.
class ScratchFolder {
public:
    ScratchFolder()
    {
        std::string pattern = (fs::current_path() / "midpoint-selftest-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr)
            throw Error(ErrorKind::Io, concat("cannot make a folder in ", fs::current_path().string()));
        m_path = pattern;
    }
    ~ScratchFolder()
    {
        std::error_code ignored;
        fs::remove_all(m_path, ignored);
    }
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;
    const fs::path& path() const { return m_path; }

private:
    fs::path m_path;
};

json guarded(const std::function<json()>& work)
{
    try {
        return work();
    } catch (const std::exception& error) {
        return { { "problem", error.what() } };
    }
}

std::int64_t threads() { return std::max<std::int64_t>(1, static_cast<std::int64_t>(std::thread::hardware_concurrency())); }

json benchDecode()
{
    engine::DecodeBenchOptions options;
    options.threads = threads();
    options.repeats = 2;
    CommandSession session;
    return json::parse(openEngine().benchDecode(options, session.session()));
}

json benchStep()
{
    engine::StepBenchOptions options;
    options.threads = threads();
    options.repeats = 2;
    CommandSession session;
    return json::parse(openEngine().benchStep(options, session.session()));
}

json writeToDisk(const fs::path& folder)
{
    constexpr std::size_t kBytes = 64 << 20;
    const std::string block(kBytes, 'm');
    const double started = systemClock().steadySeconds();
    writeFileAtomically(folder / "block", block); // reaches the disk before it returns
    const double seconds = systemClock().steadySeconds() - started;
    std::error_code error;
    const fs::space_info space = fs::space(folder, error);
    return { { "folder", folder.parent_path().string() }, { "free_bytes", error ? 0 : space.available },
        { "write_megabytes_per_second", static_cast<double>(kBytes) / 1e6 / seconds } };
}

// What a program prints on standard output.
std::string outputOf(const std::string& command)
{
    std::FILE* pipe = ::popen(command.c_str(), "r");
    if (pipe == nullptr)
        throw Error(ErrorKind::Resource, concat("cannot start ", command));
    std::string text;
    std::array<char, 4096> part {};
    while (std::fgets(part.data(), part.size(), pipe) != nullptr)
        text += part.data();
    ::pclose(pipe);
    return text;
}

std::string quoted(const fs::path& path)
{
    std::string text = "'";
    for (const char letter : path.string())
        text += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
    return text + "'";
}

json trainDemo(const fs::path& folder, std::int64_t steps, const std::string& device)
{
    const fs::path config = exampleProjects() / "arithmetic" / "grpo.toml";
    std::error_code error;
    if (!fs::exists(config, error))
        return { { "skipped", concat("no example projects beside this program (", config.string(), ")") } };
    const fs::path run = folder / ("run-" + device);
    const double started = systemClock().steadySeconds();
    const std::string printed = outputOf(concat(quoted(launch::executablePath()), " train ", quoted(config), " --run-dir ", quoted(run),
        " run.steps=", steps, " run.devices=", device, " eval.every_steps=0 checkpoint.every_steps=0 --json 2>", quoted(folder / "errors")));
    json ended = json::parse(printed, nullptr, false);
    if (!ended.is_object())
        return { { "problem", std::string(trim(readFile(folder / "errors"))) } };
    json result = { { "steps", ended["last_step"] }, { "seconds", systemClock().steadySeconds() - started } };
    if (ended["outcome"] != "finished")
        result["problem"] = ended["reason"];
    std::istringstream lines(readFile(run / "metrics.jsonl"));
    std::vector<json> rows;
    for (std::string line; std::getline(lines, line);)
        rows.push_back(json::parse(line, nullptr, false));
    if (rows.empty() || !rows.front().is_object() || !rows.back().is_object())
        return result;
    result["first_reward"] = rows.front().value("critic/rewards/mean", json());
    result["last_reward"] = rows.back().value("critic/rewards/mean", json());
    result["tokens_per_second"] = rows.back().value("perf/throughput", json());
    result["rollout_logprob_diff_mean"] = rows.back().value("training/rollout_logprob_diff_mean", json());
    return result;
}

json checkAllReduce(const std::vector<std::string>& devices) { return json::parse(openEngine().checkAllReduce(devices)); }

json checkAllReduceOf(const json& cudaDevices)
{
    std::vector<std::string> devices;
    for (const json& device : cudaDevices)
        devices.push_back(concat("cuda:", device["index"].get<int>()));
    if (devices.size() < 2)
        return { { "skipped", concat("needs two GPUs, found ", devices.size()) } };
    return checkAllReduce(devices);
}

// What a model of this size takes in a step, roughly: float32 masters, gradients and moments, weights and activations.
constexpr double kStepGigabytes15 = 60.0;

json benchDecodeOn(const std::string& device, const std::string& shape, std::int64_t sequences, bool usesGraphs)
{
    constexpr std::int64_t kTokens = 1024;
    engine::DecodeBenchOptions options;
    options.device = device;
    options.shape = shape;
    options.dtype = "bfloat16";
    options.sequences = sequences;
    options.newTokens = kTokens;
    options.threads = threads();
    options.repeats = 2;
    options.usesGraphs = usesGraphs;
    CommandSession session;
    return json::parse(openEngine().benchDecode(options, session.session()));
}

json benchStepOn(const std::string& device, const std::string& shape)
{
    engine::StepBenchOptions options;
    options.device = device;
    options.shape = shape;
    options.dtype = "bfloat16";
    options.prompts = 8;
    options.samplesPerPrompt = 8;
    options.promptTokens = 128;
    options.newTokens = 1024;
    options.threads = threads();
    options.repeats = 2;
    CommandSession session;
    return json::parse(openEngine().benchStep(options, session.session()));
}

// Shapes of Qwen2.5 with random weights against what memory and matrix products of the device allow; graph against eager; the demo.
json selfTestGpu(const json& cuda, const fs::path& scratch, std::int64_t demoSteps)
{
    if (cuda.contains("problem"))
        return { { "skipped", cuda["problem"] } };
    const std::string device = concat("cuda:", cuda["devices"][0]["index"].get<int>());
    const double freeGigabytes = cuda["devices"][0]["memory_free_bytes"].get<double>() / 1e9;
    json report = { { "device", device }, { "demo", guarded([&] { return trainDemo(scratch, demoSteps, device); }) } };
    for (const std::string shape : { "0.5b", "1.5b" }) {
        for (const std::int64_t sequences : { 64, 256 })
            report[concat("decode ", shape, " x ", sequences)] = guarded([&] { return benchDecodeOn(device, shape, sequences, true); });
        report[concat("decode ", shape, " x 64 eager")] = guarded([&] { return benchDecodeOn(device, shape, 64, false); });
        report[concat("step ", shape)] = shape == "1.5b" && freeGigabytes < kStepGigabytes15
            ? json { { "skipped", concat("needs about ", kStepGigabytes15, " GB of the device's memory, ", fixed(freeGigabytes, 0), " are free") } }
            : guarded([&] { return benchStepOn(device, shape); });
    }
    return report;
}

void addProblems(const std::string& where, const json& part, std::vector<std::string>& problems)
{
    if (!part.is_object())
        return;
    if (part.contains("problem"))
        problems.push_back(concat(where, ": ", part["problem"].is_string() ? part["problem"].get<std::string>() : part["problem"].dump()));
    for (const auto& [name, inner] : part.items())
        addProblems(concat(where, ", ", name), inner, problems);
}

} // namespace

json selfTest(const SelfTestOptions& options, const json& cuda)
{
    json report = json::object();
    report["decode"] = guarded(benchDecode);
    report["step"] = guarded(benchStep);
    try {
        const ScratchFolder scratch;
        report["disk"] = guarded([&] { return writeToDisk(scratch.path()); });
        report["demo"] = guarded([&] { return trainDemo(scratch.path(), options.demoSteps, "cpu"); });
        report["gpu"] = selfTestGpu(cuda, scratch.path(), options.demoSteps);
    } catch (const Error& error) {
        report["disk"] = { { "problem", error.what() } };
        report["demo"] = { { "skipped", "no place for a run" } };
    }
    report["all_reduce_cpu"] = guarded([] { return checkAllReduce({ "cpu", "cpu" }); });
    report["all_reduce"] = guarded([&] { return checkAllReduceOf(cuda["devices"]); });
    return report;
}

std::vector<std::string> selfTestProblems(const json& selfTest)
{
    std::vector<std::string> problems;
    addProblems("self-test", selfTest, problems);
    return problems;
}

} // namespace midpoint::app
