#include "backend/difficulty/simulation.h"

#include "backend/core/error.h"
#include "backend/core/statistics.h"
#include "backend/difficulty/beliefs.h"
#include "tests/support/fixtures.h"

#include <gtest/gtest.h>

namespace midpoint::difficulty {
namespace {

constexpr World kWorlds[] = { World::ItemResponse, World::Clusters, World::Forgetting, World::Jumps };

std::vector<double> ratesAt(const Truth& truth, std::int64_t step)
{
    std::vector<double> rates(static_cast<std::size_t>(truth.pool().size()));
    truth.ratesAt(step, rates);
    return rates;
}

TEST(World, SameSeed_SameTruth)
{
    for (const World kind : kWorlds) {
        const WorldOptions options { .world = kind, .prompts = 200, .steps = 20, .dimension = 10 };
        const SyntheticWorld first = makeWorld(options);
        const SyntheticWorld second = makeWorld(options);
        EXPECT_EQ(ratesAt(*first.truth, 13), ratesAt(*second.truth, 13));
        EXPECT_EQ(first.embeddings, second.embeddings);
    }
}

TEST(World, ItemResponse_ImprovesFromStepToStep)
{
    const SyntheticWorld world = makeWorld({ .prompts = 200, .steps = 20, .dimension = 10 });
    const auto first = ratesAt(*world.truth, 0);
    const auto last = ratesAt(*world.truth, 19);
    for (std::size_t i = 0; i < first.size(); ++i)
        EXPECT_GT(last[i], first[i]);
}

// The best linear prediction of difficulty from the embedding must explain the promised share of its variance.
TEST(World, Information_IsTheShareThatTheEmbeddingExplains)
{
    const SyntheticWorld world = makeWorld({ .prompts = 4000, .steps = 2, .dimension = 10, .information = 0.7 });
    const auto rates = ratesAt(*world.truth, 0);
    const PromptPool& pool = world.truth->pool();
    Ledger ledger;
    // Many rollouts of every prompt, of which the belief may use the embedding only.
    for (std::int64_t i = 0; i < pool.size(); ++i)
        ledger.add({ .prompt = pool.idAt(i),
            .purpose = Purpose::Explore,
            .attempts = 1000,
            .successes = static_cast<std::int32_t>(1000 * rates[static_cast<std::size_t>(i)]) });
    const auto belief = makeMidpointBelief(
        { .useCounts = false, .useDrift = false, .historyGroups = 4000, .penalty = 1e-6 }, pool, world.embeddings, 10);
    belief->learn(ledger, 1);
    const double r = *statistics::pearson(belief->estimate(1).mean, rates).value;
    EXPECT_NEAR(r * r, 0.7, 0.06) << "the sigmoid bends the relation a little";
}

TEST(Simulate, EveryWorldAndBelief_BetterThanKnowingNothing)
{
    for (const World kind : kWorlds) {
        const SyntheticWorld world = makeWorld({ .world = kind, .prompts = 600, .steps = 40, .dimension = 16 });
        config::SelectionSection section;
        section.strategy = "midpoint";
        section.belief = "midpoint";
        section.intervalSteps = 2;
        section.explorationShare = 0.1;
        Selector selector(selectorOptions(section, 1), world.truth->pool(), makeStrategy(section),
            makeMidpointBelief({}, world.truth->pool(), world.embeddings, 16));
        const auto rounds = simulate(*world.truth, selector, 2, {});
        ASSERT_EQ(rounds.size(), 20U);
        double chosen = 0.0;
        double uniform = 0.0;
        for (std::size_t i = 5; i < rounds.size(); ++i) {
            EXPECT_EQ(rounds[i].chosen, 32);
            EXPECT_LE(rounds[i].effectiveRatio, rounds[i].bestEffectiveRatio + 1e-12);
            chosen += rounds[i].effectiveRatio;
            uniform += rounds[i].poolEffectiveRatio;
        }
        EXPECT_GT(chosen, 1.1 * uniform) << static_cast<int>(kind);
        EXPECT_EQ(rounds.back().rolloutsSoFar, 40 * 16 * 8);
        EXPECT_GT(*rounds.back().pearson, 0.3) << static_cast<int>(kind);
    }
}

// Jumps are in no embedding: knowing the rest of the difficulty perfectly would reach a Pearson of .39 to .42 in the middle of
// that world, and .6 at its end, when nearly all prompts have jumped. What is learned must not lag far behind.
TEST(Simulate, Jumps_ComesNearWhatEmbeddingsCanTell)
{
    double middle = 0.0;
    double end = 0.0;
    constexpr int kSeeds = 3;
    for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
        const SyntheticWorld world
            = makeWorld({ .world = World::Jumps, .prompts = 2000, .steps = 60, .dimension = 16, .seed = seed });
        config::SelectionSection section;
        section.strategy = "midpoint";
        section.belief = "midpoint";
        section.intervalSteps = 2;
        section.explorationShare = 0.1;
        Selector selector(selectorOptions(section, 1), world.truth->pool(), makeStrategy(section),
            makeMidpointBelief({}, world.truth->pool(), world.embeddings, 16));
        const auto rounds = simulate(*world.truth, selector, 2, {});
        middle += *rounds[15].pearson / kSeeds;
        end += *rounds.back().pearson / kSeeds;
    }
    EXPECT_GT(middle, 0.33);
    EXPECT_GT(end, 0.4);
}

TEST(TruthFromMeasurements, Rates_FollowWhatWasMeasuredNearby)
{
    std::vector<Measurement> measurements;
    for (std::int64_t step = 0; step < 20; ++step)
        measurements.push_back({ step, 7, 8, step < 10 ? 0 : 8 });
    measurements.push_back({ 3, 9, 8, 8 }); // too rarely
    const auto truth = truthFromMeasurements(measurements, 3, 1.0);
    EXPECT_EQ(truth->pool().size(), 1);
    EXPECT_EQ(truth->steps(), 20);
    EXPECT_LT(ratesAt(*truth, 2)[0], 0.02);
    EXPECT_GT(ratesAt(*truth, 17)[0], 0.98);
    EXPECT_NEAR(ratesAt(*truth, 9)[0], 1.0 / 3.0, 0.01) << "weights 1, 1/2, 1/4, ... on one side, 1/2, 1/4, ... on the other";
    EXPECT_THROW(truthFromMeasurements(measurements, 100, 1.0), Error);
}

TEST(Simulate, SameSeed_SameRounds)
{
    const SyntheticWorld world = makeWorld({ .prompts = 200, .steps = 10, .dimension = 8 });
    const auto run = [&] {
        config::SelectionSection section;
        section.strategy = "mopps";
        section.belief = "posterior";
        section.intervalSteps = 1;
        Selector selector(selectorOptions(section, 1), world.truth->pool(), makeStrategy(section),
            makePosteriorBelief({}, world.truth->pool()));
        return simulate(*world.truth, selector, 1, {});
    };
    const auto first = run();
    const auto second = run();
    for (std::size_t i = 0; i < first.size(); ++i) {
        EXPECT_EQ(first[i].meanAbsoluteError, second[i].meanAbsoluteError);
        EXPECT_EQ(first[i].effectiveRatio, second[i].effectiveRatio);
    }
}

TEST(ReadTruth, RatesStayUntilNamedAgain)
{
    const test::TemporaryFolder folder;
    test::write(folder / "truth.csv", "step,prompt,success_rate\n0,7,0.25\n0,3,1\n2,7,0.5\n");
    const auto truth = readTruth(folder / "truth.csv");
    EXPECT_EQ(truth->steps(), 3);
    EXPECT_EQ(truth->pool().idAt(0), 3);
    EXPECT_EQ(ratesAt(*truth, 1), (std::vector<double> { 1.0, 0.25 }));
    EXPECT_EQ(ratesAt(*truth, 2), (std::vector<double> { 1.0, 0.5 }));
}

TEST(ReadTruth, BadLines_NameFileAndLine)
{
    const test::TemporaryFolder folder;
    const std::vector<std::pair<std::string, std::string>> cases = {
        { "prompt,step\n", ":1" },
        { "step,prompt,success_rate\n0,7\n", ":2" },
        { "step,prompt,success_rate\n0,7,1.5\n", ":2" },
        { "step,prompt,success_rate\n0,7,.5\n0,7,.5\n", ":3" },
        { "step,prompt,success_rate\n", "at least one line" },
        { "step,prompt,success_rate\n0,7,.5\n1,8,.5\n", "not in the first step" },
    };
    for (const auto& [content, expected] : cases) {
        test::write(folder / "truth.csv", content);
        try {
            readTruth(folder / "truth.csv");
            FAIL() << "accepted: " << content;
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::Data);
            EXPECT_NE(std::string(error.what()).find("truth.csv"), std::string::npos) << error.what();
            EXPECT_NE(std::string(error.what()).find(expected), std::string::npos) << error.what();
        }
    }
}

TEST(WorldFromName, Unknown_NamesTheKnownOnes)
{
    EXPECT_EQ(worldFromName("jumps"), World::Jumps);
    EXPECT_THROW(worldFromName("flat"), Error);
}

} // namespace
} // namespace midpoint::difficulty
