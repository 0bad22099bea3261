// Greedy continuations against the oracle, for every model folder under fixtures/models.
#include "backend/model/safetensors.h"
#include "backend/rollout/rollout_engine.h"
#include "tests/support/fixtures.h"

#include <gtest/gtest.h>

namespace midpoint::rollout {
namespace {

TEST(RolloutParity, Greedy_EveryFixtureModel_EqualsTransformers)
{
    const auto folder = test::fixture("models");
    MIDPOINT_REQUIRE_FIXTURE(folder);
    int checked = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        const auto expectedFile = entry.path() / "expected.safetensors";
        if (!std::filesystem::exists(expectedFile))
            continue;
        SCOPED_TRACE(entry.path().string());
        const model::SafetensorsFile expected(expectedFile);
        const torch::Tensor all = expected.read("seq0.greedy40").to(torch::kInt32).contiguous();
        const std::int64_t promptLength = expected.read("seq0.input_ids").numel();
        const std::vector<std::int32_t> tokens(all.data_ptr<std::int32_t>(), all.data_ptr<std::int32_t>() + all.numel());

        const model::Model model = model::Model::load(entry.path());
        RolloutEngine engine(model, {});
        RolloutRequest request;
        request.promptTokens.assign(tokens.begin(), tokens.begin() + promptLength);
        request.samples = 3;
        SamplingOptions sampling;
        sampling.temperature = 0;
        sampling.maxNewTokens = all.numel() - promptLength;
        sampling.ignoresEndTokens = true;
        const auto responses = engine.generate({ &request, 1 }, sampling, {});
        for (const Response& response : responses.at(0))
            EXPECT_EQ(response.tokens, std::vector<std::int32_t>(tokens.begin() + promptLength, tokens.end()));
        ++checked;
    }
    EXPECT_GT(checked, 0) << "no model under " << folder;
}

} // namespace
} // namespace midpoint::rollout
