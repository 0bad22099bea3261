#include "backend/core/error.h"
#include "backend/store/rollout_store.h"
#include "tests/support/fake_run.h"
#include "tests/support/fixtures.h"
#include "tests/support/held_database.h"

#include <algorithm>
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace midpoint::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

void expectEqual(const StoredGroup& found, const StoredGroup& expected)
{
    EXPECT_EQ(found.promptIndex, expected.promptIndex);
    EXPECT_EQ(found.birthStep, expected.birthStep);
    EXPECT_EQ(found.isReplayed, expected.isReplayed);
    EXPECT_EQ(found.promptTokens, expected.promptTokens);
    ASSERT_EQ(found.rollouts.size(), expected.rollouts.size());
    for (std::size_t i = 0; i < found.rollouts.size(); ++i) {
        const StoredRollout& a = found.rollouts[i];
        const StoredRollout& b = expected.rollouts[i];
        EXPECT_EQ(a.rollout.text, b.rollout.text);
        EXPECT_EQ(a.rollout.tokens, b.rollout.tokens);
        EXPECT_EQ(a.rollout.logprobs, b.rollout.logprobs);
        EXPECT_EQ(a.rollout.verdict, b.rollout.verdict);
        EXPECT_EQ(a.rollout.finish, b.rollout.finish);
        EXPECT_EQ(a.rollout.reward, b.rollout.reward);
        EXPECT_EQ(a.rollout.rewardParts, b.rollout.rewardParts);
        EXPECT_EQ(a.rollout.extracted, b.rollout.extracted);
        EXPECT_EQ(a.rollout.rule, b.rollout.rule);
        EXPECT_EQ(a.trainerLogprobs, b.trainerLogprobs);
        EXPECT_EQ(a.entropies, b.entropies);
        EXPECT_EQ(a.tokenEnds, b.tokenEnds);
        EXPECT_TRUE(a.advantage == b.advantage || (std::isnan(a.advantage) && std::isnan(b.advantage)));
    }
}

TEST(RolloutStore, WholeGroups_ReadBackEqual)
{
    test::TemporaryFolder folder;
    auto groups = test::fakeGroups({}, 5);
    groups[0].rollouts[0].rollout.rewardParts = { { "success", 0.8 }, { "format", 0.2 } };
    groups[0].rollouts[1].entropies = { 0.5f, 1.5f };
    groups[1].rollouts[0].advantage = kMissing;
    groups[2].rollouts[0].rollout.text.clear(); // an empty response
    groups[2].rollouts[0].rollout.tokens.clear();
    RolloutStore writer(folder / "rollouts.db", {});
    writer.append(5, groups);

    const RolloutReader reader(folder.path());
    const auto found = reader.groups(5);
    ASSERT_EQ(found.size(), groups.size());
    for (std::size_t i = 0; i < groups.size(); ++i) {
        EXPECT_EQ(found[i].step, 5);
        expectEqual(found[i], groups[i]);
        ASSERT_TRUE(reader.group(found[i].id).has_value());
        expectEqual(*reader.group(found[i].id), groups[i]);
    }
    EXPECT_EQ(reader.group(999), std::nullopt);
    EXPECT_THAT(reader.steps(), ElementsAre(5));
    EXPECT_EQ(reader.groups(5, groups[0].promptIndex).front().promptIndex, groups[0].promptIndex);
    EXPECT_TRUE(reader.groups(6).empty());
}

