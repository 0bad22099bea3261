#include "backend/rollout/bench_decode.h"

#include "backend/core/error.h"

#include <gtest/gtest.h>

namespace midpoint::rollout {
namespace {

TEST(BenchDecode, DemoShape_ReportsWhatWasAsked)
{
    DecodeBenchSettings settings;
    settings.sequences = 4;
    settings.newTokens = 3;
    settings.repeats = 1;
    const DecodeBenchResult result = measureDecode({}, settings, {});
    EXPECT_NEAR(result.tokensPerSecond * result.seconds, 12.0, 1e-6);
    EXPECT_GT(result.gemmLimitTokensPerSecond, 0.0);
    EXPECT_GT(result.ownGemmLimitTokensPerSecond, 0.0);
    EXPECT_GT(result.peakMegabytes, 0.0);
}

TEST(BenchDecode, NothingToDo_Throws)
{
    DecodeBenchSettings settings;
    settings.sequences = 0;
    EXPECT_THROW(measureDecode({}, settings, {}), Error);
    settings.sequences = 1;
    settings.dtype = "float13";
    EXPECT_THROW(measureDecode({}, settings, {}), Error);
}

} // namespace
} // namespace midpoint::rollout
