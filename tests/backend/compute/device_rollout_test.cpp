#include "backend/rollout/rollout_engine.h"

#include "backend/model/memory.h"
#include "backend/rollout/device_steps.h"
#include "tests/backend/compute/device_testing.h"

#include <gmock/gmock.h>

#include <cmath>
#include <set>

namespace midpoint::rollout {
namespace {

using model::Architecture;
using test::randomTokens;
using test::smallConfig;
using Responses = std::vector<std::vector<Response>>;

class DeviceRollout : public test::OnDevice {
protected:
    // The processor's own products allocate below float32, so nothing can be recorded where it stands for a device.
    static torch::ScalarType typeForGraphs() { return isEmulated() ? torch::kFloat32 : torch::kBFloat16; }
};
MIDPOINT_ON_DEVICES(DeviceRollout);

std::vector<RolloutRequest> requests()
{
    std::vector<RolloutRequest> all;
    for (const std::int64_t length : { 5, 16, 33 }) {
        RolloutRequest& request = all.emplace_back();
        request.promptTokens = randomTokens(length, length);
        request.prompt = length;
        request.samples = length == 33 ? 1 : 3;
    }
    return all;
}

SamplingOptions sampling(std::int64_t newTokens = 14)
{
    SamplingOptions options;
    options.maxNewTokens = newTokens;
    return options;
}

Responses generate(const model::Model& model, const SamplingOptions& sampling, const RolloutOptions& options = {})
{
    RolloutEngine engine(model, options);
    return engine.generate(requests(), sampling, {});
}

void expectSame(const Responses& found, const Responses& expected, double tolerance)
{
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i)
        for (std::size_t s = 0; s < found[i].size(); ++s) {
            EXPECT_EQ(found[i][s].tokens, expected[i][s].tokens) << "request " << i << ", sample " << s;
            EXPECT_EQ(found[i][s].finish, expected[i][s].finish);
            ASSERT_EQ(found[i][s].logprobs.size(), expected[i][s].logprobs.size());
            for (std::size_t t = 0; t < found[i][s].logprobs.size(); ++t)
                EXPECT_NEAR(found[i][s].logprobs[t], expected[i][s].logprobs[t], tolerance);
        }
}

TEST_P(DeviceRollout, Generate_EveryArchitecture_SameTokensAsOnTheProcessor)
{
    for (const Architecture architecture : { Architecture::Qwen2, Architecture::Qwen3, Architecture::Llama }) {
        const model::Model here = modelOf(smallConfig(architecture), {});
        const model::Model there = modelOf(smallConfig(architecture), on());
        expectSame(generate(there, sampling()), generate(here, sampling()), 1e-4);
    }
}

TEST_P(DeviceRollout, Generate_Greedy_SameTokensAsOnTheProcessor)
{
    SamplingOptions greedy = sampling();
    greedy.temperature = 0.0;
    expectSame(generate(modelOf(smallConfig(Architecture::Qwen2), on()), greedy), generate(modelOf(smallConfig(Architecture::Qwen2), {}), greedy), 1e-4);
}

TEST_P(DeviceRollout, Generate_Truncated_SameTokensAsOnTheProcessor)
{
    const model::Model here = modelOf(smallConfig(Architecture::Qwen2), {});
    const model::Model there = modelOf(smallConfig(Architecture::Qwen2), on());
    SamplingOptions truncated = sampling();
    truncated.temperature = 0.9;
    truncated.topK = 20;
    truncated.topP = 0.9;
    expectSame(generate(there, truncated), generate(here, truncated), 1e-4);
}

// Few slots and a small cache: sequences wait, start where others ended, and take blocks that others gave back.
TEST_P(DeviceRollout, Generate_FewSlotsAndSmallCache_SameTokens)
{
    const model::Model here = modelOf(smallConfig(Architecture::Qwen2), {});
    const model::Model there = modelOf(smallConfig(Architecture::Qwen2), on());
    const Responses expected = generate(here, sampling());
    for (const std::int64_t sequences : { 1, 3 }) {
        RolloutOptions few;
        few.maxSequences = sequences;
        few.prefillTokens = 20;
        few.cacheMegabytes = 1;
        few.blockTokens = sequences == 3 ? 32 : 16;
        expectSame(generate(there, sampling(), few), expected, 1e-4);
    }
}

// Longer than a piece of attention, so that pieces are joined.
TEST_P(DeviceRollout, Generate_LongSequences_SameTokens)
{
    std::vector<RolloutRequest> one(1);
    one[0].promptTokens = randomTokens(250, 1);
    one[0].samples = 2;
    SamplingOptions greedy = sampling(9);
    greedy.temperature = 0.0;
    greedy.ignoresEndTokens = true;
    const model::Model here = modelOf(smallConfig(Architecture::Llama), {});
    const model::Model there = modelOf(smallConfig(Architecture::Llama), on());
    RolloutEngine engineHere(here, {}), engineThere(there, {});
    expectSame(engineThere.generate(one, greedy, {}), engineHere.generate(one, greedy, {}), 1e-4);
}

TEST_P(DeviceRollout, Graphs_OnOrOff_TheSameBits)
{
    const model::Model model = modelOf(smallConfig(Architecture::Qwen3), on(typeForGraphs()));
    RolloutOptions withGraphs, withoutGraphs;
    withoutGraphs.usesGraphs = false;
    RolloutEngine graphs(model, withGraphs), eager(model, withoutGraphs);
    const Responses expected = eager.generate(requests(), sampling(), {});
    expectSame(graphs.generate(requests(), sampling(), {}), expected, 0.0);
    EXPECT_EQ(graphs.statistics().graphProblem, "") << "a step allocates nothing";
    EXPECT_EQ(eager.statistics().graphSteps, 0);
    expectSame(graphs.generate(requests(), sampling(), {}), expected, 0.0);
    EXPECT_GT(graphs.statistics().graphSteps, graphs.statistics().decodeSteps / 2);
    EXPECT_EQ(graphs.statistics().graphProblem, "");
}

TEST_P(DeviceRollout, Generate_AfterWeightsChanged_ReadsTheNewOnes)
{
    model::Model there = modelOf(smallConfig(Architecture::Qwen2), on());
    RolloutEngine engine(there, {});
    engine.generate(requests(), sampling(), {});
    model::Model here = modelOf(smallConfig(Architecture::Qwen2), {}, 2.0);
    for (model::Parameter& parameter : there.parameters())
        if (parameter.value.dim() == 2)
            parameter.value.mul_(2.0 / 3.0);
    there.refreshComputeWeights();
    expectSame(engine.generate(requests(), sampling(), {}), generate(here, sampling()), 1e-4);
}

TEST_P(DeviceRollout, Logprobs_AreThoseOfTheTrainer)
{
    const model::Model model = modelOf(smallConfig(Architecture::Qwen2), on(torch::kBFloat16));
    RolloutOptions eager;
    eager.usesGraphs = false;
    const Responses responses = generate(model, sampling(), eager);
    double sum = 0.0;
    std::int64_t count = 0;
    for (std::size_t i = 0; i < responses.size(); ++i) {
        model::PackedBatch batch;
        std::vector<std::span<const std::int32_t>> rows;
        std::vector<float> rolled;
        for (const Response& response : responses[i]) {
            rows.emplace_back(response.tokens);
            rolled.insert(rolled.end(), response.logprobs.begin(), response.logprobs.end());
        }
        batch.addGroup(requests()[i].promptTokens, rows);
        const torch::Tensor scored = model.score(batch, {}).logprobs.cpu();
        for (std::size_t t = 0; t < rolled.size(); ++t)
            sum += std::abs(static_cast<double>(rolled[t] - scored[static_cast<std::int64_t>(t)].item<float>()));
        count += std::ssize(rolled);
    }
    EXPECT_LT(sum / static_cast<double>(count), 0.05);
}

TEST_P(DeviceRollout, LogitsThatAreNotFinite_AreANumericError)
{
    model::Model model = modelOf(smallConfig(Architecture::Llama), on());
    RolloutEngine engine(model, {});
    engine.generate(requests(), sampling(4), {});
    for (model::Parameter& parameter : model.parameters())
        if (parameter.name.find("down") != std::string::npos)
            parameter.value.fill_(std::nan(""));
    try {
        engine.generate(requests(), sampling(), {});
        FAIL() << "expected an error";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Numeric);
        EXPECT_THAT(error.what(), testing::HasSubstr("not finite"));
    }
}

TEST_P(DeviceRollout, Generate_AfterAStop_BeginsAnew)
{
    const model::Model model = modelOf(smallConfig(Architecture::Qwen2), on());
    RolloutEngine engine(model, {});
    const Responses expected = engine.generate(requests(), sampling(), {});
    std::stop_source stop;
    int rounds = 0;
    EXPECT_THROW(engine.generate(requests(), sampling(), stop.get_token(),
                     [&](std::int64_t, std::int64_t) {
                         if (++rounds == 5)
                             stop.request_stop();
                     }),
        Error);
    expectSame(engine.generate(requests(), sampling(), {}), expected, 0.0);
}

TEST(PaddedRows, AnyNumber_FewSizesAndAtMostAQuarterMore)
{
    std::set<std::int64_t> sizes;
    for (std::int64_t rows = 1; rows <= 256; ++rows) {
        const std::int64_t padded = paddedRows(rows);
        EXPECT_GE(padded, rows);
        if (rows > 8) {
            EXPECT_LE(padded, rows + rows / 4);
        }
        EXPECT_EQ(paddedRows(padded), padded);
        sizes.insert(padded);
    }
    EXPECT_LT(sizes.size(), 32U);
}

} // namespace
} // namespace midpoint::rollout
