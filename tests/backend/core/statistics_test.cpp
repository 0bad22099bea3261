// Expected numbers come from closed forms worked out in the comments, from published tables, or from a second, slower
// way to compute the same thing.
#include "backend/core/statistics.h"

#include "backend/core/error.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace midpoint::statistics {
namespace {

using Values = std::vector<double>;

Rng rngWithSeed(std::uint64_t seed)
{
    RngKey key;
    key.seed = seed;
    key.purpose = DrawPurpose::Benchmark;
    return Rng(key);
}

TEST(Mean, Values_KnownResult)
{
    EXPECT_DOUBLE_EQ(*mean(Values { 1, 2, 6 }), 3.0);
    EXPECT_FALSE(mean(Values {}));
}

TEST(Variance, Values_KnownResult)
{
    EXPECT_DOUBLE_EQ(*variance(Values { 2, 4, 4, 4, 5, 5, 7, 9 }), 32.0 / 7.0);
    EXPECT_DOUBLE_EQ(*deviation(Values { 1, 3 }), std::sqrt(2.0));
    EXPECT_FALSE(variance(Values { 5 }));
    EXPECT_DOUBLE_EQ(*variance(Values { 1e9 + 1, 1e9 + 3 }), 2.0) << "a large mean must not swallow the spread";
}

TEST(WeightedMean, IntegerWeights_EqualsRepetition)
{
    EXPECT_DOUBLE_EQ(*weightedMean(Values { 1, 5 }, Values { 3, 1 }), 2.0);
    EXPECT_FALSE(weightedMean(Values { 1, 5 }, Values { 0, 0 }));
    EXPECT_THROW(weightedMean(Values { 1, 5 }, Values { 1 }), Error);
}

TEST(WeightedVariance, EqualWeights_EqualsVariance)
{
    const Values values = { 1, 4, 9, 16 };
    EXPECT_NEAR(*weightedVariance(values, Values { .3, .3, .3, .3 }), *variance(values), 1e-12);
    EXPECT_FALSE(weightedVariance(values, Values { 0, 1, 0, 0 })) << "one value has no spread";
}

// E of sum w (x - m)^2 / (W - sum w^2 / W) is the variance for any fixed weights: averaged over all 2^4 equally likely
// outcomes of four fair coins, whose variance is 1/4.
TEST(WeightedVariance, AllOutcomesOfFourCoins_AveragesToTheTrueVariance)
{
    const Values weights = { 1.0, 0.5, 0.25, 2.0 };
    double total = 0.0;
    for (int outcome = 0; outcome < 16; ++outcome) {
        Values values;
        for (int coin = 0; coin < 4; ++coin)
            values.push_back((outcome >> coin) & 1);
        total += *weightedVariance(values, weights);
    }
    EXPECT_NEAR(total / 16.0, 0.25, 1e-12);
}

TEST(Quantile, OneToFive_InterpolatesBetweenOrderStatistics)
{
    const Values values = { 5, 1, 4, 2, 3 };
    EXPECT_DOUBLE_EQ(*quantile(values, 0.0), 1.0);
    EXPECT_DOUBLE_EQ(*quantile(values, 0.5), 3.0);
    EXPECT_DOUBLE_EQ(*quantile(values, 0.9), 4.6);
    EXPECT_DOUBLE_EQ(*quantile(values, 1.0), 5.0);
    EXPECT_FALSE(quantile(Values {}, 0.5));
    EXPECT_FALSE(quantile(values, 1.5));
}

// Anscombe's first quartet: r = 0.81642 (Anscombe, "Graphs in statistical analysis", 1973).
TEST(Pearson, AnscombesFirstSet_PublishedCorrelation)
{
    const Values x = { 10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5 };
    const Values y = { 8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68 };
    const Correlation r = pearson(x, y);
    EXPECT_NEAR(*r.value, 0.81642, 5e-6);
    EXPECT_EQ(r.pairs, 11);
    // z = atanh(.81642) = 1.14590, half width 1.959964 / sqrt(8) = .692952: tanh(.452948), tanh(1.838852)
    EXPECT_NEAR(r.interval->low, 0.42438, 2e-4);
    EXPECT_NEAR(r.interval->high, 0.95069, 2e-4);
}

TEST(Pearson, ConstantValues_EmptyWithReason)
{
    const Correlation r = pearson(Values { .1, .1, .1 }, Values { 1, 2, 3 });
    EXPECT_FALSE(r.value);
    EXPECT_FALSE(r.interval);
    EXPECT_EQ(r.undefinedBecause, "all first values are equal");
    EXPECT_EQ(pearson(Values { 1, 2, 3 }, Values { .1, .1, .1 }).undefinedBecause, "all second values are equal");
    EXPECT_EQ(pearson(Values { 1 }, Values { 2 }).undefinedBecause, "needs at least 2 pairs, found 1");
    EXPECT_FALSE(pearson(Values { 1, 2, std::nan("") }, Values { 1, 2, 3 }).value);
}

TEST(Pearson, ExactLine_OneAndNoWiderInterval)
{
    const Correlation r = pearson(Values { 1, 2, 3, 4, 5 }, Values { 10, 8, 6, 4, 2 });
    EXPECT_DOUBLE_EQ(*r.value, -1.0);
    EXPECT_LE(r.interval->high - r.interval->low, 1e-6);
    EXPECT_FALSE(pearson(Values { 1, 2, 3 }, Values { 1, 3, 2 }).interval) << "three pairs have no interval";
}

TEST(Ranks, Ties_ShareTheirMeanRank)
{
    EXPECT_EQ(ranks(Values { 30, 10, 20, 10 }), (Values { 4, 1.5, 3, 1.5 }));
}

// Without ties: 1 - 6 sum d^2 / (n (n^2 - 1)), here d = (0, 1, 1, 0, 0), so 1 - 12/120.
TEST(Spearman, NoTies_EqualsRankDifferenceFormula)
{
    EXPECT_NEAR(*spearman(Values { 1, 2, 3, 4, 5 }, Values { 1, 9, 4, 100, 1000 }).value, 0.9, 1e-12);
    EXPECT_NEAR(*spearman(Values { 1, 2, 3, 4 }, Values { 1, 8, 27, 64 }).value, 1.0, 1e-12);
}

TEST(Errors, PredictedAndMeasured_KnownResult)
{
    const Values predicted = { .5, .2, .9 };
    const Values measured = { .25, .5, 1.0 };
    EXPECT_NEAR(*meanAbsoluteError(predicted, measured), (.25 + .3 + .1) / 3, 1e-12);
    EXPECT_NEAR(*bias(predicted, measured), (.25 - .3 - .1) / 3, 1e-12);
    EXPECT_FALSE(meanAbsoluteError(Values {}, Values {}));
    EXPECT_FALSE(bias(Values {}, Values {}));
}

TEST(Brier, CountsOfTrials_EqualsSumOverSingleTrials)
{
    const std::vector<ProbabilityOutcome> outcomes = { { .7, 3, 4 }, { .1, 0, 2 } };
    const double expected = (3 * .3 * .3 + .7 * .7 + 2 * .1 * .1) / 6;
    EXPECT_NEAR(*brier(outcomes), expected, 1e-12);
    EXPECT_FALSE(brier(std::vector<ProbabilityOutcome> { { .7, 0, 0 } }));
}

TEST(CalibrationError, TwoBins_WeightedByTrials)
{
    // bin [.2, .3): 8 trials, mean prediction .25, rate .5; bin [.9, 1]: 4 trials, prediction .95 and rate 1
    const std::vector<ProbabilityOutcome> outcomes = { { .21, 1, 4 }, { .29, 3, 4 }, { .95, 4, 4 } };
    EXPECT_NEAR(*calibrationError(outcomes), (8 * .25 + 4 * .05) / 12, 1e-12);
    EXPECT_NEAR(*calibrationError(std::vector<ProbabilityOutcome> { { 1.0, 4, 4 }, { 0.0, 0, 4 } }), 0.0, 1e-12);
}

// 10 of 20 at 95 %: (.5 + z^2/40 -+ z sqrt(.25/20 + z^2/1600)) / (1 + z^2/20) = .2993, .7007.
TEST(Wilson, TenOfTwenty_KnownInterval)
{
    const Interval interval = *wilson(10, 20);
    EXPECT_NEAR(interval.low, 0.29930, 1e-5);
    EXPECT_NEAR(interval.high, 0.70070, 1e-5);
    EXPECT_EQ(wilson(0, 20)->low, 0.0);
    EXPECT_NEAR(wilson(0, 20)->high, kNormal95 * kNormal95 / (20 + kNormal95 * kNormal95), 1e-12);
    EXPECT_EQ(wilson(20, 20)->high, 1.0);
    EXPECT_FALSE(wilson(0, 0));
}

// Truth: half of the prompts at .2, half at .8: true variance .09; with 8 rollouts each measured variance .09 + .16/8 =
// .11.
TEST(NoiseCeiling, TwoKindsOfPrompts_RecoversTrueVariance)
{
    Rng rng = rngWithSeed(4);
    std::vector<ProbabilityOutcome> outcomes;
    for (int prompt = 0; prompt < 20000; ++prompt) {
        ProbabilityOutcome outcome { 0.0, 0, 8 };
        for (int rollout = 0; rollout < 8; ++rollout)
            outcome.successes += rng.uniform() < (prompt % 2 == 0 ? .2 : .8) ? 1 : 0;
        outcomes.push_back(outcome);
    }
    const NoiseCeiling ceiling = *noiseCeiling(outcomes);
    EXPECT_NEAR(ceiling.noiseVariance, 0.02, 5e-4);
    EXPECT_NEAR(ceiling.trueVariance, 0.09, 2e-3);
    EXPECT_NEAR(ceiling.pearson, std::sqrt(0.09 / 0.11), 5e-3);
}

TEST(NoiseCeiling, TooLittle_Empty)
{
    EXPECT_FALSE(noiseCeiling(std::vector<ProbabilityOutcome> { { 0, 3, 8 } }));
    EXPECT_FALSE(noiseCeiling(std::vector<ProbabilityOutcome> { { 0, 1, 1 }, { 0, 0, 1 } }))
        << "single rollouts show no noise";
    EXPECT_FALSE(noiseCeiling(std::vector<ProbabilityOutcome> { { 0, 4, 8 }, { 0, 4, 8 } }))
        << "no variation to explain";
    // Less spread than noise alone would give: the true variance is 0, not negative.
    EXPECT_EQ(noiseCeiling(std::vector<ProbabilityOutcome> { { 0, 4, 8 }, { 0, 5, 8 } })->pearson, 0.0);
}

TEST(Ema, FirstValues_WithoutStartUpBias)
{
    Ema average(0.9);
    EXPECT_FALSE(average.value());
    average.add(5.0);
    EXPECT_DOUBLE_EQ(*average.value(), 5.0);
    average.add(7.0);
    EXPECT_DOUBLE_EQ(*average.value(), (0.9 * 5.0 + 7.0) / 1.9);
}

TEST(BootstrapMeanDifference, TwoSamples_CloseToNormalInterval)
{
    Rng draw = rngWithSeed(5);
    Values a;
    Values b;
    for (int i = 0; i < 400; ++i) {
        a.push_back(draw.normal() + 1.0);
        b.push_back(draw.normal());
    }
    Rng rng = rngWithSeed(6);
    const MeanDifference result = *bootstrapMeanDifference(a, b, rng);
    EXPECT_DOUBLE_EQ(result.difference, *mean(a) - *mean(b));
    const double half = kNormal95 * std::sqrt(*variance(a) / 400 + *variance(b) / 400);
    EXPECT_NEAR(result.interval.low, result.difference - half, 0.15 * half);
    EXPECT_NEAR(result.interval.high, result.difference + half, 0.15 * half);
    Rng again = rngWithSeed(6);
    EXPECT_EQ(bootstrapMeanDifference(a, b, again)->interval.low, result.interval.low);
    EXPECT_FALSE(bootstrapMeanDifference(a, Values {}, rng));
}

} // namespace
} // namespace midpoint::statistics