TEST(RolloutStore, Filters_FindExactlyWhatMatches)
{
    test::TemporaryFolder folder;
    test::FakeRunOptions options;
    RolloutStore writer(folder / "rollouts.db", {});
    std::size_t wrong = 0;
    std::size_t replayed = 0;
    std::size_t needle = 0;
    for (std::int64_t step = 1; step <= 6; ++step) {
        auto groups = test::fakeGroups(options, step);
        groups[0].rollouts[2].rollout.text += step == 4 ? " the NeeDle" : "";
        for (const StoredGroup& group : groups)
            for (const StoredRollout& one : group.rollouts) {
                wrong += one.rollout.verdict == Verdict::Wrong ? 1 : 0;
                replayed += group.isReplayed ? 1 : 0;
                needle += one.rollout.text.find("NeeDle") != std::string::npos ? 1 : 0;
            }
        writer.append(step, groups);
    }
    ASSERT_EQ(needle, 1u);
    const RolloutReader reader(folder / "rollouts.db");
    RolloutFilter filter;
    filter.verdict = Verdict::Wrong;
    EXPECT_EQ(reader.find(filter).size(), wrong);
    filter = {};
    filter.isReplayed = true;
    EXPECT_EQ(reader.find(filter).size(), replayed);
    filter = {};
    filter.text = "needLE";
    const auto found = reader.find(filter);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].step, 4);
    EXPECT_EQ(found[0].sample, 2);
    filter = {};
    filter.step = 3;
    for (const RolloutSummary& row : reader.find(filter))
        EXPECT_EQ(row.step, 3);
    filter = {};
    const auto all = reader.find(filter);
    EXPECT_EQ(all.front().step, 6); // newest first
    filter.limit = 10;
    filter.offset = 5;
    const auto page = reader.find(filter);
    ASSERT_EQ(page.size(), 10u);
    EXPECT_EQ(page.front().groupId, all[5].groupId);
    EXPECT_EQ(page.front().sample, all[5].sample);
}

TEST(RolloutStore, StopRequest_EndsTheSearch)
{
    test::TemporaryFolder folder;
    test::writeFakeRun(folder.path());
    std::stop_source stop;
    stop.request_stop();
    EXPECT_THROW(RolloutReader(folder.path()).find({}, stop.get_token()), Error);
}

TEST(RolloutStore, Cap_DropsTheOldestStepsAndCountsThem)
{
    test::TemporaryFolder folder;
    RolloutStoreOptions options;
    options.maxBytes = 300'000;
    RolloutStore writer(folder / "rollouts.db", options);
    for (std::int64_t step = 1; step <= 120; ++step)
        writer.append(step, test::fakeGroups({}, step));
    const auto steps = RolloutReader(folder.path()).steps();
    EXPECT_EQ(steps.back(), 120);
    EXPECT_GT(steps.front(), 1);
    EXPECT_EQ(writer.droppedGroups(), (steps.front() - 1) * 4);
    EXPECT_EQ(test::numberFromSql(folder / "rollouts.db", "SELECT count(*) FROM rollouts WHERE group_id NOT IN (SELECT id FROM groups)"), 0);
    writer.finish();
    EXPECT_LT(std::filesystem::file_size(folder / "rollouts.db"), 2 * 300'000u);
}

TEST(RolloutStore, Resume_RemovesWhatCameAfter)
{
    test::TemporaryFolder folder;
    {
        RolloutStore writer(folder / "rollouts.db", {});
        for (std::int64_t step = 1; step <= 8; ++step)
            writer.append(step, test::fakeGroups({}, step));
    }
    RolloutStore writer(folder / "rollouts.db", {}, 5);
    EXPECT_THAT(RolloutReader(folder.path()).steps(), ElementsAre(1, 2, 3, 4, 5));
    writer.append(6, test::fakeGroups({}, 6));
    EXPECT_THAT(RolloutReader(folder.path()).steps(), ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST(RolloutStore, DamagedPayload_NamesTheGroup)
{
    test::TemporaryFolder folder;
    test::writeFakeRun(folder.path());
    test::runSql(folder / "rollouts.db", "UPDATE groups SET payload = x'00112233' WHERE id = 2");
    try {
        RolloutReader(folder.path()).group(2);
        FAIL() << "a damaged group was read";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Store);
        EXPECT_THAT(error.what(), testing::AllOf(HasSubstr("rollouts.db"), HasSubstr("group 2")));
    }
}

TEST(RolloutReader, MissingFile_IsAnError)
{
    test::TemporaryFolder folder;
    EXPECT_FALSE(RolloutReader::exists(folder.path()));
    EXPECT_THROW(RolloutReader reader(folder.path()), Error);
}

} // namespace
} // namespace midpoint::store
