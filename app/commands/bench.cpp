// midpoint bench: what the engine does per second on this machine.
#include "app/commands.h"
#include "app/console.h"
#include "app/grading_cases.h"
#include "app/modules.h"
#include "app/run_paths.h"
#include "backend/core/clock.h"
#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/reward/grader_factory.h"

#include <algorithm>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

namespace midpoint::app {
namespace {

constexpr std::int64_t kMost = 1'000'000'000;

void addShared(CommandLine& line, std::int64_t& threads, std::int64_t& repeats)
{
    line.add("--threads", threads, "Threads")->check(CLI::Range(std::int64_t { 1 }, std::int64_t { 4096 }));
    line.add("--repeats", repeats, "Measurements; the median is reported")->check(CLI::Range(std::int64_t { 1 }, std::int64_t { 10'000 }));
}

void addModel(CommandLine& line, std::string& model, std::string& shape, std::string& dtype, std::string& device)
{
    line.options().add_option("--model", model, "Hugging Face folder (otherwise random weights)")->check(CLI::ExistingDirectory);
    line.add("--shape", shape, "Of random weights: the demo's, or those of Qwen2.5-0.5B and Qwen2.5-1.5B")->check(CLI::IsMember({ "demo", "0.5b", "1.5b" }));
    line.add("--device", device, "Where to compute: cpu or cuda:N");
    line.add("--dtype", dtype, "Type to compute in")->check(CLI::IsMember({ "float32", "bfloat16", "float16" }));
}

CLI::Option* addCount(CommandLine& line, const std::string& name, std::int64_t& value, const std::string& help)
{
    return line.add(name, value, help)->check(CLI::Range(std::int64_t { 1 }, kMost));
}

int finish(CommandLine& line, const Words& words, const std::function<std::string(engine::EngineApi&, engine::Session&)>& run)
{
    bool asJson = false;
    line.flag("--json", asJson, "Print one JSON object on standard output");
    if (!line.parse(words))
        return 0;
    engine::EngineApi& engine = openEngine();
    std::string result;
    {
        CommandSession session;
        result = run(engine, session.session());
    }
    printResult(result, asJson);
    return 0;
}

int benchDecode(const Words& words)
{
    engine::DecodeBenchOptions options;
    std::string model;
    CommandLine line("bench decode", "Tokens per second of batched generation.");
    addModel(line, model, options.shape, options.dtype, options.device);
    addCount(line, "--sequences", options.sequences, "Sequences decoded at once");
    addCount(line, "--tokens", options.newTokens, "New tokens per sequence");
    addCount(line, "--prompt-tokens", options.promptTokens, "Tokens of each prompt");
    bool isEager = false;
    line.flag("--eager", isEager, "On a GPU: start one operation at a time instead of recorded graphs");
    addShared(line, options.threads, options.repeats);
    return finish(line, words, [&](engine::EngineApi& engine, engine::Session& session) {
        options.model = model;
        options.usesGraphs = !isEager;
        return engine.benchDecode(options, session);
    });
}

int benchStep(const Words& words)
{
    engine::StepBenchOptions options;
    std::string model;
    CommandLine line("bench step", "Time of a whole training step: generation, log-probs, update.");
    addModel(line, model, options.shape, options.dtype, options.device);
    addCount(line, "--prompts", options.prompts, "Prompts of the step");
    addCount(line, "--samples", options.samplesPerPrompt, "Responses per prompt");
    addCount(line, "--prompt-tokens", options.promptTokens, "Tokens of each prompt");
    addCount(line, "--tokens", options.newTokens, "Tokens of each response");
    addCount(line, "--microbatch-tokens", options.microbatchTokens, "Tokens of one forward and backward pass: fewer take less memory");
    addShared(line, options.threads, options.repeats);
    return finish(line, words, [&](engine::EngineApi& engine, engine::Session& session) {
        options.model = model;
        return engine.benchStep(options, session);
    });
}

int benchSelect(const Words& words)
{
    engine::SelectBenchOptions options;
    CommandLine line("bench select", "Time of one selection round: prediction for the whole pool, calibration, draw.");
    addCount(line, "--prompts", options.prompts, "Prompts of the pool");
    line.add("--belief", options.belief, "What predicts")->check(CLI::IsMember({ "predictor", "midpoint" }));
    addCount(line, "--references", options.references, "Reference prompts");
    addCount(line, "--embedding-size", options.embeddingSize, "Numbers per embedding");
    addCount(line, "--hidden-size", options.hiddenSize, "Numbers per projection");
    addShared(line, options.threads, options.repeats);
    return finish(line, words,
        [&](engine::EngineApi& engine, engine::Session& session) { return engine.benchSelect(options, session); });
}

// Pairs per second of each pass, all threads together; every thread has a grader of its own.
double gradingSpeed(const std::vector<GradingCase>& cases, std::int64_t threads)
{
    const config::RewardSection settings;
    std::vector<std::unique_ptr<reward::Grader>> graders;
    for (std::int64_t i = 0; i < threads; ++i)
        graders.push_back(reward::makeGrader(settings));
    const double started = systemClock().steadySeconds();
    {
        std::vector<std::jthread> workers;
        for (const auto& grader : graders)
            workers.emplace_back([&] { gradeAll(*grader, cases); });
    }
    const double seconds = systemClock().steadySeconds() - started;
    return static_cast<double>(cases.size()) * static_cast<double>(threads) / seconds;
}

int benchGrade(const Words& words)
{
    std::string file;
    std::int64_t threads = 1;
    std::int64_t repeats = 5;
    bool asJson = false;
    CommandLine line("bench grade", "Graded pairs per second of the mathematical grader.");
    line.add("--file", file, "JSON lines with response and reference")->required()->check(CLI::ExistingFile);
    addShared(line, threads, repeats);
    line.flag("--json", asJson, "Print one JSON object on standard output");
    if (!line.parse(words))
        return 0;
    const std::vector<GradingCase> cases = readGradingCases(file);
    gradingSpeed(cases, threads); // caches of FLINT, the processor's clock
    std::vector<double> speeds;
    for (std::int64_t i = 0; i < repeats; ++i)
        speeds.push_back(gradingSpeed(cases, threads));
    std::sort(speeds.begin(), speeds.end());
    const nlohmann::json result = { { "pairs", cases.size() }, { "threads", threads }, { "repeats", repeats },
        { "grades_per_second", speeds[speeds.size() / 2] }, { "slowest", speeds.front() }, { "fastest", speeds.back() } };
    printResult(result.dump(2), asJson);
    return 0;
}

} // namespace

int runBench(const Words& words)
{
    const std::string which = words.empty() ? "" : words.front();
    const Words rest(words.begin() + (words.empty() ? 0 : 1), words.end());
    if (which == "decode")
        return benchDecode(rest);
    if (which == "step")
        return benchStep(rest);
    if (which == "select")
        return benchSelect(rest);
    if (which == "grade")
        return benchGrade(rest);
    if (which == "time-to-target")
        return benchTimeToTarget(rest);
    if (which == "--help" || which == "-h") {
        std::cout << "Measures what this machine makes of the engine, or methods against each other:\n"
                     "  midpoint bench decode            tokens per second of generation\n"
                     "  midpoint bench step              time of a training step\n"
                     "  midpoint bench select            time of a selection round\n"
                     "  midpoint bench grade             graded pairs per second\n"
                     "  midpoint bench time-to-target    what several methods need to the same accuracy\n\n"
                     "usage: midpoint bench decode|step|select|grade|time-to-target ...    (each has its own --help)\n";
        return 0;
    }
    throw Error(ErrorKind::Usage,
        concat("expected decode, step, select, grade or time-to-target, found ", which.empty() ? "nothing" : "'" + which + "'"));
}

} // namespace midpoint::app
