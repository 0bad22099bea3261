#include "backend/difficulty/beliefs.h"

#include "backend/core/error.h"
#include "backend/core/rng.h"
#include "backend/core/statistics.h"
#include "backend/core/text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numeric>

namespace midpoint::difficulty {
namespace {

std::vector<PromptId> idsUpTo(std::int64_t count)
{
    std::vector<PromptId> ids(static_cast<std::size_t>(count));
    std::iota(ids.begin(), ids.end(), PromptId { 1 });
    return ids;
}

Rng rngOf(std::int64_t step)
{
    RngKey key;
    key.seed = 21;
    key.purpose = DrawPurpose::Simulation;
    key.step = step;
    return Rng(key);
}

LedgerEntry entryOf(PromptId prompt, std::int64_t step, std::int32_t successes, Purpose purpose = Purpose::Train)
{
    return { .prompt = prompt, .step = step, .purpose = purpose, .attempts = 8, .successes = successes };
}

// --- posterior, last seen, SNIS ---

TEST(PosteriorBelief, Learn_DiscountsBeforeAdding)
{
    const PromptPool pool({ 1, 2 });
    const auto belief = makePosteriorBelief({ .priorSuccesses = 1.0, .priorFailures = 1.0, .discount = 0.5 }, pool);
    Ledger ledger;
    ledger.add(entryOf(1, 0, 6));
    belief->learn(ledger, 1);
    ledger.add(entryOf(1, 1, 2));
    ledger.add(entryOf(99, 1, 2)); // not in the pool
    belief->learn(ledger, 2);
    // a: 1 -> .5 + .5 + 6 = 7 -> 3.5 + .5 + 2 = 6; b: 1 -> 1 + 2 = 3 -> 1.5 + .5 + 6 = 8
    const Estimates estimates = belief->estimate(2);
    EXPECT_NEAR(estimates.mean[0], 6.0 / 14.0, 1e-12);
    EXPECT_NEAR(estimates.deviation[0], std::sqrt(6.0 * 8.0 / (14.0 * 14.0 * 15.0)), 1e-12);
    EXPECT_NEAR(estimates.signal[0], 6.0 * 8.0 / (14.0 * 15.0), 1e-12);
    EXPECT_NEAR(estimates.mean[1], 0.5, 1e-12);
}

TEST(LastSeenBelief, Learn_LastGroupCounts)
{
    const PromptPool pool({ 1, 2 });
    const auto belief = makeLastSeenBelief(pool);
    Ledger ledger;
    ledger.add(entryOf(1, 0, 6));
    ledger.add(entryOf(1, 3, 2));
    ledger.add({ .prompt = 1, .step = 4, .purpose = Purpose::Evaluate, .attempts = 8, .successes = 8 });
    belief->learn(ledger, 5);
    EXPECT_EQ(belief->estimate(5).mean[0], 0.25);
    EXPECT_EQ(belief->estimate(5).mean[1], 0.5);
    EXPECT_NEAR(belief->estimate(5).signal[0], 0.25 * 0.75 * 8 / 7, 1e-12);
}

TEST(OracleBelief, Learn_OnlyFreshMeasurementsOfThisRoundCount)
{
    const PromptPool pool(idsUpTo(4));
    const auto belief = makeOracleBelief(pool);
    Ledger ledger;
    ledger.add(entryOf(1, 0, 4, Purpose::Oracle));
    belief->learn(ledger, 0);
    EXPECT_EQ(belief->estimate(0).mean, (std::vector<double> { 0.5, 0, 0, 0 }));
    EXPECT_DOUBLE_EQ(belief->estimate(0).signal[0], 0.25) << "at most 1/4, though the unbiased estimate is 2/7";
    ledger.add(entryOf(2, 0, 8, Purpose::Train));
    ledger.add(entryOf(3, 1, 2, Purpose::Oracle));
    belief->learn(ledger, 1);
    EXPECT_EQ(belief->estimate(1).mean, (std::vector<double> { 0, 0, 0.25, 0 }));
    EXPECT_DOUBLE_EQ(belief->estimate(1).signal[2], 0.25 * 0.75 * 8 / 7);
}

TEST(MidpointOptions, Parts_AreSwitchedOneByOne)
{
    const std::vector<std::string> none;
    EXPECT_FALSE(midpointOptions(none).useCounts || midpointOptions(none).useEmbeddings || midpointOptions(none).useDrift
        || midpointOptions(none).useImportance || midpointOptions(none).useSignalHead || midpointOptions(none).useLength);
    const std::vector<std::string> two = { "counts", "signal" };
    EXPECT_TRUE(midpointOptions(two).useCounts && midpointOptions(two).useSignalHead);
    EXPECT_FALSE(midpointOptions(two).useEmbeddings || midpointOptions(two).useDrift || midpointOptions(two).useImportance);
    const std::vector<std::string> wrong = { "luck" };
    EXPECT_THROW(midpointOptions(wrong), Error);
}

TEST(Snis, ImportanceEstimate_ByHand)
{
    const ReplayedEvidence evidence { 1, 0, { 1, 0, 0, 1 }, { std::log(2.0), 0.0, std::log(0.5), 9.0 } };
    const auto estimate = importanceEstimate(evidence, { .weightLimit = std::log(4.0), .fewestEffectiveSamples = 2.0 });
    const std::vector<double> weights = { 2.0, 1.0, 0.5, 4.0 }; // the last one cut
    EXPECT_NEAR(estimate->successRate, 6.0 / 7.5, 1e-12);
    EXPECT_NEAR(estimate->effectiveSamples, 7.5 * 7.5 / 21.25, 1e-12);
    EXPECT_FALSE(importanceEstimate({ 1, 0, { 1, 0 }, { 3.0, -3.0 } }, {})) << "one sample carries all the weight";
    EXPECT_FALSE(importanceEstimate({ 1, 0, { 1, 0 }, { std::nan(""), 0.0 } }, {}));
}

// Rollouts under one policy reweighted to another: the estimate must find the success rate under the other.
// (Self-normalised weights are biased by O(1 / samples), hence the large groups.)
TEST(Snis, ReweightedGroup_FindsThePresentRate)
{
    Rng rng = rngOf(3);
    const double before = 0.3;
    const double now = 0.6;
    double total = 0.0;
    constexpr int kGroups = 400;
    for (int group = 0; group < kGroups; ++group) {
        ReplayedEvidence evidence;
        for (int i = 0; i < 512; ++i) {
            const bool success = rng.uniform() < before;
            evidence.success.push_back(success ? 1 : 0);
            evidence.logWeight.push_back(success ? std::log(now / before) : std::log((1 - now) / (1 - before)));
        }
        total += importanceEstimate(evidence, {})->successRate / kGroups;
    }
    EXPECT_NEAR(total, now, 0.01);
}

TEST(SnisBelief, LearnFromReplayed_CorrectsOnlyTheNewestGroup)
{
    const PromptPool pool({ 1, 2 });
    const auto belief = makeSnisBelief({}, pool);
    Ledger ledger;
    ledger.add(entryOf(1, 2, 4));
    belief->learn(ledger, 3);
    ReplayedEvidence evidence { 1, 2, { 1, 1, 1, 1, 0, 0, 0, 0 }, std::vector<double>(8, 0.0) };
    for (std::size_t i = 0; i < 4; ++i)
        evidence.logWeight[i] = std::log(3.0);
    ReplayedEvidence stale = evidence;
    stale.birthStep = 0;
    belief->learnFromReplayed(std::vector { stale }, 4);
    EXPECT_EQ(belief->estimate(4).mean[0], 0.5);
    belief->learnFromReplayed(std::vector { evidence }, 4);
    EXPECT_NEAR(belief->estimate(4).mean[0], 0.75, 1e-12);
}

// --- all of them ---

struct Kind {
    std::string name;
    std::function<std::unique_ptr<Belief>(const PromptPool&)> make;
};

std::vector<float> noise(std::int64_t count)
{
    Rng rng = rngOf(77);
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& value : values)
        value = static_cast<float>(rng.normal());
    return values;
}

std::vector<Kind> kinds()
{
    return {
        { "posterior", [](const PromptPool& pool) { return makePosteriorBelief({}, pool); } },
        { "last_seen", [](const PromptPool& pool) { return makeLastSeenBelief(pool); } },
        { "snis", [](const PromptPool& pool) { return makeSnisBelief({}, pool); } },
        { "midpoint", [](const PromptPool& pool) { return makeMidpointBelief({}, pool, noise(pool.size() * 4), 4); } },
    };
}

// Half of the pool is never solved, half always. Every prompt is measured five times: no belief may be pulled to one
// half.
TEST(Beliefs, PromptsNeverAndAlwaysSolved_UnbiasedAfterMeasuring)
{
    for (const Kind& kind : kinds()) {
        const PromptPool pool(idsUpTo(60));
        const auto belief = kind.make(pool);
        Ledger ledger;
        for (std::int64_t step = 0; step < 5; ++step) {
            for (PromptId id = 1; id <= 60; ++id)
                ledger.add(entryOf(id, step, id % 2 == 0 ? 8 : 0));
            belief->learn(ledger, step + 1);
        }
        const Estimates estimates = belief->estimate(5);
        double never = 0.0;
        double always = 0.0;
        for (std::size_t i = 0; i < 60; ++i)
            (i % 2 == 1 ? always : never) += estimates.mean[i] / 30.0;
        EXPECT_LT(never, 0.08) << kind.name;
        EXPECT_GT(always, 0.92) << kind.name;
        EXPECT_NEAR(never + always, 1.0, 0.02) << kind.name << " leans to one side";
        EXPECT_EQ(belief->name(), kind.name);
    }
}

TEST(Beliefs, Estimates_AlwaysInsideTheirRanges)
{
    for (const Kind& kind : kinds()) {
        const PromptPool pool(idsUpTo(50));
        const auto belief = kind.make(pool);
        Ledger ledger;
        Rng rng = rngOf(5);
        for (std::int64_t step = 0; step < 40; ++step) {
            for (int i = 0; i < 10; ++i)
                ledger.add(entryOf(1 + rng.below(50), step, static_cast<std::int32_t>(rng.below(9)),
                    i < 2 ? Purpose::Explore : Purpose::Train));
            belief->learn(ledger, step + 1);
            const Estimates estimates = belief->estimate(step + 1);
            ASSERT_EQ(estimates.mean.size(), 50U);
            ASSERT_EQ(estimates.deviation.size(), 50U);
            ASSERT_EQ(estimates.signal.size(), 50U);
            for (std::size_t i = 0; i < 50; ++i) {
                EXPECT_GE(estimates.mean[i], 0.0) << kind.name;
                EXPECT_LE(estimates.mean[i], 1.0) << kind.name;
                EXPECT_GE(estimates.deviation[i], 0.0) << kind.name;
                EXPECT_LE(estimates.deviation[i], 0.5) << kind.name;
                EXPECT_GE(estimates.signal[i], 0.0) << kind.name;
                EXPECT_LE(estimates.signal[i], 0.25) << kind.name;
            }
        }
    }
}

TEST(Beliefs, RestoreState_InTheMiddle_ContinuesExactly)
{
    for (const Kind& kind : kinds()) {
        const PromptPool pool(idsUpTo(30));
        const auto belief = kind.make(pool);
        auto resumed = kind.make(pool);
        Ledger ledger;
        Rng rng = rngOf(6);
        for (std::int64_t step = 0; step < 12; ++step) {
            for (int i = 0; i < 6; ++i)
                ledger.add(entryOf(1 + rng.below(30), step, static_cast<std::int32_t>(rng.below(9)), Purpose::Explore));
            belief->learn(ledger, step + 1);
            if (step > 5)
                resumed->learn(ledger, step + 1);
            if (step == 5) {
                resumed->restoreState(belief->saveState());
                EXPECT_EQ(resumed->saveState(), belief->saveState()) << kind.name;
            }
        }
        EXPECT_EQ(resumed->estimate(12).mean, belief->estimate(12).mean) << kind.name;
        EXPECT_EQ(resumed->estimate(12).signal, belief->estimate(12).signal) << kind.name;
    }
}

TEST(Beliefs, RestoreState_OfOtherPoolOrDamaged_IsAnError)
{
    for (const Kind& kind : kinds()) {
        const PromptPool pool(idsUpTo(10));
        const PromptPool other(idsUpTo(9));
        const std::string saved = kind.make(pool)->saveState();
        EXPECT_THROW(kind.make(other)->restoreState(saved), Error) << kind.name;
        EXPECT_THROW(kind.make(pool)->restoreState(std::string_view(saved).substr(0, saved.size() / 2)), Error)
            << kind.name;
    }
}

// --- midpoint ---

// Success rates follow the first number of the embedding; prompts never measured must be estimated from it.
class MidpointBeliefTest : public testing::Test {
protected:
    static constexpr std::int64_t kPrompts = 300;
    static constexpr std::int64_t kDimension = 6;

