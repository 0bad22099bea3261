#include "backend/policy/advantage.h"

#include "backend/core/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace midpoint::policy {
namespace {

using testing::DoubleNear;
using testing::Each;
using testing::ElementsAre;

TEST(Advantage, MixedGroup_EveryKind_FollowsItsFormula)
{
    const std::array<double, 4> rewards { 1.0, 0.0, 0.0, 0.0 };
    EXPECT_THAT(advantages(Advantage::DrGrpo, rewards), ElementsAre(0.75, -0.25, -0.25, -0.25));
    EXPECT_THAT(advantages(Advantage::Rloo, rewards),
        ElementsAre(1.0, DoubleNear(-1.0 / 3, 1e-15), DoubleNear(-1.0 / 3, 1e-15), DoubleNear(-1.0 / 3, 1e-15)));
    EXPECT_NEAR(advantages(Advantage::Grpo, rewards)[0], 0.75 / (0.5 + 1e-6), 1e-15); // unbiased variance 1/4
}

TEST(Advantage, EqualRewardsOrGroupOfOne_EveryKind_IsExactlyZero)
{
    const std::array<double, 3> equal { 0.1, 0.1, 0.1 }; // their mean is not 0.1 in floating point
    const std::array<double, 1> one { 1.0 };
    for (const Advantage kind : { Advantage::Grpo, Advantage::DrGrpo, Advantage::Rloo }) {
        EXPECT_THAT(advantages(kind, equal), Each(0.0));
        EXPECT_THAT(advantages(kind, one), ElementsAre(0.0));
        EXPECT_TRUE(advantages(kind, {}).empty());
    }
}

TEST(Advantage, Parse_UnknownName_Throws)
{
    EXPECT_EQ(parseAdvantage("rloo"), Advantage::Rloo);
    EXPECT_THROW(parseAdvantage("gae"), Error);
}

} // namespace
} // namespace midpoint::policy
