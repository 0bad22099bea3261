#include "backend/core/rng.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numeric>
#include <set>
#include <vector>

namespace midpoint {
namespace {

const RngKey kKey { 7, DrawPurpose::Simulation, 3, 11, 2 };

struct Moments {
    double mean = 0.0;
    double variance = 0.0;
};

Moments momentsOf(const std::function<double(Rng&)>& draw, int count = 60000)
{
    Rng rng(kKey);
    double sum = 0.0;
    double squares = 0.0;
    for (int i = 0; i < count; ++i) {
        const double value = draw(rng);
        sum += value;
        squares += value * value;
    }
    const double mean = sum / count;
    return { mean, squares / count - mean * mean };
}

TEST(Rng, SameKey_SameNumbers)
{
    Rng first(kKey);
    Rng second(kKey);
    for (int i = 0; i < 100; ++i)
        EXPECT_EQ(first.next(), second.next());
}

// Runs are resumed by later versions of the program: what a key gives must never change.
TEST(Rng, KnownKey_StoredNumbers)
{
    Rng rng(kKey);
    EXPECT_EQ(rng.next(), 6069104950337659394ULL);
    EXPECT_EQ(rng.next(), 5633522175101990510ULL);
}

TEST(Rng, AnyFieldChanged_OtherNumbers)
{
    std::set<std::uint64_t> first = { Rng(kKey).next() };
    std::vector<RngKey> keys(5, kKey);
    keys[0].seed = 8;
    keys[1].purpose = DrawPurpose::Shuffle;
    keys[2].step = 4;
    keys[3].prompt = -11;
    keys[4].sample = 3;
    for (const RngKey& key : keys)
        first.insert(Rng(key).next());
    EXPECT_EQ(first.size(), 6U);
}

TEST(Rng, UniformAt_EqualsSequentialUse)
{
    Rng rng(kKey);
    const Rng random(kKey);
    for (std::uint64_t position = 0; position < 20; ++position)
        EXPECT_EQ(rng.uniform(), random.uniformAt(position));
}

TEST(Rng, Uniform_FillsTheInterval)
{
    constexpr int kBins = 50;
    constexpr int kDraws = 100000;
    std::vector<int> counts(kBins, 0);
    Rng rng(kKey);
    for (int i = 0; i < kDraws; ++i) {
        const double value = rng.uniform();
        ASSERT_GT(value, 0.0);
        ASSERT_LT(value, 1.0);
        ++counts[static_cast<std::size_t>(value * kBins)];
    }
    double chiSquare = 0.0;
    for (const int count : counts)
        chiSquare += std::pow(count - kDraws / kBins, 2) / (kDraws / kBins);
    EXPECT_LT(chiSquare, 49 + 4.5 * std::sqrt(2.0 * 49)); // 49 degrees of freedom
}

// Numbers of neighbouring keys, as neighbouring prompts and samples have them, are as good as numbers of one key.
TEST(Rng, NeighbouringKeys_Uncorrelated)
{
    constexpr int kPairs = 40000;
    double product = 0.0;
    RngKey key = kKey;
    for (int i = 0; i < kPairs; ++i) {
        key.prompt = i;
        const double first = Rng(key).uniform() - 0.5;
        key.prompt = i + 1;
        product += first * (Rng(key).uniform() - 0.5);
    }
    EXPECT_NEAR(product / kPairs, 0.0, 4.5 / 12.0 / std::sqrt(kPairs));
}

TEST(Rng, Distributions_HaveTheirMoments)
{
    const Moments normal = momentsOf([](Rng& rng) { return rng.normal(); });
    EXPECT_NEAR(normal.mean, 0.0, 0.02);
    EXPECT_NEAR(normal.variance, 1.0, 0.03);
    const Moments gumbel = momentsOf([](Rng& rng) { return rng.gumbel(); });
    EXPECT_NEAR(gumbel.mean, 0.5772, 0.025);
    EXPECT_NEAR(gumbel.variance, 1.6449, 0.06);
    for (const double shape : { 0.3, 1.0, 4.5 }) {
        const Moments gamma = momentsOf([&](Rng& rng) { return rng.gamma(shape); });
        EXPECT_NEAR(gamma.mean, shape, 0.02 * shape + 0.01);
        EXPECT_NEAR(gamma.variance, shape, 0.06 * shape + 0.01);
    }
    const Moments beta = momentsOf([](Rng& rng) { return rng.beta(0.5, 1.5); });
    EXPECT_NEAR(beta.mean, 0.25, 0.005);
    EXPECT_NEAR(beta.variance, 0.0625, 0.002); // ab / ((a + b)^2 (a + b + 1))
}

TEST(Rng, Below_EveryValueEquallyOften)
{
    Rng rng(kKey);
    std::vector<int> counts(7, 0);
    for (int i = 0; i < 70000; ++i)
        ++counts[static_cast<std::size_t>(rng.below(7))];
    for (const int count : counts)
        EXPECT_NEAR(count, 10000, 4.5 * std::sqrt(10000 * 6.0 / 7.0));
    EXPECT_EQ(rng.below(1), 0);
}

TEST(Shuffle, AllOrders_EquallyOften)
{
    std::vector<int> counts(6, 0);
    Rng rng(kKey);
    for (int i = 0; i < 30000; ++i) {
        std::vector<int> items = { 0, 1, 2 };
        shuffle(items, rng);
        ++counts[static_cast<std::size_t>(items[0] * 2 + (items[1] > items[2] ? 1 : 0))];
    }
    for (const int count : counts)
        EXPECT_NEAR(count, 5000, 4.5 * std::sqrt(5000 * 5.0 / 6.0));
}

} // namespace
} // namespace midpoint
