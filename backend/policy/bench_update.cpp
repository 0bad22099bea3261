#include "backend/policy/bench_update.h"

#include "backend/core/clock.h"
#include "backend/core/rng.h"
#include "backend/policy/policy_update.h"

#include <algorithm>

namespace midpoint::policy {
namespace {

std::vector<std::int32_t> randomTokens(Rng& rng, std::int64_t count, std::int64_t vocabulary)
{
    std::vector<std::int32_t> tokens;
    for (std::int64_t i = 0; i < count; ++i)
        tokens.push_back(static_cast<std::int32_t>(rng.below(vocabulary)));
    return tokens;
}

std::vector<TrainGroup> randomGroups(const BenchUpdateShape& shape, std::int64_t vocabulary)
{
    std::vector<TrainGroup> groups;
    for (std::int64_t g = 0; g < shape.prompts; ++g) {
        Rng rng({ .seed = 1, .purpose = DrawPurpose::Benchmark, .prompt = g });
        TrainGroup group { .id = g, .promptTokens = randomTokens(rng, shape.promptTokens, vocabulary), .rows = {} };
        for (std::int64_t r = 0; r < shape.samplesPerPrompt; ++r) {
            TrainRow row;
            row.tokens = randomTokens(rng, shape.responseTokens, vocabulary);
            row.behaviourLogprobs.assign(row.tokens.size(), 0.0F);
            row.advantage = r % 2 == 0 ? 1.0 : -1.0;
            group.rows.push_back(std::move(row));
        }
        groups.push_back(std::move(group));
    }
    return groups;
}

} // namespace

BenchUpdateResult benchUpdate(model::Model& model, const BenchUpdateShape& shape)
{
    UpdateSettings settings;
    settings.batch.promptsPerUpdate = shape.promptsPerUpdate;
    settings.batch.tokensPerMicrobatch = shape.tokensPerMicrobatch;
    settings.policy.logEntropy = true;
    PolicyUpdate update(model, settings);
    std::vector<TrainGroup> groups = randomGroups(shape, model.config().vocabularySize);

    BenchUpdateResult result;
    std::vector<double> seconds;
    for (std::int64_t repetition = 0; repetition <= shape.repetitions; ++repetition) {
        const PolicyUpdate::Logprobs logprobs = update.computeLogprobs(groups); // not timed: rollouts bring theirs
        for (std::size_t g = 0; g < groups.size(); ++g)
            for (std::size_t r = 0; r < groups[g].rows.size(); ++r)
                groups[g].rows[r].behaviourLogprobs = logprobs[g][r];
        const double begin = systemClock().steadySeconds();
        result.loss = update.step(groups, repetition).loss;
        if (repetition > 0)
            seconds.push_back(systemClock().steadySeconds() - begin);
    }
    std::sort(seconds.begin(), seconds.end());
    result.seconds = seconds[seconds.size() / 2];
    result.bestSeconds = seconds.front();
    const auto tokens = static_cast<double>(shape.prompts * shape.samplesPerPrompt * shape.responseTokens);
    result.tokensPerSecond = tokens / result.seconds;
    return result;
}

} // namespace midpoint::policy
