// Draws against the exact distribution, computed in double from the plain forward pass. Seeds are fixed: the tests always draw the
// same numbers, and the limits leave a chance of about one in a million per test for a right sampler.
#include "tests/backend/rollout/rollout_testing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace midpoint::rollout {
namespace {

constexpr std::int64_t kDraws = 20000;

// Five standard deviations above the mean of chi-square.
double chiSquareLimit(std::int64_t degrees) { return static_cast<double>(degrees) + 5.0 * std::sqrt(2.0 * static_cast<double>(degrees)); }

std::vector<double> exactDistribution(const model::Model& model, const std::vector<std::int32_t>& prompt, const SamplingOptions& sampling)
{
    model::PackedBatch batch;
    batch.addSequence(prompt);
    const torch::Tensor logits = model.logits(model.hiddenStates(batch))[static_cast<std::int64_t>(prompt.size()) - 1];
    const torch::Tensor p = torch::softmax(logits.to(torch::kFloat64) / sampling.temperature, 0).contiguous();
    std::vector<double> probability(p.data_ptr<double>(), p.data_ptr<double>() + p.numel());
    std::vector<std::size_t> order(probability.size());
    std::iota(order.begin(), order.end(), 0U);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return probability[a] > probability[b]; });
    std::size_t kept = sampling.topK > 0 ? static_cast<std::size_t>(sampling.topK) : order.size();
    double total = 0;
    for (std::size_t i = 0; i < kept; ++i)
        total += probability[order[i]];
    double sum = 0;
    for (std::size_t i = 0; i < kept; ++i)
        if ((sum += probability[order[i]]) >= sampling.topP * total) {
            kept = i + 1;
            break;
        }
    std::vector<double> out(probability.size(), 0.0);
    for (std::size_t i = 0; i < kept; ++i)
        out[order[i]] = probability[order[i]] / (sampling.topP < 1.0 ? sum : total);
    return out;
}

std::vector<std::vector<Response>> draw(const model::Model& model, const SamplingOptions& sampling, std::int64_t draws)
{
    RolloutEngine engine(model, {});
    const std::vector<RolloutRequest> requests = { test::request(6, 1, draws) };
    return engine.generate(requests, sampling, {});
}

void expectDistribution(double temperature, std::int64_t topK, double topP)
{
    const model::Model model = test::tinyModel();
    SamplingOptions sampling;
    sampling.temperature = temperature;
    sampling.topK = topK;
    sampling.topP = topP;
    sampling.maxNewTokens = 1;
    const std::vector<double> exact = exactDistribution(model, test::tokensOf(6, 1), sampling);
    std::vector<double> counts(exact.size(), 0.0);
    const auto responses = draw(model, sampling, kDraws);
    for (const Response& response : responses[0])
        counts[static_cast<std::size_t>(response.tokens[0])] += 1.0;
    double chiSquare = 0;
    double rareExpected = 0;
    double rareCount = 0;
    std::int64_t cells = 0;
    for (std::size_t v = 0; v < exact.size(); ++v) {
        const double expected = exact[v] * static_cast<double>(kDraws);
        if (expected == 0.0) {
            EXPECT_EQ(counts[v], 0.0) << "token " << v << " is cut off";
        } else if (expected < 10.0) {
            rareExpected += expected;
            rareCount += counts[v];
        } else {
            chiSquare += (counts[v] - expected) * (counts[v] - expected) / expected;
            ++cells;
        }
    }
    if (rareExpected > 0) {
        chiSquare += (rareCount - rareExpected) * (rareCount - rareExpected) / rareExpected;
        ++cells;
    }
    ASSERT_GT(cells, 2) << "the distribution is too narrow to test";
    EXPECT_LT(chiSquare, chiSquareLimit(cells - 1));
}

TEST(SamplingStatistics, Temperature_Draws_FollowSoftmax)
{
    expectDistribution(1.0, 0, 1.0);
    expectDistribution(0.6, 0, 1.0);
    expectDistribution(1.5, 0, 1.0);
}

TEST(SamplingStatistics, TopK_Draws_FollowTruncatedSoftmax)
{
    expectDistribution(1.0, 5, 1.0);
    expectDistribution(1.3, 20, 1.0);
}

TEST(SamplingStatistics, TopP_Draws_FollowTruncatedSoftmax)
{
    expectDistribution(4.0, 0, 0.7);
    expectDistribution(3.0, 0, 0.95);
}

TEST(SamplingStatistics, TopKAndTopP_Draws_FollowBoth) { expectDistribution(4.0, 12, 0.8); }

// First tokens of neighbouring samples, and first and second tokens of one sample, in 3 x 3 classes: a test of independence.
void expectIndependent(const std::vector<std::pair<std::int32_t, std::int32_t>>& pairs)
{
    double table[3][3] = {};
    double rows[3] = {};
    double columns[3] = {};
    for (const auto& [a, b] : pairs) {
        table[a % 3][b % 3] += 1;
        rows[a % 3] += 1;
        columns[b % 3] += 1;
    }
    double chiSquare = 0;
    for (int i = 0; i < 3; ++i)
        for (int j = 0; j < 3; ++j) {
            const double expected = rows[i] * columns[j] / static_cast<double>(pairs.size());
            ASSERT_GT(expected, 5.0);
            chiSquare += (table[i][j] - expected) * (table[i][j] - expected) / expected;
        }
    EXPECT_LT(chiSquare, chiSquareLimit(4));
}

TEST(SamplingStatistics, SamplesOfOneGroup_AreIndependent)
{
    const model::Model model = test::tinyModel();
    SamplingOptions sampling;
    sampling.temperature = 1.5;
    sampling.maxNewTokens = 1;
    const auto responses = draw(model, sampling, kDraws);
    std::vector<std::pair<std::int32_t, std::int32_t>> neighbours;
    for (std::size_t s = 0; s + 1 < responses[0].size(); s += 2)
        neighbours.emplace_back(responses[0][s].tokens[0], responses[0][s + 1].tokens[0]);
    expectIndependent(neighbours);
}

TEST(SamplingStatistics, PurposesAndSteps_AreIndependent)
{
    const model::Model model = test::tinyModel();
    RolloutEngine engine(model, {});
    SamplingOptions sampling;
    sampling.temperature = 1.5;
    sampling.maxNewTokens = 1;
    constexpr std::int64_t kSamples = 5000;
    std::vector<RolloutRequest> requests(6, test::request(6, 1, kSamples));
    requests[1].purpose = Purpose::Reference;
    requests[2].purpose = Purpose::Screen;
    requests[3].purpose = Purpose::Evaluate;
    requests[4].purpose = Purpose::Explore;
    requests[5].step = 1;
    const auto responses = engine.generate(requests, sampling, {});
    for (std::size_t i = 1; i < requests.size(); ++i) {
        std::vector<std::pair<std::int32_t, std::int32_t>> pairs;
        for (std::size_t s = 0; s < kSamples; ++s)
            pairs.emplace_back(responses[0][s].tokens[0], responses[i][s].tokens[0]);
        expectIndependent(pairs);
    }
}

} // namespace
} // namespace midpoint::rollout
