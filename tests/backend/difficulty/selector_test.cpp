#include "backend/difficulty/selector.h"

#include "backend/core/bytes.h"
#include "backend/core/error.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <set>

namespace midpoint::difficulty {
namespace {

// Believes the last measured success rate, and 1/2 where there is none; remembers how often it learned.
class LastRate : public Belief {
public:
    explicit LastRate(const PromptPool& pool)
        : m_pool(&pool)
        , m_rates(static_cast<std::size_t>(pool.size()), 0.5)
    {
    }
    const char* name() const override { return "last-rate"; }
    void learn(const Ledger& ledger, std::int64_t) override
    {
        for (const LedgerEntry& entry : ledger.entries())
            if (const auto index = m_pool->indexOf(entry.prompt))
                m_rates[static_cast<std::size_t>(*index)] = entry.successRate();
    }
    Estimates estimate(std::int64_t) const override
    {
        return { m_rates, std::vector<double>(m_rates.size(), 0.1), m_rates, {}, {} };
    }
    std::string saveState() const override
    {
        ByteWriter out;
        out.putVector(m_rates);
        return out.take();
    }
    void restoreState(std::string_view bytes) override { m_rates = ByteReader(bytes, "last-rate").getVector<double>(); }

private:
    const PromptPool* m_pool;
    std::vector<double> m_rates;
};

std::vector<PromptId> idsUpTo(std::int64_t count)
{
    std::vector<PromptId> ids(static_cast<std::size_t>(count));
    std::iota(ids.begin(), ids.end(), PromptId { 500 });
    return ids;
}

std::set<std::int64_t> indicesOf(const std::vector<Choice>& choices)
{
    std::set<std::int64_t> result;
    for (const Choice& choice : choices)
        result.insert(choice.index);
    return result;
}

class SelectorTest : public testing::Test {
protected:
    Selector make(const std::string& strategy, double temperature = 0.05)
    {
        config::SelectionSection section;
        section.strategy = strategy;
        section.temperature = temperature;
        return { m_options, m_pool, makeStrategy(section), std::make_unique<LastRate>(m_pool) };
    }
    void measure(PromptId prompt, std::int32_t successes)
    {
        m_ledger.add(
            { .prompt = prompt, .step = 0, .purpose = Purpose::Reference, .attempts = 8, .successes = successes });
    }

