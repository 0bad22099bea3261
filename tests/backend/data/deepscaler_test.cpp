// The training set of the reference run, where it is at hand: MIDPOINT_DEEPSCALER names the Parquet file.
#include "backend/data/prompt_set.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace midpoint::data {
namespace {

TEST(DeepScaler, EveryRow_IsReadAndCounted)
{
    const char* file = std::getenv("MIDPOINT_DEEPSCALER");
    if (file == nullptr || !std::filesystem::exists(file))
        GTEST_SKIP() << "oracle data missing: MIDPOINT_DEEPSCALER is not set to deepscaler.parquet";

    const PromptSet set = loadPrompts(std::vector<std::string> { file });
    EXPECT_EQ(set.report.rows, 10240);
    // 10,118 questions differ byte by byte, and 34 of them have two or more answers; white space alone tells 28 more apart.
    EXPECT_EQ(set.report.exactDuplicates, 122);
    EXPECT_EQ(set.report.exactContradictions, 34);
    EXPECT_EQ(set.report.duplicates, 150);
    EXPECT_EQ(set.report.contradictions.size(), 35u);
    ASSERT_EQ(set.prompts.size(), 10090u);
    EXPECT_EQ(set.prompts[0].answer, "-\\frac{\\sqrt{3}}{3}");
    EXPECT_EQ(set.prompts[0].system, "Let's think step by step and output the final answer within \\boxed{}. ");
    EXPECT_EQ(set.prompts[0].dataSource, "deepscaler_10240");
}

} // namespace
} // namespace midpoint::data
