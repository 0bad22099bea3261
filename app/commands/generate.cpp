// midpoint generate: what a checkpoint answers.
#include "app/commands.h"
#include "app/console.h"
#include "app/modules.h"
#include "app/run_paths.h"
#include "backend/core/error.h"
#include "backend/core/text.h"

#include <iostream>
#include <nlohmann/json.hpp>

namespace midpoint::app {
namespace {

void print(const std::vector<engine::Generated>& responses, bool asJson)
{
    if (!asJson) {
        for (const engine::Generated& response : responses)
            std::cout << "> " << response.prompt << "\n" << response.text << "\n[" << response.finish << ", " << response.tokens
                      << " tokens, log-prob " << fixed(response.logprob, 3) << "]\n\n";
        return;
    }
    nlohmann::json list = nlohmann::json::array();
    for (const engine::Generated& response : responses)
        list.push_back({ { "prompt", response.prompt }, { "text", response.text }, { "finish", response.finish }, { "tokens", response.tokens },
            { "logprob", response.logprob } });
    std::cout << nlohmann::json({ { "responses", std::move(list) } }).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
}

} // namespace

int runGenerate(const Words& words)
{
    engine::GenerateOptions options;
    std::string checkpoint;
    bool isGreedy = false;
    bool asJson = false;
    CommandLine line("generate",
        "Lets a checkpoint answer prompts, sampling as its run trains (rollout.temperature, rollout.top_p, rollout.max_new_tokens).", Settings::OfSampling);
    line.add("CHECKPOINT", checkpoint, "Checkpoint, model or run folder (its newest checkpoint)")->required();
    line.add("--prompt", options.prompts, "A question; may be given several times");
    line.add("--data", options.dataFiles, "Prompt sets, .jsonl or .parquet");
    line.add("--samples", options.samples, "Responses per prompt")->check(CLI::Range(1, 1'000'000));
    line.add("--max-prompts", options.maxPrompts, "Prompts of the sets, 0 for all")->check(CLI::NonNegativeNumber);
    line.flag("--greedy", isGreedy, "Take the likeliest token each time");
    line.flag("--json", asJson, "Print one JSON object on standard output");
    if (!line.parse(words))
        return 0;

    if (options.prompts.empty() && options.dataFiles.empty())
        throw Error(ErrorKind::Usage, "expected --prompt TEXT or --data FILE");
    for (const std::string& file : options.dataFiles)
        requireExisting("--data", file);
    options.checkpoint = checkpointFolder(checkpoint);
    options.config = settingsFor(options.checkpoint, line.overrides()).config;
    if (isGreedy)
        options.config.rollout.temperature = 0.0; // not a setting to train with, so no override
    engine::EngineApi& engine = openEngine();
    std::vector<engine::Generated> responses;
    {
        CommandSession session;
        responses = engine.generate(options, session.session());
    }
    print(responses, asJson);
    return 0;
}

} // namespace midpoint::app
