#include "backend/difficulty/selection.h"

#include "backend/core/error.h"
#include "backend/difficulty/gumbel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

namespace midpoint::difficulty {
namespace {

std::vector<PromptId> idsUpTo(std::int64_t count)
{
    std::vector<PromptId> ids(static_cast<std::size_t>(count));
    std::iota(ids.begin(), ids.end(), PromptId { 1000 });
    return ids;
}

std::unique_ptr<SelectionStrategy> strategyOf(const std::string& name, double temperature = 1e-3, double target = 0.5)
{
    config::SelectionSection section;
    section.strategy = name;
    section.temperature = temperature;
    section.target = target;
    return makeStrategy(section);
}

// Probability that each item is among the first `left` of a sequential draw without replacement, by summing over all
// orders.
void addInclusion(const std::vector<double>& weights, std::vector<bool>& taken, int left, double chance,
    std::vector<double>& inclusion)
{
    if (left == 0)
        return;
    double total = 0.0;
    for (std::size_t i = 0; i < weights.size(); ++i)
        total += taken[i] ? 0.0 : weights[i];
    for (std::size_t i = 0; i < weights.size(); ++i) {
        if (taken[i])
            continue;
        const double next = chance * weights[i] / total;
        inclusion[i] += next;
        taken[i] = true;
        addInclusion(weights, taken, left - 1, next, inclusion);
        taken[i] = false;
    }
}

// Chi-square of inclusion counts over many steps; each count is binomial, and their dependence only lowers the sum.
void expectInclusion(
    const SelectionStrategy& strategy, const std::vector<double>& rates, const std::vector<double>& weights, int count)
{
    std::vector<bool> taken(weights.size(), false);
    std::vector<double> expected(weights.size(), 0.0);
    addInclusion(weights, taken, count, 1.0, expected);

    constexpr int kDraws = 40000;
    const std::vector<PromptId> ids = idsUpTo(std::ssize(weights));
    std::vector<int> found(weights.size(), 0);
    for (int draw = 0; draw < kDraws; ++draw) {
        SelectionInput input;
        input.seed = 11;
        input.step = draw;
        input.count = count;
        input.ids = ids;
        input.mean = rates;
        for (const std::int64_t index : strategy.select(input).prompts)
            ++found[static_cast<std::size_t>(index)];
    }
    for (std::size_t i = 0; i < weights.size(); ++i) {
        const double deviation = std::sqrt(expected[i] * (1.0 - expected[i]) / kDraws);
        EXPECT_NEAR(static_cast<double>(found[i]) / kDraws, expected[i], 4.5 * deviation + 1e-12) << "item " << i;
    }
}

TEST(Selection, DotsOnSmallPool_ExactInclusionProbabilities)
{
    const std::vector<double> rates = { 0.5, 0.45, 0.62, 0.3, 0.9, 0.0 };
    std::vector<double> weights;
    for (const double rate : rates)
        weights.push_back(std::exp(-std::abs(rate - 0.4) / 0.15));
    expectInclusion(*strategyOf("dots", 0.15, 0.4), rates, weights, 3);
}

TEST(Selection, UniformOnSmallPool_ExactInclusionProbabilities)
{
    expectInclusion(*strategyOf("uniform"), {}, std::vector<double>(5, 1.0), 2);
}

// Far below what a float32 softmax can tell apart: at tau = 1e-3 the weights are exp(-400) and exp(-401).
TEST(Selection, DotsFarFromTarget_RatioOfProbabilitiesStaysExact)
{
    const std::vector<double> rates = { 0.9, 0.901 };
    const double expected = 1.0 / (1.0 + std::exp(-1.0));
    const auto strategy = strategyOf("dots");
    const std::vector<PromptId> ids = idsUpTo(2);
    constexpr int kDraws = 20000;
    int first = 0;
    for (int step = 0; step < kDraws; ++step)
        first
            += strategy->select({ .seed = 1, .step = step, .count = 1, .ids = ids, .mean = rates }).prompts.front() == 0
            ? 1
            : 0;
    EXPECT_NEAR(static_cast<double>(first) / kDraws, expected, 4.5 * std::sqrt(expected * (1.0 - expected) / kDraws));
}

TEST(Selection, AnyPool_ExactlyCountDifferentAndNotBlocked)
{
    for (const std::string name : { "uniform", "dots", "dots-released" }) {
        const auto strategy = strategyOf(name);
        for (std::int64_t size = 1; size <= 40; size += 3) {
            RngKey key;
            key.seed = static_cast<std::uint64_t>(size);
            key.purpose = DrawPurpose::Simulation;
            Rng rng(key);
            const std::vector<PromptId> ids = idsUpTo(size);
            std::vector<double> rates(ids.size());
            std::vector<std::uint8_t> blocked(ids.size());
            for (std::size_t i = 0; i < ids.size(); ++i) {
                rates[i] = std::round(rng.uniform() * 8.0) / 8.0; // with many ties
                blocked[i] = rng.uniform() < 0.3 ? 1 : 0;
            }
            const auto open = std::count(blocked.begin(), blocked.end(), std::uint8_t { 0 });
            for (const std::int64_t count : { std::int64_t { 0 }, std::int64_t { 1 }, size / 2, size, size + 5 }) {
                const Selection selection = strategy->select(
                    { .seed = 3, .step = size, .count = count, .ids = ids, .mean = rates, .blocked = blocked });
                const std::set<std::int64_t> different(selection.prompts.begin(), selection.prompts.end());
                EXPECT_EQ(std::ssize(selection.prompts), std::min<std::int64_t>(count, open)) << name << ' ' << size;
                EXPECT_EQ(different.size(), selection.prompts.size()) << name << ' ' << size;
                for (const std::int64_t index : different)
                    EXPECT_EQ(blocked[static_cast<std::size_t>(index)], 0);
            }
        }
    }
}

TEST(Selection, SameSeedAndStep_SameChoiceWhateverThePoolsOrder)
{
    const auto strategy = strategyOf("dots", 0.1);
    const std::vector<PromptId> ids = { 1, 2, 3, 4, 5, 6 };
    const std::vector<double> rates = { .1, .5, .4, .9, .5, .7 };
    const std::vector<PromptId> reversedIds(ids.rbegin(), ids.rend());
    const std::vector<double> reversedRates(rates.rbegin(), rates.rend());
    std::set<std::vector<PromptId>> choices;
    for (std::int64_t step = 0; step < 50; ++step) {
        std::vector<PromptId> forward;
        for (const auto index :
            strategy->select({ .seed = 5, .step = step, .count = 3, .ids = ids, .mean = rates }).prompts)
            forward.push_back(ids[static_cast<std::size_t>(index)]);
        std::vector<PromptId> backward;
        for (const auto index :
            strategy->select({ .seed = 5, .step = step, .count = 3, .ids = reversedIds, .mean = reversedRates })
                .prompts)
            backward.push_back(reversedIds[static_cast<std::size_t>(index)]);
        EXPECT_EQ(forward, backward);
        choices.insert(forward);
    }
    EXPECT_GT(choices.size(), 10U) << "every step draws anew";
}

TEST(Selection, TemperatureZero_NearestToTargetTiesBySmallerId)
{
    const std::vector<PromptId> ids = { 9, 8, 7, 6 };
    const std::vector<double> rates = { .25, .75, .9, .25 };
    const Selection selection = strategyOf("dots", 0.0)->select({ .count = 3, .ids = ids, .mean = rates });
    EXPECT_EQ(selection.prompts, (std::vector<std::int64_t> { 3, 1, 0 })); // ids 6, 8, 9 at distance .25
}

TEST(Selection, PredictionNotANumber_IsNeverChosen)
{
    const std::vector<PromptId> ids = idsUpTo(3);
    const std::vector<double> rates = { .5, std::nan(""), .1 };
    const Selection selection = strategyOf("dots")->select({ .count = 3, .ids = ids, .mean = rates });
    EXPECT_EQ(selection.prompts, (std::vector<std::int64_t> { 0, 2 }));
}

// A flat belief against a sure one at distance 1/4 from the target: |u - 1/2| < 1/4 half of the time.
TEST(Selection, Mopps_FlatBeliefAgainstSureOne_ExactChance)
{
    const auto strategy = strategyOf("mopps");
    const std::vector<PromptId> ids = idsUpTo(2);
    const std::vector<double> rates = { 0.5, 0.75 };
    const std::vector<double> deviations = { std::sqrt(1.0 / 12.0), 0.0 };
    constexpr int kDraws = 20000;
    int first = 0;
    for (int step = 0; step < kDraws; ++step) {
        const Selection selection = strategy->select(
            { .seed = 1, .step = step, .count = 1, .ids = ids, .mean = rates, .deviation = deviations });
        first += selection.prompts.front() == 0 ? 1 : 0;
    }
    EXPECT_NEAR(static_cast<double>(first) / kDraws, 0.5, 4.5 * 0.5 / std::sqrt(kDraws));
    EXPECT_THROW(strategy->select({ .count = 1, .ids = ids, .mean = rates }), Error);
}

// Weights v^4.
TEST(Selection, Midpoint_TwoSignals_ExactChance)
{
    const auto strategy = strategyOf("midpoint");
    const std::vector<PromptId> ids = idsUpTo(2);
    const std::vector<double> signals = { 0.10, 0.15 };
    const double expected = 81.0 / (16.0 + 81.0);
    constexpr int kDraws = 20000;
    int second = 0;
    for (int step = 0; step < kDraws; ++step)
        second
            += strategy->select({ .seed = 1, .step = step, .count = 1, .ids = ids, .signal = signals }).prompts.front()
                == 1
            ? 1
            : 0;
    EXPECT_NEAR(static_cast<double>(second) / kDraws, expected, 4.5 * std::sqrt(expected * (1.0 - expected) / kDraws));
}

// Weights (v / tokens^thrift)^sharpness.
TEST(Selection, Midpoint_LongResponses_AreDrawnLessByTheirPrice)
{
    config::SelectionSection section;
    section.strategy = "midpoint";
    section.sharpness = 2.0;
    section.thrift = 0.5;
    const auto strategy = makeStrategy(section);
    const std::vector<PromptId> ids = idsUpTo(2);
    const std::vector<double> signals = { 0.25, 0.16 };
    const std::vector<double> tokens = { 30.0, 10.0 };
    const double first = 0.25 * 0.25 / 30.0;
    const double second = 0.16 * 0.16 / 10.0;
    const double expected = first / (first + second);
    constexpr int kDraws = 20000;
    int found = 0;
    for (int step = 0; step < kDraws; ++step) {
        const SelectionInput input { .seed = 1, .step = step, .count = 1, .ids = ids, .signal = signals, .tokens = tokens };
        found += strategy->select(input).prompts.front() == 0 ? 1 : 0;
    }
    EXPECT_NEAR(static_cast<double>(found) / kDraws, expected, 4.5 * std::sqrt(expected * (1.0 - expected) / kDraws));
}

TEST(Selection, Midpoint_PromptsJustTrainedOn_RestUntilNothingElseIsLeft)
{
    const auto strategy = strategyOf("midpoint");
    const std::vector<PromptId> ids = idsUpTo(4);
    const std::vector<double> signals = { 0.25, 0.25, 0.0, 0.0 };
    const std::vector<std::int64_t> lastChosen = { 9, 3, -1, 0 };
    SelectionInput input { .seed = 1, .step = 10, .count = 3, .ids = ids, .signal = signals };
    input.lastChosenStep = lastChosen;
    const Selection three = strategy->select(input);
    EXPECT_EQ(std::set<std::int64_t>(three.prompts.begin(), three.prompts.end()), (std::set<std::int64_t> { 1, 2, 3 }));
    input.count = 4;
    EXPECT_EQ(strategy->select(input).prompts.back(), 0);
}

TEST(Selection, Entropy_OfKnownDistributions)
{
    const std::vector<PromptId> ids = idsUpTo(4);
    EXPECT_NEAR(*strategyOf("uniform")->select({ .count = 1, .ids = ids }).entropyNats, std::log(4.0), 1e-12);
    // two prompts at the target, two 1000 tau away
    const std::vector<double> rates = { .5, 1.0, .5, 0.0 };
    EXPECT_NEAR(
        *strategyOf("dots", 5e-4)->select({ .count = 1, .ids = ids, .mean = rates }).entropyNats, std::log(2.0), 1e-12);
    // weights 1 and e: H = log(1 + e) - e / (1 + e)
    const std::vector<double> logits = { 0.0, 1.0 };
    EXPECT_NEAR(drawEntropy(logits, {}), std::log(1.0 + std::exp(1.0)) - std::exp(1.0) / (1.0 + std::exp(1.0)), 1e-12);
}

TEST(Selection, WithoutBelief_IsAnError)
{
    const std::vector<PromptId> ids = idsUpTo(3);
    EXPECT_THROW(strategyOf("dots")->select({ .count = 1, .ids = ids }), Error);
}

TEST(Selection, UnknownStrategy_NamesTheKnownOnes)
{
    try {
        strategyOf("dotz");
        FAIL() << "an unknown strategy was accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Config);
        EXPECT_NE(std::string(error.what()).find("uniform"), std::string::npos);
        EXPECT_NE(std::string(error.what()).find("dotz"), std::string::npos);
    }
}

} // namespace
} // namespace midpoint::difficulty
