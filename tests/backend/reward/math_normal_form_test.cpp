#include "backend/reward/math_normal_form.h"

#include <gtest/gtest.h>

namespace midpoint::reward {
namespace {

TEST(MathNormalForm, Table_RewritesAsPublished)
{
    const std::pair<const char*, const char*> table[] = {
        { "\\tfrac{1}{2}", "\\frac{1}{2}" },
        { "\\left( 1, 2 \\right)", "(1,2)" },
        { "90^\\circ", "90" },
        { "90^{\\circ}", "90" },
        { "\\$12", "12" },
        { "12\\text{ cm}", "12" },
        { "24\\%", "24" },
        { ".5", "\\frac{1}{2}" },
        { "0.5", "\\frac{1}{2}" },
        { "-.25", "-.25" },
        { "x = 5", "5" },
        { "area = 5", "area=5" },
        { "\\sqrt3", "\\sqrt{3}" },
        { "\\sqrt{13}", "\\sqrt{13}" },
        { "\\frac12", "\\frac{1}{2}" },
        { "\\frac1{72}", "\\frac{1}{72}" },
        { "3/4", "\\frac{3}{4}" },
        { "a/b", "a/b" },
        { "2\\\\sqrt{3}", "2\\sqrt{3}" },
        { "10\\!000", "10000" },
    };
    for (const auto& [answer, form] : table)
        EXPECT_EQ(mathNormalForm(answer), form) << answer;
}

TEST(MathNormalForm, CutCommands_AreKept)
{
    for (const char* answer : { "\\frac", "\\frac1", "\\sqrt", "=", "/", "", "   " })
        EXPECT_NO_THROW(mathNormalForm(answer)) << answer;
}

} // namespace
} // namespace midpoint::reward
