// SPDX-License-Identifier: GPL-3.0-or-later
// Every number is computed a second time here, by plain formulas over the same few pairs.
#include "widgets/buffer/buffer_page.h"
#include "widgets/viewmodels/difficulty_analysis.h"
#include "widgets/viewmodels/prompt_filter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace midpoint::gui {
namespace {

store::PredictionRound roundAt(std::int64_t step, std::vector<float> rates)
{
    store::PredictionRound round;
    round.step = step;
    round.successRates = std::move(rates);
    return round;
}

store::Observation observed(std::int64_t prompt, Purpose purpose, std::int64_t successes, std::int64_t attempts, std::int64_t step)
{
    store::Observation row;
    row.promptIndex = prompt;
    row.purpose = purpose;
    row.successes = successes;
    row.attempts = attempts;
    row.step = step;
    return row;
}

std::vector<DifficultyPair> somePairs()
{
    std::vector<DifficultyPair> pairs;
    const double predicted[] = { 0.05, 0.22, 0.31, 0.48, 0.52, 0.67, 0.73, 0.91, 0.95, 0.11 };
    const std::int64_t right[] = { 8, 7, 5, 5, 3, 2, 3, 0, 1, 6 };
    for (int i = 0; i < 10; ++i)
        pairs.push_back({ i, 1, predicted[i], 8, right[i], false });
    return pairs;
}

TEST(DifficultyAnalysis, Pairs_TakeTheRoundInForceAtTheirStep)
{
    const std::vector<store::PredictionRound> rounds { roundAt(2, { 0.25f, 0.5f }), roundAt(6, { 0.75f, NAN }) };
    const std::vector<store::Observation> observations { observed(0, Purpose::Train, 4, 8, 1), observed(0, Purpose::Train, 4, 8, 3),
        observed(0, Purpose::Reference, 2, 8, 7), observed(1, Purpose::Train, 2, 8, 7), observed(1, Purpose::Evaluate, 1, 1, 3), observed(1, Purpose::Explore, 0, 0, 3) };
    const auto all = pairMeasurements(observations, rounds, MeasuredSet::All);
    ASSERT_EQ(all.size(), 2u); // step 1 is before any round, step 7 has no belief about prompt 1, evaluations do not count
    EXPECT_DOUBLE_EQ(all[0].predicted, 0.75);
    EXPECT_DOUBLE_EQ(all[0].measured(), 0.5);
    EXPECT_FALSE(all[0].isUniform);
    EXPECT_DOUBLE_EQ(all[1].predicted, 0.25);
    EXPECT_TRUE(all[1].isUniform);
    EXPECT_EQ(pairMeasurements(observations, rounds, MeasuredSet::Uniform).size(), 1u);
    EXPECT_EQ(pairMeasurements(observations, rounds, MeasuredSet::Selected).size(), 1u);
}

TEST(DifficultyAnalysis, Measured_NeedsNoPredictions)
{
    const std::vector<store::Observation> observations { observed(0, Purpose::Train, 8, 8, 1), observed(1, Purpose::Train, 0, 8, 1), observed(2, Purpose::Train, 4, 8, 2),
        observed(3, Purpose::Reference, 7, 8, 2), observed(4, Purpose::Train, 0, 0, 2), observed(5, Purpose::Evaluate, 1, 1, 2) };
    const auto groups = measuredGroups(observations, MeasuredSet::All);
    ASSERT_EQ(groups.size(), 4u) << "neither without attempts nor evaluations";
    EXPECT_EQ(measuredGroups(observations, MeasuredSet::Uniform).size(), 1u);
    EXPECT_EQ(measuredGroups(observations, MeasuredSet::Selected).size(), 3u);
    const MeasuredSummary summary = summariseMeasured(groups, {});
    EXPECT_EQ(summary.groups, 4);
    EXPECT_DOUBLE_EQ(*summary.meanDifficulty, (0.0 + 1.0 + 0.5 + 0.125) / 4);
    EXPECT_DOUBLE_EQ(*summary.inBandShare, 0.25);
    EXPECT_DOUBLE_EQ(*summary.allRightShare, 0.25);
    EXPECT_DOUBLE_EQ(*summary.allWrongShare, 0.25);
    EXPECT_FALSE(summariseMeasured({}, {}).meanDifficulty.has_value());
}

TEST(DifficultyAnalysis, Summary_EqualsPlainFormulas)
{
    const auto pairs = somePairs();
    const DifficultySummary s = summarise(pairs, {});
    const double n = 10.0;
    double mx = 0, my = 0, mae = 0, bias = 0;
    for (const auto& p : pairs) {
        mx += p.predicted / n;
        my += p.measured() / n;
        mae += std::abs(p.predicted - p.measured()) / n;
        bias += (p.predicted - p.measured()) / n;
    }
    double sxx = 0, syy = 0, sxy = 0, noise = 0;
    for (const auto& p : pairs) {
        sxx += (p.predicted - mx) * (p.predicted - mx);
        syy += (p.measured() - my) * (p.measured() - my);
        sxy += (p.predicted - mx) * (p.measured() - my);
        noise += p.measured() * (1 - p.measured()) / 7.0 / n; // unbiased: p (1 - p) G / (G - 1), over G
    }
    const double r = sxy / std::sqrt(sxx * syy);
    ASSERT_TRUE(s.pearson.value && s.pearson.interval && s.ceiling && s.calibrationError);
    EXPECT_NEAR(*s.pearson.value, r, 1e-12);
    EXPECT_NEAR(s.pearson.interval->low, std::tanh(std::atanh(r) - 1.959963984540054 / std::sqrt(n - 3)), 1e-9);
    EXPECT_NEAR(s.pearson.interval->high, std::tanh(std::atanh(r) + 1.959963984540054 / std::sqrt(n - 3)), 1e-9);
    EXPECT_NEAR(*s.meanAbsoluteError, mae, 1e-12);
    EXPECT_NEAR(*s.bias, bias, 1e-12);
    const double variance = syy / (n - 1);
    EXPECT_NEAR(s.ceiling->pearson, std::sqrt((variance - noise) / variance), 1e-9);
    double ece = 0;
    for (int bin = 0; bin < 10; ++bin) {
        double p = 0, f = 0, count = 0;
        for (const auto& pair : pairs)
            if (std::min(static_cast<int>(pair.predicted * 10), 9) == bin) {
                p += pair.predicted;
                f += pair.measured();
                ++count;
            }
        ece += count > 0 ? count / n * std::abs(p - f) / count : 0;
    }
    EXPECT_NEAR(*s.calibrationError, ece, 1e-12);
}

TEST(DifficultyAnalysis, Spearman_IsPearsonOfMeanRanks)
{
    const auto pairs = somePairs(); // measured values 5/8 and 3/8 stand there twice
    const auto rankOf = [&](auto value, std::size_t of) {
        double below = 0, equal = 0;
        for (const DifficultyPair& other : pairs) {
            below += value(other) < value(pairs[of]) ? 1 : 0;
            equal += value(other) == value(pairs[of]) ? 1 : 0;
        }
        return below + (equal + 1) / 2;
    };
    double sxx = 0, syy = 0, sxy = 0;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        const double x = rankOf([](const DifficultyPair& pair) { return pair.predicted; }, i) - 5.5;
        const double y = rankOf([](const DifficultyPair& pair) { return pair.measured(); }, i) - 5.5;
        sxx += x * x;
        syy += y * y;
        sxy += x * y;
    }
    const DifficultySummary s = summarise(pairs, {});
    ASSERT_TRUE(s.spearman.value);
    EXPECT_NEAR(*s.spearman.value, sxy / std::sqrt(sxx * syy), 1e-12);
}

