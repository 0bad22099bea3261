// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/viewmodels/filter_history.h"

#include <gtest/gtest.h>

namespace midpoint::gui {
namespace {

using Change = FilterHistory::Change;

QVariantMap filters(const char* text, int choice = 0) { return { { "text", QString::fromUtf8(text) }, { "choice", choice } }; }

TEST(FilterHistory, Typing_IsOneStep_AndEveryChoiceAnother)
{
    FilterHistory history;
    history.restart(filters(""));
    EXPECT_FALSE(history.canGoBack());
    for (const char* text : { "a", "al", "alp" })
        history.record(filters(text), Change::Typing);
    history.record(filters("alp", 2), Change::Choice);
    history.record(filters("alpha", 2), Change::Typing);
    EXPECT_EQ(history.back(), filters("alp", 2));
    EXPECT_EQ(history.back(), filters("alp"));
    EXPECT_EQ(history.back(), filters(""));
    EXPECT_FALSE(history.canGoBack());
    EXPECT_EQ(history.forward(), filters("alp"));
}

TEST(FilterHistory, ChangeAfterGoingBack_LeavesWhatCameAfter)
{
    FilterHistory history;
    history.restart(filters(""));
    history.record(filters("", 1), Change::Choice);
    history.record(filters("", 2), Change::Choice);
    history.back();
    history.record(filters("", 3), Change::Choice);
    EXPECT_FALSE(history.canGoForward());
    EXPECT_EQ(history.back(), filters("", 1));
}

TEST(FilterHistory, TypingAfterGoingBack_IsAStepOfItsOwn)
{
    FilterHistory history;
    history.restart(filters(""));
    history.record(filters("a"), Change::Typing);
    history.record(filters("a", 1), Change::Choice);
    history.back();
    history.record(filters("ab"), Change::Typing);
    EXPECT_EQ(history.back(), filters("a")) << "what was gone back to is still there";
}

TEST(FilterHistory, TypedAndDeleted_LeavesNoStep)
{
    FilterHistory history;
    history.restart(filters(""));
    history.record(filters("a"), Change::Typing);
    history.record(filters(""), Change::Typing);
    EXPECT_FALSE(history.canGoBack());
}

TEST(FilterHistory, ManySteps_DropTheOldest)
{
    FilterHistory history;
    history.restart(filters("", 0));
    for (int i = 1; i <= 150; ++i)
        history.record(filters("", i), Change::Choice);
    int steps = 0;
    QVariantMap last;
    while (history.canGoBack()) {
        last = history.back();
        ++steps;
    }
    EXPECT_EQ(steps, 99);
    EXPECT_EQ(last, filters("", 51));
}

} // namespace
} // namespace midpoint::gui