    PromptPool m_pool { idsUpTo(40) };
    SelectorOptions m_options { .seed = 3, .intervalSteps = 2, .referencePrompts = 6 };
    Ledger m_ledger;
};

TEST_F(SelectorTest, Round_StepsTakeDifferentPrompts)
{
    Selector selector = make("dots");
    selector.beginRound(0, m_ledger, 16);
    const auto first = selector.take(0, 8);
    const auto second = selector.take(1, 8);
    auto all = indicesOf(first);
    all.merge(indicesOf(second));
    EXPECT_EQ(all.size(), 16U);
    EXPECT_DOUBLE_EQ(selector.shareEverChosen(), 16.0 / 40.0);
}

TEST_F(SelectorTest, Take_MoreThanPlanned_GoesOnWithTheSameDraw)
{
    Selector planned = make("dots");
    planned.beginRound(0, m_ledger, 12);
    Selector refilled = make("dots");
    refilled.beginRound(0, m_ledger, 8);
    auto pieces = indicesOf(refilled.take(0, 8));
    pieces.merge(indicesOf(refilled.take(0, 4)));
    EXPECT_EQ(pieces, indicesOf(planned.take(0, 12)));
}

TEST_F(SelectorTest, Take_BeyondThePool_GivesWhatIsLeft)
{
    Selector selector = make("uniform");
    selector.beginRound(0, m_ledger, 30);
    EXPECT_EQ(selector.take(0, 30).size(), 30U);
    EXPECT_EQ(selector.take(0, 30).size(), 10U);
    EXPECT_EQ(selector.take(0, 1).size(), 0U);
    selector.beginRound(2, m_ledger, 30);
    EXPECT_EQ(selector.take(2, 30).size(), 30U) << "a new round may choose everything again";
}

TEST_F(SelectorTest, BeginRound_PoolTooSmall_SaysWhatToChange)
{
    Selector selector = make("uniform");
    try {
        selector.beginRound(0, m_ledger, 41);
        FAIL() << "41 different prompts of 40";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Config);
        EXPECT_NE(std::string(error.what()).find("batch.prompts_per_step"), std::string::npos) << error.what();
    }
}

TEST_F(SelectorTest, References_UniformDifferentAndKeyedByStep)
{
    Selector selector = make("dots");
    std::vector<int> counts(40, 0);
    for (std::int64_t step = 0; step < 2000; ++step) {
        const auto references = selector.chooseReferences(step);
        EXPECT_EQ(indicesOf(references).size(), 6U);
        EXPECT_EQ(references.front().purpose(), Purpose::Reference);
        for (const Choice& choice : references)
            ++counts[static_cast<std::size_t>(choice.index)];
    }
    for (const int count : counts) // each is in 6 of 40 draws: 300 of 2000, deviation 16
        EXPECT_NEAR(count, 300, 4.5 * 16);
    EXPECT_TRUE(make("uniform").chooseReferences(0).empty()) << "no belief needed, nothing to measure";
}

TEST_F(SelectorTest, ReuseReference_RoundLeavesReferencesOut)
{
    m_options.reuseReference = true;
    Selector selector = make("dots");
    const auto references = indicesOf(selector.chooseReferences(0));
    selector.beginRound(0, m_ledger, 34);
    for (const std::int64_t index : indicesOf(selector.take(0, 34)))
        EXPECT_FALSE(references.contains(index));
}

TEST_F(SelectorTest, Excluded_NeverChosenAndNeverReference)
{
    m_options.excluded = { 500, 510 };
    m_options.referencePrompts = 38;
    Selector selector = make("dots");
    EXPECT_EQ(selector.chooseReferences(0).size(), 38U);
    EXPECT_FALSE(indicesOf(selector.chooseReferences(0)).contains(10));
    selector.beginRound(0, m_ledger, 38);
    const auto chosen = indicesOf(selector.take(0, 40));
    EXPECT_EQ(chosen.size(), 38U);
    EXPECT_FALSE(chosen.contains(0));
    EXPECT_FALSE(chosen.contains(10));
}

TEST_F(SelectorTest, Pinned_PartOfEveryRound)
{
    measure(503, 0); // far from the target: would hardly ever be chosen
    m_options.pinned = { 503 };
    Selector selector = make("dots", 1e-3);
    for (std::int64_t step = 0; step < 10; step += 2) {
        selector.beginRound(step, m_ledger, 4);
        int found = 0;
        for (const Choice& choice : selector.take(step, 4))
            found += choice.prompt == 503 && choice.reason == ChoiceReason::Pinned ? 1 : 0;
        EXPECT_EQ(found, 1);
    }
    m_options.pinned = { 1 };
    EXPECT_THROW(make("dots"), Error);
}

TEST_F(SelectorTest, Exploration_EveryPromptEquallyOftenWhateverIsBelieved)
{
    for (PromptId id = 500; id < 520; ++id)
        measure(id, 0); // half of the pool never chosen by the target
    m_options.explorationShare = 0.15;
    m_options.intervalSteps = 1;
    Selector selector = make("dots", 1e-3);
    std::vector<int> explored(40, 0);
    int total = 0;
    constexpr int kRounds = 3000;
    for (std::int64_t step = 0; step < kRounds; ++step) {
        selector.beginRound(step, m_ledger, 10);
        for (const Choice& choice : selector.take(step, 10)) {
            if (choice.reason != ChoiceReason::Explored)
                continue;
            EXPECT_EQ(choice.purpose(), Purpose::Explore);
            ++explored[static_cast<std::size_t>(choice.index)];
            ++total;
        }
    }
    EXPECT_NEAR(total, 1.5 * kRounds, 4.5 * 0.5 * std::sqrt(kRounds)); // 1.5 a round, rounded at random
    for (const int count : explored) // 112.5 expected, deviation about 10.5
        EXPECT_NEAR(count, 1.5 * kRounds / 40, 4.5 * 10.5);
}

TEST_F(SelectorTest, Construct_StrategyWithoutBelief_IsAnError)
{
    config::SelectionSection section;
    section.strategy = "dots";
    EXPECT_THROW(Selector(m_options, m_pool, makeStrategy(section), nullptr), Error);
}

TEST_F(SelectorTest, SetSteeringAndStrategy_CountFromTheNextRound)
{
    Selector selector = make("dots");
    selector.beginRound(0, m_ledger, 4);
    selector.setSteering({ 503 }, { 504 });
    config::SelectionSection section;
    section.strategy = "uniform";
    selector.setStrategy(makeStrategy(section));
    selector.beginRound(2, m_ledger, 39);
    const auto chosen = indicesOf(selector.take(2, 40));
    EXPECT_TRUE(chosen.contains(3));
    EXPECT_FALSE(chosen.contains(4));
    EXPECT_THROW(selector.setSteering({ 1 }, {}), Error) << "not in the pool";
    Selector blind(m_options, m_pool, makeStrategy(section), nullptr);
    section.strategy = "dots";
    EXPECT_THROW(blind.setStrategy(makeStrategy(section)), Error) << "no belief";
}

TEST_F(SelectorTest, RestoreState_InTheMiddleOfARound_ContinuesExactly)
{
    m_options.explorationShare = 0.2;
    Selector selector = make("dots");
    measure(505, 2);
    selector.chooseReferences(0);
    selector.beginRound(0, m_ledger, 10);
    selector.take(0, 5);
    Selector resumed = make("dots");
    resumed.restoreState(selector.saveState());
    EXPECT_EQ(selector.saveState(), resumed.saveState());
    EXPECT_EQ(selector.estimates().mean, resumed.estimates().mean);
    for (std::int64_t step = 1; step < 8; ++step) {
        if (selector.startsRound(step)) {
            measure(500 + step, static_cast<std::int32_t>(step));
            EXPECT_EQ(indicesOf(selector.chooseReferences(step)), indicesOf(resumed.chooseReferences(step)));
            selector.beginRound(step, m_ledger, 10);
            resumed.beginRound(step, m_ledger, 10);
        }
        const auto expected = selector.take(step, 5);
        const auto found = resumed.take(step, 5);
        ASSERT_EQ(expected.size(), found.size());
        for (std::size_t i = 0; i < expected.size(); ++i) {
            EXPECT_EQ(expected[i].prompt, found[i].prompt);
            EXPECT_EQ(expected[i].reason, found[i].reason);
        }
    }
    EXPECT_EQ(selector.saveState(), resumed.saveState());
}

TEST_F(SelectorTest, RestoreState_OtherStrategyPoolOrDamage_IsAnError)
{
    Selector selector = make("dots");
    selector.beginRound(0, m_ledger, 10);
    const std::string saved = selector.saveState();
    EXPECT_THROW(make("uniform").restoreState(saved), Error);
    EXPECT_THROW(make("dots").restoreState(std::string_view(saved).substr(0, saved.size() - 1)), Error);
    m_pool = PromptPool(idsUpTo(39));
    EXPECT_THROW(make("dots").restoreState(saved), Error);
}

} // namespace
} // namespace midpoint::difficulty