// Groups of several sizes, true rates known: what the ceiling says is what a perfect prediction would reach.
TEST(DifficultyAnalysis, NoiseCeiling_IsThePearsonOfAPerfectPrediction_AlsoForUnequalGroups)
{
    std::vector<DifficultyPair> pairs;
    std::uint64_t state = 7;
    const auto uniform = [&state] {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        return static_cast<double>(state >> 11) / 9007199254740992.0;
    };
    for (int i = 0; i < 40'000; ++i) {
        const double rate = uniform();
        DifficultyPair pair { i, 1, 1.0 - rate, i % 2 == 0 ? 4 : 16, 0, true };
        for (std::int64_t k = 0; k < pair.attempts; ++k)
            pair.successes += uniform() < rate ? 1 : 0;
        pairs.push_back(pair);
    }
    const DifficultySummary s = summarise(pairs, {});
    ASSERT_TRUE(s.ceiling && s.pearson.value);
    EXPECT_NEAR(s.ceiling->pearson, *s.pearson.value, 0.01);
    // Uniform rates: variance 1/12, noise 1/6 * E[1/G] with E[1/G] = (1/4 + 1/16) / 2.
    EXPECT_NEAR(s.ceiling->pearson, std::sqrt((1.0 / 12.0) / (1.0 / 12.0 + 5.0 / 32.0 / 6.0)), 0.01);
}

TEST(DifficultyAnalysis, NoVariation_HasNoPearsonAndSaysWhy)
{
    std::vector<DifficultyPair> pairs;
    for (int i = 0; i < 5; ++i)
        pairs.push_back({ i, 1, 0.5, 8, i, false });
    const DifficultySummary s = summarise(pairs, {});
    EXPECT_FALSE(s.pearson.value);
    EXPECT_FALSE(s.pearson.undefinedBecause.empty());
    EXPECT_FALSE(summarise({}, {}).pearson.value);
    EXPECT_FALSE(summarise({}, {}).ceiling);
}

TEST(DifficultyAnalysis, CalibrationBins_HoldWilsonsInterval)
{
    const std::vector<DifficultyPair> pairs { { 0, 1, 0.51, 8, 2, false }, { 1, 1, 0.55, 8, 4, false }, { 2, 1, 1.0, 8, 0, false } };
    const auto bins = summarise(pairs, {}).bins;
    ASSERT_EQ(bins.size(), 2u);
    EXPECT_NEAR(bins[0].predictedMean, 0.53, 1e-12);
    EXPECT_NEAR(bins[0].measuredMean, 10.0 / 16.0, 1e-12);
    const double z = 1.959963984540054, p = 10.0 / 16.0, n = 16.0;
    const double middle = (p + z * z / (2 * n)) / (1 + z * z / n);
    const double half = z / (1 + z * z / n) * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
    EXPECT_NEAR(bins[0].interval.low, middle - half, 1e-9);
    EXPECT_NEAR(bins[0].interval.high, middle + half, 1e-9);
    EXPECT_EQ(bins[1].prompts, 1);
}

