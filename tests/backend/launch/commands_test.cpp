#include "backend/core/error.h"
#include "backend/launch/commands.h"
#include "tests/support/fixtures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace midpoint::launch {
namespace {

using testing::HasSubstr;

TEST(Commands, Text_ParsesAndDescribesItself)
{
    for (const char* text : { "pause", "continue", "checkpoint", "stop-after-step", "stop-now", "set selection.target=0.4",
                              "exclude-prompt 17", "pin-prompt 3", "unpin-prompt 3" })
        EXPECT_EQ(describe(parseCommand(text)), text);
    const Command set = parseCommand("  set  optimizer.learning_rate = 2e-5 ");
    EXPECT_EQ(set.key, "optimizer.learning_rate");
    EXPECT_EQ(set.value, "2e-5");
}

TEST(Commands, WrongText_SaysWhatWasExpected)
{
    const std::vector<std::pair<const char*, const char*>> cases {
        { "dance", "expected a command (pause, continue" }, { "", "expected a command" },      { "set", "expected key=value" },
        { "set =4", "expected key=value" },                 { "pin-prompt", "prompt's index" }, { "pin-prompt x", "found 'x'" },
        { "pin-prompt -1", "found '-1'" },                  { "pause now", "expected no argument, found 'now'" },
    };
    for (const auto& [text, expected] : cases) {
        try {
            parseCommand(text);
            ADD_FAILURE() << text;
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::Usage);
            EXPECT_THAT(error.what(), HasSubstr(expected));
        }
    }
}

TEST(Commands, Sent_AreReadInOrderAndAnswered)
{
    test::TemporaryFolder temporary;
    const RunFolder folder = RunFolder::create(temporary / "run");
    std::vector<std::string> ids;
    for (const char* text : { "pause", "set selection.target=0.4", "continue", "exclude-prompt 5" })
        ids.push_back(sendCommand(folder, parseCommand(text)));
    EXPECT_TRUE(std::ranges::is_sorted(ids));

    CommandInbox inbox(folder);
    std::vector<std::string> problems;
    const auto commands = inbox.read(problems);
    EXPECT_TRUE(problems.empty());
    ASSERT_EQ(commands.size(), 4u);
    EXPECT_EQ(pendingCommands(folder), commands);
    EXPECT_EQ(commands[1].key, "selection.target");
    EXPECT_EQ(commands[1].value, "0.4");
    EXPECT_EQ(commands[3].promptIndex, 5);
    EXPECT_EQ(commands[0].id, ids[0]);

    const store::Event done = inbox.answer(commands[0], Answer::Done, "paused after step 7", 7);
    EXPECT_EQ(done.rule, "command");
    EXPECT_EQ(done.step, 7);
    EXPECT_EQ(done.message, "pause: paused after step 7");
    EXPECT_THAT(done.data, HasSubstr(ids[0]));
    const store::Event refused = inbox.answer(commands[1], Answer::Refused, "not now", 7);
    EXPECT_EQ(refused.level, store::EventLevel::Warning);
    EXPECT_EQ(refused.message, "set selection.target=0.4 refused: not now");
    EXPECT_EQ(pendingCommands(folder).size(), 2u);
}

TEST(Commands, FileThatIsNoCommand_IsSetAsideAndReported)
{
    test::TemporaryFolder temporary;
    const RunFolder folder = RunFolder::create(temporary / "run");
    test::write(folder.commands() / "1.json", "{ half");
    test::write(folder.commands() / "2.json", R"({"command": "dance", "sent_ms": 1})");
    sendCommand(folder, parseCommand("pause"));
    CommandInbox inbox(folder);
    std::vector<std::string> problems;
    EXPECT_EQ(inbox.read(problems).size(), 1u);
    ASSERT_EQ(problems.size(), 2u);
    EXPECT_THAT(problems[0], HasSubstr("1.json"));
    EXPECT_THAT(problems[1], HasSubstr("dance"));
    EXPECT_TRUE(std::filesystem::exists(folder.commands() / "1.json.bad"));
    problems.clear();
    inbox.read(problems);
    EXPECT_TRUE(problems.empty());
}

TEST(Commands, LeftFromARunBefore_AreRefused)
{
    test::TemporaryFolder temporary;
    const RunFolder folder = RunFolder::create(temporary / "run");
    sendCommand(folder, parseCommand("stop-now"));
    CommandInbox inbox(folder);
    const auto events = inbox.refuseOld(0);
    ASSERT_EQ(events.size(), 1u);
    EXPECT_THAT(events[0].message, HasSubstr("stop-now refused"));
    EXPECT_TRUE(pendingCommands(folder).empty());
}

} // namespace
} // namespace midpoint::launch
