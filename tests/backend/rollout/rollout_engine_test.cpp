#include "backend/rollout/rollout_engine.h"

#include "backend/core/error.h"
#include "tests/backend/rollout/rollout_testing.h"

#include <ATen/Parallel.h>
#include <gmock/gmock.h>

#include <cmath>

namespace midpoint::rollout {
namespace {

using test::request;
using test::tinyModel;
using Responses = std::vector<std::vector<Response>>;

std::vector<RolloutRequest> manyRequests()
{
    std::vector<RolloutRequest> requests;
    for (const std::int64_t length : { 5, 16, 1, 17, 33, 32, 48 })
        requests.push_back(request(length, length * 10, 3));
    return requests;
}

SamplingOptions shortSampling()
{
    SamplingOptions sampling;
    sampling.maxNewTokens = 40;
    return sampling;
}

Responses generate(const model::Model& model, const std::vector<RolloutRequest>& requests, const SamplingOptions& sampling,
    const RolloutOptions& options = {})
{
    RolloutEngine engine(model, options);
    return engine.generate(requests, sampling, {});
}

void expectSame(const Responses& a, const Responses& b)
{
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        ASSERT_EQ(a[i].size(), b[i].size());
        for (std::size_t s = 0; s < a[i].size(); ++s) {
            EXPECT_EQ(a[i][s].tokens, b[i][s].tokens) << "request " << i << ", sample " << s;
            EXPECT_EQ(a[i][s].logprobs, b[i][s].logprobs) << "request " << i << ", sample " << s;
            EXPECT_EQ(a[i][s].finish, b[i][s].finish);
        }
    }
}

TEST(RolloutEngine, Generate_AnyBatchCacheAndPrefill_SameTokensAndLogprobs)
{
    const model::Model model = tinyModel();
    const std::vector<RolloutRequest> requests = manyRequests();
    const Responses expected = generate(model, requests, shortSampling());
    RolloutOptions one;
    one.maxSequences = 1;
    expectSame(expected, generate(model, requests, shortSampling(), one));
    RolloutOptions odd;
    odd.maxSequences = 5;
    odd.prefillTokens = 7;
    odd.blockTokens = 32;
    expectSame(expected, generate(model, requests, shortSampling(), odd));
    for (std::size_t i = 0; i < requests.size(); ++i)
        expectSame({ expected[i] }, generate(model, { requests[i] }, shortSampling()));
}

TEST(RolloutEngine, Generate_AnyThreadCount_SameTokens)
{
    const model::Model model = tinyModel();
    const int threads = at::get_num_threads();
    at::set_num_threads(1);
    const Responses one = generate(model, manyRequests(), shortSampling());
    at::set_num_threads(2);
    const Responses two = generate(model, manyRequests(), shortSampling());
    at::set_num_threads(threads);
    expectSame(one, two);
}

TEST(RolloutEngine, Generate_GroupMadeInParts_SameSamples)
{
    const model::Model model = tinyModel();
    RolloutRequest whole = request(9, 4, 6);
    RolloutRequest tail = whole;
    tail.firstSample = 4;
    tail.samples = 2;
    const Responses expected = generate(model, { whole }, shortSampling());
    const Responses found = generate(model, { tail }, shortSampling());
    expectSame({ { expected[0][4], expected[0][5] } }, found);
}

TEST(RolloutEngine, Generate_EndToken_EndsAndIsKept)
{
    const model::Model model = tinyModel();
    SamplingOptions sampling = shortSampling();
    int ended = 0;
    for (const auto& group : generate(model, { request(6, 1, 64) }, sampling))
        for (const Response& response : group) {
            const bool isEnd = response.tokens.back() == 1 || response.tokens.back() == 2;
            EXPECT_EQ(response.finish, isEnd ? FinishReason::EndOfSequence : FinishReason::Length);
            EXPECT_TRUE(isEnd || response.tokens.size() == 40U);
            EXPECT_EQ(response.tokens.size(), response.logprobs.size());
            for (std::size_t i = 0; i + 1 < response.tokens.size(); ++i)
                EXPECT_GT(response.tokens[i], 2);
            ended += isEnd ? 1 : 0;
        }
    EXPECT_GT(ended, 0);
}

TEST(RolloutEngine, Generate_ExtraEndToken_IsHonoured)
{
    const model::Model model = tinyModel();
    SamplingOptions sampling = shortSampling();
    const Responses plain = generate(model, { request(6, 1, 1) }, sampling);
    ASSERT_GT(plain[0][0].tokens.size(), 3U);
    sampling.extraEndTokens = { plain[0][0].tokens[2] };
    const Responses found = generate(model, { request(6, 1, 1) }, sampling);
    EXPECT_LE(found[0][0].tokens.size(), 3U);
    EXPECT_EQ(found[0][0].finish, FinishReason::EndOfSequence);
}

TEST(RolloutEngine, Generate_IgnoresEndTokens_AllHaveFullLength)
{
    SamplingOptions sampling = shortSampling();
    sampling.ignoresEndTokens = true;
    const model::Model model = tinyModel();
    const Responses responses = generate(model, { request(6, 1, 64) }, sampling);
    for (const Response& response : responses[0])
        EXPECT_EQ(response.tokens.size(), 40U);
}

TEST(RolloutEngine, Generate_Purposes_DrawApart)
{
    const model::Model model = tinyModel();
    std::vector<std::vector<std::int32_t>> seen;
    for (const Purpose purpose : { Purpose::Train, Purpose::Reference, Purpose::Screen, Purpose::Explore, Purpose::Evaluate }) {
        RolloutRequest r = request(6, 1, 1);
        r.purpose = purpose;
        seen.push_back(generate(model, { r }, shortSampling())[0][0].tokens);
    }
    RolloutRequest later = request(6, 1, 1);
    later.step = 1;
    seen.push_back(generate(model, { later }, shortSampling())[0][0].tokens);
    SamplingOptions otherSeed = shortSampling();
    otherSeed.seed = 2;
    seen.push_back(generate(model, { request(6, 1, 1) }, otherSeed)[0][0].tokens);
    for (std::size_t i = 0; i < seen.size(); ++i)
        for (std::size_t j = 0; j < i; ++j)
            EXPECT_NE(seen[i], seen[j]) << i << " and " << j;
}

TEST(RolloutEngine, Generate_Greedy_IsArgmaxOfPlainForward)
{
    const model::Model model = tinyModel();
    SamplingOptions sampling = shortSampling();
    sampling.temperature = 0;
    const RolloutRequest r = request(7, 2, 1);
    const Response response = generate(model, { r }, sampling)[0][0];
    std::vector<std::int32_t> sequence = r.promptTokens;
    sequence.insert(sequence.end(), response.tokens.begin(), response.tokens.end());
    model::PackedBatch batch;
    batch.addSequence(sequence);
    const torch::Tensor best = model.logits(model.hiddenStates(batch)).argmax(1);
    for (std::size_t i = 0; i < response.tokens.size(); ++i)
        EXPECT_EQ(response.tokens[i], best[static_cast<std::int64_t>(r.promptTokens.size() + i) - 1].item<std::int64_t>());
}

// The trainer's log-probs of the same tokens at the same temperature.
double meanLogprobDifference(torch::ScalarType type, double temperature)
{
    const model::Model model = tinyModel(type);
    SamplingOptions sampling = shortSampling();
    sampling.temperature = temperature;
    sampling.topP = 0.9;
    const std::vector<RolloutRequest> requests = manyRequests();
    const Responses responses = generate(model, requests, sampling);
    model::PackedBatch batch;
    std::vector<float> recorded;
    for (std::size_t i = 0; i < requests.size(); ++i) {
        std::vector<std::span<const std::int32_t>> rows;
        for (const Response& response : responses[i]) {
            rows.emplace_back(response.tokens);
            recorded.insert(recorded.end(), response.logprobs.begin(), response.logprobs.end());
        }
        batch.addGroup(requests[i].promptTokens, rows);
    }
    model::ScoreOptions options;
    options.temperature = temperature;
    const torch::Tensor scored = model.score(batch, options).logprobs;
    return (scored - torch::tensor(recorded)).abs().mean().item<double>();
}

TEST(RolloutEngine, Logprobs_Float32_EqualTrainers) { EXPECT_LT(meanLogprobDifference(torch::kFloat32, 0.7), 1e-6); }

// Both round at the same places, so only sums that fall on different sides of a rounding boundary differ.
TEST(RolloutEngine, Logprobs_HalfTypes_NearTrainers)
{
    EXPECT_LT(meanLogprobDifference(torch::kBFloat16, 1.0), 2e-2);
    EXPECT_LT(meanLogprobDifference(torch::kHalf, 1.0), 2e-3);
}

TEST(RolloutEngine, Generate_WeightsChanged_UsesThem)
{
    model::Model model = tinyModel();
    RolloutEngine engine(model, {});
    const std::vector<RolloutRequest> requests = { request(6, 1, 2) };
    const auto before = engine.generate(requests, shortSampling(), {});
    for (model::Parameter& parameter : model.parameters())
        parameter.value.mul_(1.1);
    model.refreshComputeWeights();
    const auto after = engine.generate(requests, shortSampling(), {});
    EXPECT_NE(before[0][0].logprobs, after[0][0].logprobs);
    expectSame(after, generate(model, requests, shortSampling()));
}

TEST(RolloutEngine, Generate_SmallCache_WaitsAndSamplesTheSame)
{
    model::ModelConfig config = test::tinyConfig();
    config.headDimension = 64; // 2 layers x 2 x 2 heads x 64 x 4 bytes: 2 KiB per token, 32 blocks in one MiB
    config.maxPositions = 512;
    const model::Model model = model::Model::random(config, { 1, DrawPurpose::Initialisation, 0, 0, 0 });
    SamplingOptions sampling;
    sampling.maxNewTokens = 100;
    sampling.ignoresEndTokens = true;
    const std::vector<RolloutRequest> requests = { request(40, 1, 4), request(200, 2, 4), request(7, 3, 4) };
    RolloutOptions small;
    small.cacheMegabytes = 1;
    RolloutEngine engine(model, small);
    const auto found = engine.generate(requests, sampling, {});
    EXPECT_LE(engine.statistics().peakBlocks, 32);
    EXPECT_LT(engine.statistics().peakSequences, 12);
    expectSame(generate(model, requests, sampling), found);
}

TEST(RolloutEngine, Generate_CacheTooSmallForOne_ThrowsNeedAndBudget)
{
    model::ModelConfig config = test::tinyConfig();
    config.headDimension = 64;
    config.maxPositions = 4096;
    const model::Model model = model::Model::random(config, { 1, DrawPurpose::Initialisation, 0, 0, 0 });
    SamplingOptions sampling;
    sampling.maxNewTokens = 1000;
    RolloutOptions small;
    small.cacheMegabytes = 1;
    try {
        generate(model, { request(40, 1, 4) }, sampling, small);
        FAIL() << "expected an error";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Resource);
        EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("1 MiB"), testing::HasSubstr("3 MiB"), testing::HasSubstr("kv_cache_megabytes")));
    }
}