    MidpointBeliefTest()
    {
        Rng rng = rngOf(8);
        for (std::int64_t i = 0; i < kPrompts * kDimension; ++i)
            m_embeddings.push_back(static_cast<float>(rng.normal() * (i % kDimension + 1)));
        for (std::int64_t i = 0; i < kPrompts; ++i)
            m_rates.push_back(1.0
                / (1.0 + std::exp(-2.0 * static_cast<double>(m_embeddings[static_cast<std::size_t>(i * kDimension)]))));
    }
    void measure(std::int64_t firstIndex, std::int64_t lastIndex, std::int64_t step, double shift = 0.0)
    {
        Rng rng = rngOf(100 + step);
        for (std::int64_t i = firstIndex; i < lastIndex; ++i) {
            const double logit
                = std::log(m_rates[static_cast<std::size_t>(i)] / (1 - m_rates[static_cast<std::size_t>(i)])) + shift;
            LedgerEntry entry = entryOf(i + 1, step, 0, Purpose::Explore);
            for (int sample = 0; sample < 8; ++sample)
                entry.successes += rng.uniform() < 1.0 / (1.0 + std::exp(-logit)) ? 1 : 0;
            m_ledger.add(entry);
        }
    }
    std::span<const double> unmeasured(const std::vector<double>& values) const
    {
        return std::span(values).subspan(200);
    }