TEST(DifficultyAnalysis, InBandShare_CountsMeasuredNearTheTarget)
{
    const std::vector<DifficultyPair> pairs { { 0, 1, 0.5, 8, 4, false }, { 1, 1, 0.5, 8, 6, false }, { 2, 1, 0.5, 8, 8, false }, { 3, 1, 0.5, 8, 0, false } };
    DifficultyRequest request;
    request.targetSuccess = 0.5;
    request.bandHalfWidth = 0.25;
    EXPECT_DOUBLE_EQ(summarise(pairs, request).inBandShare, 0.5);
}

TEST(HistoryPoints, FewMeasurements_StayAndManyArePutTogether)
{
    std::vector<store::Observation> observations;
    for (int step = 1; step <= 10; ++step) {
        store::Observation observation;
        observation.step = step;
        observation.attempts = 8;
        observation.successes = step <= 5 ? 8 : 2;
        observations.push_back(observation);
    }
    const auto single = historyPoints(observations, 10);
    ASSERT_EQ(single.size(), 10u);
    EXPECT_DOUBLE_EQ(single[9].measured, 0.75);
    const auto together = historyPoints(observations, 2);
    ASSERT_EQ(together.size(), 2u);
    EXPECT_DOUBLE_EQ(together[0].step, 3.0);
    EXPECT_DOUBLE_EQ(together[0].measured, 0.0);
    EXPECT_DOUBLE_EQ(together[1].measured, 0.75);
    EXPECT_EQ(together[1].attempts, 40);
    const auto wilson = statistics::wilson(30, 40);
    EXPECT_DOUBLE_EQ(together[1].interval.low, wilson->low);
    EXPECT_LT(together[1].interval.high - together[1].interval.low, single[9].interval.high - single[9].interval.low) << "more attempts say more";
    EXPECT_TRUE(historyPoints({}, 5).empty());
}

TEST(PromptFilter, Terms_AreWordsSourcesAndComparisons)
{
    const store::PromptRecord prompt { 3, 0, "What is 2 + 2?", "4", "easy-set" };
    PromptStanding standing;
    standing.predicted = 0.4;
    standing.attempts = 8;
    standing.successes = 2;
    standing.seen = 5;
    const auto matches = [&](const char* text) { return PromptFilter::parse(QString::fromUtf8(text)).matches(prompt, standing); };
    for (const char* yes : { "", "what IS", "source:easy", "predicted>0.3", "predicted<=0.4", "measured=0.75", "seen>=5", "buffer=0", "2 source:easy seen>1", "-source:hard" })
        EXPECT_TRUE(matches(yes)) << yes;
    for (const char* no : { "other", "source:hard", "-source:easy", "predicted>0.4", "measured<0.75", "seen<5", "buffer>0", "what seen=0" })
        EXPECT_FALSE(matches(no)) << no;
    EXPECT_FALSE(PromptFilter::parse(QStringLiteral("predicted<1")).matches(prompt, {})) << "no prediction fulfils no comparison";
    EXPECT_TRUE(PromptFilter::parse(QStringLiteral("  ")).isEmpty());
}

TEST(Histogram, Shares_SumToOneAndHoldTheEnds)
{
    const auto shares = histogramShares({ 0.0, 0.05, 0.1, 0.999, 1.0, NAN }, 10);
    EXPECT_DOUBLE_EQ(std::accumulate(shares.begin(), shares.end(), 0.0), 1.0);
    EXPECT_DOUBLE_EQ(shares[0], 0.4);
    EXPECT_DOUBLE_EQ(shares[1], 0.2);
    EXPECT_DOUBLE_EQ(shares[9], 0.4);
}

TEST(Histogram, Median_IsInterpolatedWithinItsBin)
{
    EXPECT_FALSE(histogramMedian({ "age", { 0, 1, 2 }, {}, { 0, 0 } }));
    EXPECT_DOUBLE_EQ(*histogramMedian({ "reward", { 0, 10, 20 }, {}, { 4, 4 } }), 10.0);
    EXPECT_DOUBLE_EQ(*histogramMedian({ "reward", { 0, 10, 20 }, {}, { 2, 6 } }), 10.0 + 10.0 * 2.0 / 6.0);
    EXPECT_DOUBLE_EQ(*histogramMedian({ "age", { 0, 1, 2, 3 }, {}, { 1, 1, 9 } }), 2.0) << "never above the oldest whole age";
    EXPECT_DOUBLE_EQ(*histogramMedian({ "age", { 0, 10, 20 }, {}, { 2, 6 } }), 13.0);
}

} // namespace
} // namespace midpoint::gui