TEST(RolloutEngine, Generate_LongestExpected_BeginsFirst)
{
    const model::Model model = tinyModel();
    RolloutOptions one;
    one.maxSequences = 1;
    std::vector<RolloutRequest> requests = { request(4, 1, 1), request(4, 2, 1) };
    requests[0].expectedTokens = 5;
    requests[1].expectedTokens = 30;
    SamplingOptions sampling = shortSampling();
    sampling.ignoresEndTokens = true;
    RolloutEngine engine(model, one);
    const auto responses = engine.generate(requests, sampling, {});
    EXPECT_EQ(engine.statistics().peakSequences, 1);
    EXPECT_EQ(engine.statistics().newTokens, 80);
    expectSame(generate(model, requests, sampling), responses);
}

TEST(RolloutEngine, Generate_ContextEnds_StopsWithLength)
{
    const model::Model model = tinyModel();
    SamplingOptions sampling = shortSampling();
    sampling.ignoresEndTokens = true;
    const Responses responses = generate(model, { request(190, 1, 2) }, sampling);
    EXPECT_EQ(responses[0][0].tokens.size(), 10U);
    EXPECT_EQ(responses[0][0].finish, FinishReason::Length);
}

TEST(RolloutEngine, Generate_NothingAsked_ReturnsNothing)
{
    const model::Model model = tinyModel();
    EXPECT_TRUE(generate(model, {}, shortSampling()).empty());
    EXPECT_TRUE(generate(model, { request(3, 1, 0) }, shortSampling())[0].empty());
}