    PromptPool m_pool { idsUpTo(kPrompts) };
    std::vector<float> m_embeddings;
    std::vector<double> m_rates;
    Ledger m_ledger;
};

TEST_F(MidpointBeliefTest, UnmeasuredPrompts_EstimatedFromTheirEmbeddings)
{
    const auto belief = makeMidpointBelief({}, m_pool, m_embeddings, kDimension);
    measure(0, 200, 0);
    belief->learn(m_ledger, 1);
    const Estimates estimates = belief->estimate(1);
    EXPECT_GT(*statistics::pearson(unmeasured(estimates.mean), unmeasured(m_rates)).value, 0.9);
    const auto blind = makeMidpointBelief({ .useEmbeddings = false }, m_pool, m_embeddings, kDimension);
    blind->learn(m_ledger, 1);
    const std::vector<double> blindMeans = blind->estimate(1).mean;
    for (const double mean : unmeasured(blindMeans))
        EXPECT_NEAR(mean, *statistics::mean(std::span(m_rates).first(200)), 0.05)
            << "without embeddings only the mean of all is known";
}

TEST_F(MidpointBeliefTest, Counts_OfThePromptItself_OutweighThePrior)
{
    const auto belief = makeMidpointBelief({}, m_pool, m_embeddings, kDimension);
    const auto withoutCounts = makeMidpointBelief({ .useCounts = false }, m_pool, m_embeddings, kDimension);
    measure(0, 200, 0);
    for (std::int64_t step = 1; step < 5; ++step)
        m_ledger.add(entryOf(250, step, m_rates[249] > 0.5 ? 0 : 8));
    belief->learn(m_ledger, 5);
    withoutCounts->learn(m_ledger, 5);
    const double contrary = m_rates[249] > 0.5 ? 0.0 : 1.0;
    EXPECT_LT(
        std::abs(belief->estimate(5).mean[249] - contrary), std::abs(withoutCounts->estimate(5).mean[249] - contrary));
    EXPECT_LT(belief->estimate(5).deviation[249], withoutCounts->estimate(5).deviation[249]);
}

TEST_F(MidpointBeliefTest, OldCounts_FadeTowardsThePrior)
{
    const auto belief = makeMidpointBelief({}, m_pool, m_embeddings, kDimension);
    measure(0, 200, 0);
    m_ledger.add(entryOf(300, 0, m_rates[299] > 0.5 ? 0 : 8));
    belief->learn(m_ledger, 1);
    const auto withoutCounts = makeMidpointBelief({ .useCounts = false }, m_pool, m_embeddings, kDimension);
    withoutCounts->learn(m_ledger, 1);
    const double prior = withoutCounts->estimate(1).mean[299];
    EXPECT_GT(std::abs(belief->estimate(1).mean[299] - prior), 4 * std::abs(belief->estimate(60).mean[299] - prior));
}

TEST_F(MidpointBeliefTest, PolicyImproves_DriftMovesUnmeasuredPrompts)
{
    const auto drifting = makeMidpointBelief({}, m_pool, m_embeddings, kDimension);
    const auto still = makeMidpointBelief({ .useDrift = false }, m_pool, m_embeddings, kDimension);
    measure(0, 200, 0);
    for (const auto& belief : { drifting.get(), still.get() })
        belief->learn(m_ledger, 1);
    measure(0, 40, 1, 2.0); // everything is solved more often now
    for (const auto& belief : { drifting.get(), still.get() })
        belief->learn(m_ledger, 2);
    EXPECT_GT(*statistics::mean(unmeasured(drifting->estimate(2).mean)),
        *statistics::mean(unmeasured(still->estimate(2).mean)) + 0.02);
}

// Knows the difficulty, but not that the policy has become better; and it remembers what it has measured.
class StalePrior : public Belief {
public:
    explicit StalePrior(std::vector<double> rates)
        : m_rates(std::move(rates))
    {
    }
    const char* name() const override { return "stale"; }
    void learn(const Ledger& ledger, std::int64_t) override { m_seen = std::ssize(ledger.entries()); }
    Estimates estimate(std::int64_t) const override
    {
        Estimates estimates { m_rates, std::vector<double>(m_rates.size(), 0.1), {}, {}, {} };
        for (std::int64_t i = 0; i < m_seen; ++i) {
            estimates.references.push_back({ i, m_rates[static_cast<std::size_t>(i)], 8, 8 });
            estimates.mean[static_cast<std::size_t>(i)] = 1.0;
        }
        return estimates;
    }
    std::string saveState() const override { return concat(m_seen); }
    void restoreState(std::string_view bytes) override { m_seen = std::stoll(std::string(bytes)); }

private:
    std::vector<double> m_rates;
    std::int64_t m_seen = 0;
};

TEST_F(MidpointBeliefTest, TrainedPrior_IsCorrectedByWhatTheRunMeasures)
{
    const auto make = [&] {
        return makeMidpointBelief({ .useEmbeddings = false }, m_pool, {}, 0, std::make_unique<StalePrior>(m_rates));
    };
    const auto belief = make();
    measure(0, 100, 0, 2.0); // everything is solved more often than the prior says
    belief->learn(m_ledger, 1);
    std::vector<double> rates;
    for (const double rate : m_rates)
        rates.push_back(1.0 / (1.0 + std::exp(-2.0) * (1.0 - rate) / rate));
    const std::vector<double> means = belief->estimate(1).mean;
    EXPECT_LT(*statistics::meanAbsoluteError(unmeasured(means), unmeasured(rates)), 0.05);
    EXPECT_GT(*statistics::meanAbsoluteError(unmeasured(m_rates), unmeasured(rates)), 0.15) << "the prior alone";

    const auto resumed = make();
    resumed->restoreState(belief->saveState());
    EXPECT_EQ(resumed->estimate(1).mean, means);
    EXPECT_EQ(resumed->saveState(), belief->saveState());
    const auto cold = makeMidpointBelief({ .useEmbeddings = false }, m_pool, {}, 0);
    EXPECT_THROW(cold->restoreState(belief->saveState()), Error);
}

// A rate that is 0 or 1 with equal chance: the mean is 1/2 and yet there is no signal. Only the signal head can know.
TEST_F(MidpointBeliefTest, SignalHead_KnowsThatOneHalfCanMeanNoSignal)
{
    for (std::int64_t i = 0; i < 200; ++i)
        m_ledger.add(entryOf(i + 1, 0, rngOf(i).uniform() < 0.5 ? 0 : 8, Purpose::Explore));
    const auto with = makeMidpointBelief({}, m_pool, m_embeddings, kDimension);
    const auto without = makeMidpointBelief({ .useSignalHead = false }, m_pool, m_embeddings, kDimension);
    with->learn(m_ledger, 1);
    without->learn(m_ledger, 1);
    EXPECT_LT(*statistics::mean(unmeasured(with->estimate(1).signal)), 0.02);
    EXPECT_GT(*statistics::mean(unmeasured(without->estimate(1).signal)), 0.1);
}

// Responses to prompts with a large second feature are long, whatever their success.
TEST_F(MidpointBeliefTest, Lengths_OfUnmeasuredPrompts_FollowTheirEmbeddingsAndTheTrend)
{
    MidpointOptions options;
    options.longestResponse = 100;
    const auto belief = makeMidpointBelief(options, m_pool, m_embeddings, kDimension);
    EXPECT_TRUE(belief->estimate(0).tokens.empty()) << "nothing measured yet";
    const auto lengthOf = [&](std::int64_t index, std::int64_t step) {
        const double feature = static_cast<double>(m_embeddings[static_cast<std::size_t>(index * kDimension + 1)]) / 2.0;
        return 100.0 / (1.0 + std::exp(1.5 - feature - 0.05 * static_cast<double>(step)));
    };
    for (std::int64_t step = 0; step < 10; ++step)
        for (std::int64_t i = step * 20; i < (step + 1) * 20; ++i) {
            LedgerEntry entry = entryOf(i + 1, step, 4);
            entry.tokens = std::llround(8.0 * lengthOf(i, step));
            m_ledger.add(entry);
        }
    belief->learn(m_ledger, 10);
    const Estimates estimates = belief->estimate(10);
    std::vector<double> truth;
    for (std::int64_t i = 0; i < kPrompts; ++i)
        truth.push_back(lengthOf(i, 10));
    EXPECT_GT(*statistics::pearson(unmeasured(estimates.tokens), unmeasured(truth)).value, 0.95);
    EXPECT_LT(*statistics::meanAbsoluteError(unmeasured(estimates.tokens), unmeasured(truth)), 5.0);
    EXPECT_NEAR(*statistics::bias(unmeasured(estimates.tokens), unmeasured(truth)), 0.0, 3.0);
    options.useLength = false;
    const auto without = makeMidpointBelief(options, m_pool, m_embeddings, kDimension);
    without->learn(m_ledger, 10);
    EXPECT_TRUE(without->estimate(10).tokens.empty());
}

TEST_F(MidpointBeliefTest, ReplayedEvidence_MovesTheNewestGroup)
{
    const auto belief = makeMidpointBelief({ .useEmbeddings = false }, m_pool, m_embeddings, kDimension);
    m_ledger.add(entryOf(1, 2, 4));
    belief->learn(m_ledger, 3);
    const double before = belief->estimate(3).mean[0];
    ReplayedEvidence evidence { 1, 2, { 1, 1, 1, 1, 0, 0, 0, 0 }, std::vector<double>(8, 0.0) };
    for (std::size_t i = 0; i < 4; ++i)
        evidence.logWeight[i] = 1.0;
    belief->learnFromReplayed(std::vector { evidence }, 3);
    EXPECT_GT(belief->estimate(3).mean[0], before + 0.05);
}

TEST_F(MidpointBeliefTest, EmbeddingsOfAnotherSize_AreAnError)
{
    EXPECT_THROW(makeMidpointBelief({}, m_pool, m_embeddings, kDimension + 1), Error);
}

} // namespace
} // namespace midpoint::difficulty
