#include "backend/core/text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace midpoint {
namespace {

TEST(Text, ConcatJoinSplitTrim)
{
    EXPECT_EQ(concat("a", 1, ' ', 2.5), "a1 2.5");
    const std::vector<std::string> parts = { "a", "", "c" };
    EXPECT_EQ(join(parts, ", "), "a, , c");
    EXPECT_EQ(split("a,,c", ','), parts);
    EXPECT_EQ(split("", ',').size(), 1U);
    EXPECT_EQ(trim(" \t a b\r\n"), "a b");
    EXPECT_EQ(trim("   "), "");
    EXPECT_EQ(toLower("AbC"), "abc");
    EXPECT_TRUE(startsWith("abc", "ab"));
    EXPECT_FALSE(startsWith("a", "ab"));
    EXPECT_TRUE(endsWith("abc", "bc"));
    EXPECT_FALSE(endsWith("c", "bc"));
}

TEST(Text, Numbers)
{
    EXPECT_EQ(fixed(0.12345, 3), "0.123");
    EXPECT_EQ(fixed(std::nan(""), 3), "NaN");
    EXPECT_EQ(shortest(0.1), "0.1");
    EXPECT_EQ(std::stod(shortest(1.0 / 3.0)), 1.0 / 3.0);
    EXPECT_EQ(formatBytes(999), "999 B");
    EXPECT_EQ(formatBytes(1234567890), "1.2 GB");
    EXPECT_EQ(formatCount(8123), "8.1k");
    EXPECT_EQ(formatCount(12), "12");
    EXPECT_EQ(formatDuration(1.23), "1.2 s");
    EXPECT_EQ(formatDuration(245), "4 m 05 s");
    EXPECT_EQ(formatDuration(11520), "3 h 12 m");
    EXPECT_EQ(formatDuration(-1), "-");
}

TEST(NearestName, SlipsOfThePen_FindTheName)
{
    const std::vector<std::string> names = { "rollout.temperature", "selection.target", "run.seed" };
    EXPECT_EQ(nearestName("rollout.temprature", names), "rollout.temperature");
    EXPECT_EQ(nearestName("run.sed", names), "run.seed");
    EXPECT_EQ(nearestName("target", names), "selection.target");
    EXPECT_EQ(nearestName("qqqqq", names), std::nullopt);
}

} // namespace
} // namespace midpoint