TEST(RolloutEngine, Generate_BadPrompts_Throw)
{
    const model::Model model = tinyModel();
    EXPECT_THROW(generate(model, { request(0, 1, 1) }, shortSampling()), Error);
    EXPECT_THROW(generate(model, { request(200, 1, 1) }, shortSampling()), Error);
    RolloutRequest outside = request(3, 1, 1);
    outside.promptTokens[1] = 61;
    EXPECT_THROW(generate(model, { outside }, shortSampling()), Error);
    SamplingOptions bad = shortSampling();
    bad.topP = 0;
    EXPECT_THROW(generate(model, { request(3, 1, 1) }, bad), Error);
    EXPECT_THROW(RolloutEngine(model, { .maxSequences = 0 }), Error);
}

TEST(RolloutEngine, Generate_Stopped_ThrowsCancelled)
{
    const model::Model model = tinyModel();
    RolloutEngine engine(model, {});
    std::stop_source source;
    const std::vector<RolloutRequest> requests = { request(3, 1, 8) };
    try {
        engine.generate(requests, shortSampling(), source.get_token(), [&](std::int64_t, std::int64_t) { source.request_stop(); });
        FAIL() << "expected an error";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Cancelled);
    }
}

TEST(RolloutEngine, Generate_WeightsNotFinite_ThrowsNumeric)
{
    model::Model model = tinyModel();
    model.parameters()[0].value.fill_(std::nanf(""));
    model.refreshComputeWeights();
    try {
        generate(model, { request(3, 1, 1) }, shortSampling());
        FAIL() << "expected an error";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Numeric);
    }
}

} // namespace
} // namespace midpoint::rollout
