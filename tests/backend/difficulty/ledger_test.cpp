#include "backend/difficulty/ledger.h"

#include "backend/core/error.h"
#include "backend/difficulty/prompt_pool.h"

#include <gtest/gtest.h>

namespace midpoint::difficulty {
namespace {

Rollout rollout(Verdict verdict, std::vector<float> logprobs)
{
    Rollout result;
    result.verdict = verdict;
    result.tokens.assign(logprobs.size(), 1);
    result.logprobs = std::move(logprobs);
    return result;
}

Group group(PromptId prompt, std::int64_t step, Purpose purpose, std::vector<Rollout> rollouts)
{
    Group result;
    result.prompt = prompt;
    result.birthStep = step;
    result.purpose = purpose;
    result.rollouts = std::move(rollouts);
    return result;
}

TEST(Ledger, Summarise_Group_CountsVerdictsAndSumsLogprobs)
{
    const LedgerEntry entry = summarise(group(5, 3, Purpose::Explore,
        { rollout(Verdict::Correct, { -1.0F, -0.5F }), rollout(Verdict::Wrong, { -2.0F }),
            rollout(Verdict::Truncated, { -0.25F, -0.25F }), rollout(Verdict::Unparseable, { -1.0F }),
            rollout(Verdict::Timeout, { -4.0F }) }));
    EXPECT_EQ(entry.prompt, 5);
    EXPECT_EQ(entry.step, 3);
    EXPECT_EQ(entry.purpose, Purpose::Explore);
    EXPECT_EQ(entry.attempts, 5);
    EXPECT_EQ(entry.successes, 1);
    EXPECT_EQ(entry.tokens, 7);
    EXPECT_DOUBLE_EQ(entry.successLogprob, -1.5);
    EXPECT_DOUBLE_EQ(entry.failureLogprob, -7.5);
    EXPECT_DOUBLE_EQ(entry.successRate(), 0.2);
}

TEST(Ledger, Summarise_NoVerdictAboutTheResponse_IsNoFailure)
{
    const LedgerEntry entry = summarise(group(5, 3, Purpose::Train,
        { rollout(Verdict::GraderFailed, { -1.0F }), rollout(Verdict::UnparseableReference, { -1.0F }),
            rollout(Verdict::Correct, { -1.0F }) }));
    EXPECT_EQ(entry.attempts, 1);
    EXPECT_EQ(entry.successes, 1);
    EXPECT_EQ(entry.ungraded, 2);
    EXPECT_EQ(entry.failureLogprob, 0.0);
}

LedgerEntry entryOf(PromptId prompt, std::int64_t step)
{
    return { .prompt = prompt, .step = step, .attempts = 8, .successes = 3 };
}

Ledger exampleLedger()
{
    Ledger ledger;
    ledger.add(
        group(7, 0, Purpose::Reference, { rollout(Verdict::Correct, { -0.1F }), rollout(Verdict::Wrong, { -0.3F }) }));
    ledger.add(group(9, 0, Purpose::Train, { rollout(Verdict::Wrong, { -0.2F }) }));
    ledger.add(group(7, 2, Purpose::Train, { rollout(Verdict::Correct, { -0.7F, -0.1F }) }));
    return ledger;
}

TEST(Ledger, History_PromptMeasuredTwice_BothInOrder)
{
    const Ledger ledger = exampleLedger();
    const auto history = ledger.history(7);
    ASSERT_EQ(history.size(), 2U);
    EXPECT_EQ(history[0].step, 0);
    EXPECT_EQ(history[1].step, 2);
    EXPECT_TRUE(ledger.history(8).empty());
    EXPECT_EQ(ledger.promptsSeen(), 2);
}

TEST(Ledger, Totals_ByPurpose_Apart)
{
    const Ledger ledger = exampleLedger();
    EXPECT_EQ(ledger.totals(Purpose::Train).groups, 2);
    EXPECT_EQ(ledger.totals(Purpose::Train).rollouts, 2);
    EXPECT_EQ(ledger.totals(Purpose::Train).tokens, 3);
    EXPECT_EQ(ledger.totals(Purpose::Reference).successes, 1);
    EXPECT_EQ(ledger.totals(Purpose::Evaluate).groups, 0);
}

TEST(Ledger, Deserialise_OfSerialised_Equal)
{
    const Ledger ledger = exampleLedger();
    const Ledger restored = Ledger::deserialise(ledger.serialise());
    EXPECT_TRUE(std::equal(
        ledger.entries().begin(), ledger.entries().end(), restored.entries().begin(), restored.entries().end()));
    EXPECT_EQ(restored.totals(Purpose::Train).tokens, 3);
    EXPECT_EQ(restored.serialise(), ledger.serialise());
}

TEST(Ledger, Deserialise_CutBytes_IsAnError)
{
    const std::string bytes = exampleLedger().serialise();
    for (std::size_t size = 0; size < bytes.size(); ++size)
        EXPECT_THROW(Ledger::deserialise(std::string_view(bytes).substr(0, size)), Error);
    EXPECT_THROW(Ledger::deserialise(bytes + "x"), Error);
}

TEST(Ledger, RollBack_ToAnEarlierLength_LeavesNoTrace)
{
    Ledger ledger = exampleLedger();
    const std::string before = ledger.serialise();
    ledger.add(entryOf(11, 3));
    ledger.add(entryOf(7, 3));
    ledger.rollBack(3);
    EXPECT_EQ(ledger.serialise(), before);
    EXPECT_EQ(ledger.promptsSeen(), 2);
    EXPECT_EQ(ledger.totals(Purpose::Train).groups, 2);
    EXPECT_EQ(ledger.history(7).size(), 2U);
}

TEST(Ledger, Add_MoreSuccessesThanAttempts_IsAnError)
{
    Ledger ledger;
    EXPECT_THROW(ledger.add({ .prompt = 1, .attempts = 2, .successes = 3 }), Error);
}

TEST(PromptPool, IndexOf_KnownAndUnknown)
{
    const PromptPool pool({ 30, 10, 20 });
    EXPECT_EQ(pool.indexOf(10), 1);
    EXPECT_EQ(pool.indexOf(11), std::nullopt);
    EXPECT_EQ(pool.idAt(2), 20);
}

TEST(PromptPool, Construct_RepeatedId_NamesIt)
{
    try {
        const PromptPool pool({ 30, 10, 30 });
        FAIL() << "a repeated id was accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Data);
        EXPECT_NE(std::string(error.what()).find("30"), std::string::npos);
    }
}

} // namespace
} // namespace midpoint::difficulty
