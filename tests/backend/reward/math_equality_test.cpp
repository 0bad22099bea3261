// Equal and unequal pairs for every construct that the reader knows: reference, response.
#include "backend/reward/math/equality.h"
#include "backend/reward/math/reader.h"

#include <gtest/gtest.h>

namespace midpoint::reward::math {
namespace {

struct Pair {
    const char* reference;
    const char* response;
};

Comparison compare(const Pair& pair) { return compareAnswers(readAnswer(pair.reference), readAnswer(pair.response), Bounds()); }

class Equal : public testing::TestWithParam<Pair> { };
class Unequal : public testing::TestWithParam<Pair> { };

TEST_P(Equal, Pair_IsEqual)
{
    const Comparison result = compare(GetParam());
    EXPECT_TRUE(result.isEqual) << GetParam().reference << " and " << GetParam().response << ": " << result.rule;
    EXPECT_FALSE(result.rule.empty());
}

TEST_P(Unequal, Pair_IsUnequal)
{
    const Comparison result = compare(GetParam());
    EXPECT_FALSE(result.isEqual) << GetParam().reference << " and " << GetParam().response << ": " << result.rule;
    EXPECT_FALSE(result.rule.empty());
}

#define EQUAL(name, ...) INSTANTIATE_TEST_SUITE_P(name, Equal, testing::Values(__VA_ARGS__))
#define UNEQUAL(name, ...) INSTANTIATE_TEST_SUITE_P(name, Unequal, testing::Values(__VA_ARGS__))

EQUAL(Fractions, Pair { "\\frac{1}{2}", "0.5" }, Pair { "\\frac12", "1/2" }, Pair { "\\frac1{72}", "\\frac 1 {72}" },
    Pair { "\\dfrac{3}{6}", "\\tfrac{1}{2}" }, Pair { "-\\dfrac{56}{65}", "\\frac{-56}{65}" }, Pair { "{1 \\over 2}", "0.5" },
    Pair { "\\frac{29}4", "7.25" }, Pair { "½", "0.5" }, Pair { "\\cfrac{1}{1+\\cfrac{1}{2}}", "2/3" }, Pair { "5 ÷ 2", "5/2" });
UNEQUAL(Fractions, Pair { "\\frac{1}{2}", "\\frac{2}{1}" }, Pair { "-\\dfrac{56}{65}", "\\dfrac{56}{65}" }, Pair { "1/3", "0.333" },
    Pair { "1/3", "0.3333" }, Pair { "2/3", "0.666666" });
EQUAL(MixedNumbers, Pair { "7 3/4", "31/4" }, Pair { "7\\frac{3}{4}", "7.75" }, Pair { "-15\\frac{3}{5}", "-15.6" },
    Pair { "33\\frac{1}{3}\\%", "1/3" });
UNEQUAL(MixedNumbers, Pair { "7 3/4", "21/4" }, Pair { "7\\frac{3}{4}", "73/4" });
EQUAL(Decimals, Pair { "1,234", "1234" }, Pair { "10{,}000", "10000" }, Pair { "10\\,000", "10000" }, Pair { "1,\\!234,\\!567", "1234567" },
    Pair { "1 234 567", "1234567" }, Pair { ".5", "0.5" }, Pair { "12.0", "12" }, Pair { "12.", "12" }, Pair { "0.333", "1/3" },
    Pair { "1/3", "0.333333" }, Pair { "5.292", "2\\sqrt{7}" }, Pair { "3.14", "\\pi" }, Pair { "2.5e3", "2500" },
    Pair { "2.2\\times 10^{-8}", "0.000000022" }, Pair { "4.8 × 10^-5", "0.000048" }, Pair { "0.\\overline{3}", "1/3" },
    Pair { "0.1\\overline{6}", "1/6" }, Pair { "0.(142857)", "1/7" }, Pair { "0.1666...", "1/6" }, Pair { "-446.\\overline{2}", "-4016/9" });
UNEQUAL(Decimals, Pair { "1,234", "(1,234)" }, Pair { "1,234", "1.234" }, Pair { "0.33", "1/3" }, Pair { "0.25", "0.2501" },
    Pair { "22.5", "22.46" }, Pair { "3.14", "22/7 + 1/100" }, Pair { "0.333", "0.3333" }, Pair { "0.\\overline{3}", "0.3" });
EQUAL(Roots, Pair { "\\sqrt{2}/2", "1/\\sqrt{2}" }, Pair { "21+10\\sqrt{\\frac{1}{29}}", "21+\\frac{10\\sqrt{29}}{29}" },
    Pair { "\\sqrt{3+2\\sqrt{2}}", "1+\\sqrt2" }, Pair { "\\sqrt{2+\\sqrt{3}}", "\\frac{\\sqrt6+\\sqrt2}{2}" },
    Pair { "\\sqrt[3]{2+\\sqrt5}+\\sqrt[3]{2-\\sqrt5}", "1" }, Pair { "\\sqrt[4]{8}", "8^{1/4}" }, Pair { "4 \\sqrt {2}", "\\sqrt{32}" },
    Pair { "\\frac{12}{5+2\\sqrt{3}}", "\\frac{60-24\\sqrt3}{13}" }, Pair { "sqrt(12)", "2\\sqrt3" }, Pair { "√12", "2√3" },
    Pair { "\\sqrt[3]{-8}", "-2" }, Pair { "\\sqrt{8}+\\sqrt{12}+\\sqrt{20}", "2(\\sqrt2+\\sqrt3+\\sqrt5)" },
    Pair { "9^{1/3} - 4 \\cdot 3^{1/3} + 2", "\\sqrt[3]{9}-4\\sqrt[3]{3}+2" }, Pair { "\\sqrt{400}", "20" });
UNEQUAL(Roots, Pair { "\\sqrt{2}/2", "\\sqrt{2}" }, Pair { "\\sqrt{3+2\\sqrt{2}}", "2.41421357" }, Pair { "\\sqrt{-1}", "1" },
    // These differ in the 21st digit only.
    Pair { "\\sqrt{10^{20}+1}", "10^{10}" }, Pair { "\\sqrt{2}+\\sqrt{3}", "\\sqrt{5}" });
EQUAL(Powers, Pair { "2^{10}", "1024" }, Pair { "2^10", "1024" }, Pair { "10^{10^{10}}", "10^{10^{10}}" }, Pair { "2**5", "32" },
    Pair { "8^{-1/3}", "\\frac12" }, Pair { "2002^5", "2002^4 \\cdot 2002" }, Pair { "(-1)^{2011}", "-1" }, Pair { "3^{2^2}", "81" });
UNEQUAL(Powers, Pair { "10^{10^{10}}", "10^{10^{9}}" }, Pair { "2^{10}", "2^{11}" }, Pair { "-2^2", "4" });
EQUAL(Constants, Pair { "\\frac{9\\pi-18}{2}", "4.5\\pi-9" }, Pair { "\\frac{\\sqrt2\\pi}{2}", "\\frac{\\pi}{\\sqrt2}" },
    Pair { "e^{i\\pi}", "-1" }, Pair { "(1+i)^2", "2i" }, Pair { "-1+i", "i-1" }, Pair { "\\frac{1}{2e}", "\\frac{e^{-1}}{2}" },
    Pair { "pi/2", "\\frac{\\pi}{2}" }, Pair { "\\pi - \\frac{8}{\\pi}", "\\frac{\\pi^2-8}{\\pi}" }, Pair { "2π", "\\pi \\cdot 2" });
UNEQUAL(Constants, Pair { "\\frac{9\\pi-18}{2}", "5.137" }, Pair { "\\pi", "\\frac{355}{113}" }, Pair { "\\pi", "3.14" }, Pair { "i", "-i" },
    Pair { "e", "2.718" });
EQUAL(Functions, Pair { "\\sin 30^\\circ", "1/2" }, Pair { "\\cos\\frac{\\pi}{5}", "\\frac{1+\\sqrt5}{4}" }, Pair { "\\tan 15^\\circ", "2-\\sqrt3" },
    Pair { "\\sin 20^\\circ \\sin 40^\\circ \\sin 80^\\circ", "\\frac{\\sqrt3}{8}" }, Pair { "2\\arctan\\frac12", "\\arctan\\frac43" },
    Pair { "\\sin^{-1}(1)", "\\frac{\\pi}{2}" }, Pair { "\\log_2 8", "3" }, Pair { "\\frac{\\ln 8}{\\ln 2}", "3" }, Pair { "\\ln 2+\\ln 3", "\\ln 6" },
    Pair { "\\frac{1}{8} \\ln \\frac{2}{243}", "\\frac{\\ln 2-5\\ln 3}{8}" }, Pair { "\\lg 100", "2" }, Pair { "5!", "120" },
    Pair { "\\binom{5}{2}", "10" }, Pair { "{5 \\choose 2}", "10" }, Pair { "\\left\\lfloor \\frac{7}{2}\\right\\rfloor", "3" },
    Pair { "\\lceil 2.1 \\rceil", "3" }, Pair { "|-3|", "3" }, Pair { "\\frac{2009!+1}{2009!}", "1+\\frac{1}{2009!}" }, Pair { "\\gcd(12, 18)", "6" },
    Pair { "\\csc 30^\\circ", "2" }, Pair { "\\sec \\frac{\\pi}{3}", "2" });
UNEQUAL(Functions, Pair { "\\sin 30^\\circ", "\\sin 30" }, Pair { "\\ln 2+\\ln 3", "\\ln 5" }, Pair { "5!", "5" }, Pair { "\\binom{5}{2}", "5/2" },
    Pair { "2011!", "2010!" }, Pair { "\\log_2 8", "\\log 8" });
EQUAL(Variables, Pair { "x^2-1", "(x-1)(x+1)" }, Pair { "\\sin^2 x+\\cos^2 x", "1" }, Pair { "sin^2+cos^2", "1" }, Pair { "\\frac{1}{x}", "x^{-1}" },
    Pair { "2^{n-1}", "\\frac{2^n}{2}" }, Pair { "\\binom{n}{2}", "\\frac{n(n-1)}{2}" }, Pair { "\\frac{x^2-1}{x-1}", "x+1" },
    Pair { "n_1n_2", "n_{2} n_1" }, Pair { "\\frac{2ab}{a^2+b^2}", "\\frac{2}{\\frac{a}{b}+\\frac{b}{a}}" }, Pair { "\\sin 2x", "2\\sin x\\cos x" },
    Pair { "|x|", "\\sqrt{x^2}" }, Pair { "100t+10u+1", "10(10t+u)+1" }, Pair { "\\alpha+\\beta", "β+α" });
UNEQUAL(Variables, Pair { "x^2-1", "x^2+1" }, Pair { "x", "y" }, Pair { "\\sqrt{x^2}", "x" }, Pair { "2n", "n^2" }, Pair { "x_1", "x_2" },
    Pair { "3", "3x" }, Pair { "\\sin 2x", "2\\sin x" });
EQUAL(Percent, Pair { "24\\%", "24" }, Pair { "24\\%", "0.24" }, Pair { "24\\%", "6/25" }, Pair { "0.24", "24%" }, Pair { "-2", "-2\\%" },
    Pair { "77\\% of 250.00", "192.5" }, Pair { "12 percent", "12\\%" });
UNEQUAL(Percent, Pair { "24\\%", "2.4" }, Pair { "24\\%", "0.024" }, Pair { "24\\%", "25\\%" });
EQUAL(Units, Pair { "20 seconds", "20" }, Pair { "5 \\text{ cm}^2", "5" }, Pair { "10 km/h", "10" }, Pair { "\\$12.50", "12.5" },
    Pair { "12.5", "12.5 dollars" }, Pair { "5", "5 \\text{ apples}" }, Pair { "90^\\circ", "90" }, Pair { "90^\\circ", "\\frac{\\pi}{2}" },
    Pair { "3\\ \\mathrm{m/s}", "3" }, Pair { "45", "45 degrees" }, Pair { "25^\\circ\\text{C}", "25" });
UNEQUAL(Units, Pair { "20 seconds", "21 seconds" }, Pair { "5", "5x" }, Pair { "90^\\circ", "\\pi" });
EQUAL(Tuples, Pair { "(1,2)", "( 1, \\frac{4}{2} )" }, Pair { "[1,2)", "[1, 2)" }, Pair { "(\\sqrt{4}, 3, 1)", "(2,3,1)" }, Pair { "1,2", "(1,2)" },
    Pair { "x=1,y=2", "(1,2)" }, Pair { "\\langle 1, 2 \\rangle", "(1,2)" });
UNEQUAL(Tuples, Pair { "(1,2)", "[1,2]" }, Pair { "(1,2)", "(2,1)" }, Pair { "(1,2)", "(1,2,3)" }, Pair { "(1,2]", "[1,2)" },
    Pair { "(1,2)", "\\{1,2\\}" }, Pair { "(1,2)", "1" });
EQUAL(Sets, Pair { "\\{1,2\\}", "\\{2,1\\}" }, Pair { "{1,2}", "{2,1}" }, Pair { "\\{1,2\\}", "1, 2" }, Pair { "1,2", "2,1" }, Pair { "\\{2\\}", "2" },
    Pair { "0 or 1", "1, 0" }, Pair { "3 \\text{ and } 4", "4,3" }, Pair { "\\emptyset", "\\{\\}" }, Pair { "\\pm 8", "8, -8" },
    Pair { "1\\pm\\sqrt2", "1-\\sqrt2, 1+\\sqrt2" }, Pair { "x=1 \\text{ or } x=2", "1,2" }, Pair { "x=\\pm 2", "\\{-2, 2\\}" });
UNEQUAL(Sets, Pair { "\\{1,2\\}", "\\{1,3\\}" }, Pair { "\\{1,2\\}", "\\{1,2,3\\}" }, Pair { "\\{1,2,3\\}", "\\{1,2\\}" }, Pair { "8", "\\pm 8" },
    Pair { "3", "3, 4" }, Pair { "\\emptyset", "0" });
EQUAL(Intervals, Pair { "x>5", "(5,\\infty)" }, Pair { "-2<x<3", "(-2,3)" }, Pair { "x\\in(-2,3)", "-2<x<3" },
    Pair { "x<1 \\text{ or } x>3", "(-\\infty,1)\\cup(3,\\infty)" }, Pair { "\\{x \\mid 2 < x < 3\\}", "(2,3)" }, Pair { "x \\neq 5", "(-\\infty,5)\\cup(5,\\infty)" },
    Pair { "\\mathbb{R}\\setminus\\{0\\}", "(-\\infty,0)\\cup(0,\\infty)" }, Pair { "(1,2)\\cup[2,3)", "(1,3)" }, Pair { "[0,\\infty)", "x \\ge 0" },
    Pair { "(3,4)\\cup(1,2)", "(1,2)\\cup(3,4)" }, Pair { "0 \\leq r \\leq \\frac12", "[0, 0.5]" }, Pair { "\\mathbb{R}", "(-\\infty,\\infty)" });
UNEQUAL(Intervals, Pair { "x>5", "[5,\\infty)" }, Pair { "x>5", "x<5" }, Pair { "-2<x<3", "-2\\le x<3" }, Pair { "(1,2)\\cup(2,3)", "(1,3)" },
    Pair { "x \\neq 5", "5" }, Pair { "\\infty", "-\\infty" });
EQUAL(Matrices, Pair { "\\begin{pmatrix}1\\\\2\\end{pmatrix}", "\\begin{bmatrix} 1 \\\\ \\frac{4}{2} \\end{bmatrix}" },
    Pair { "\\begin{pmatrix} 4/5 & 0 \\\\ 3/5 & 1 \\end{pmatrix}", "\\begin{pmatrix} 0.8 & 0 \\\\ 0.6 & 1 \\end{pmatrix}" },
    Pair { "\\begin{pmatrix}1\\\\2\\end{pmatrix}", "(1,2)" }, Pair { "\\left[\\begin{array}{cc} 1 & 2 \\\\ 3 & 4 \\end{array}\\right]", "\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}" });
UNEQUAL(Matrices, Pair { "\\begin{pmatrix}1\\\\2\\end{pmatrix}", "\\begin{pmatrix}2\\\\1\\end{pmatrix}" },
    Pair { "\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", "\\begin{pmatrix}1&3\\\\2&4\\end{pmatrix}" }, Pair { "\\begin{pmatrix}1\\\\2\\end{pmatrix}", "\\begin{pmatrix}1&2\\end{pmatrix}" });
EQUAL(Equations, Pair { "x=5", "5" }, Pair { "5", "x = 5" }, Pair { "7", "f(2) = 7" }, Pair { "\\frac12", "S = \\frac{2}{4} = 0.5" }, Pair { "y=2x+1", "y-2x=1" },
    Pair { "y=2x+1", "2x+1" }, Pair { "2x<4", "x<2" }, Pair { "-x<1", "x>-1" }, Pair { "a<b", "b>a" }, Pair { "s^2 \\le 8r^2", "8r^2 \\ge s^2" }, Pair { "3", "1+2=3" });
UNEQUAL(Equations, Pair { "x=3", "y=3" }, Pair { "5", "x = 6" }, Pair { "a<b", "a>b" }, Pair { "y=2x+1", "y=2x-1" }, Pair { "10", "2x = 20" });
EQUAL(Ratios, Pair { "2:1", "4:2" }, Pair { "1 : 3", "1:3" }, Pair { "2:1", "2" }, Pair { "3:4:5", "6:8:10" }, Pair { "\\sqrt{6}: 2", "\\sqrt{3} : \\sqrt{2}" });
UNEQUAL(Ratios, Pair { "2:1", "1:2" }, Pair { "3:4:5", "3:5:4" }, Pair { "3:4:5", "3:4" });
EQUAL(Bases, Pair { "1204_9", "1204_{9}" }, Pair { "55_8", "55" }, Pair { "55_8", "45_{10}" }, Pair { "11011100_2", "11011100_{\\text{two}}" });
UNEQUAL(Bases, Pair { "55_8", "45" }, Pair { "55_8", "55_9" });
EQUAL(Words, Pair { "\\text{Friday}", "friday" }, Pair { "B", "(B)" }, Pair { "\\text{(B)}", "b" }, Pair { "seven", "7" }, Pair { "\\text{Yes}", "yes" },
    Pair { "Alice and Bob are right", "alice and bob are right." });
UNEQUAL(Words, Pair { "\\text{Friday}", "monday" }, Pair { "B", "C" }, Pair { "\\text{Yes}", "no" }, Pair { "seven", "8" });

TEST(Reader, BrokenAnswers_AreUnreadableNotWrong)
{
    for (const char* answer : { "", "\\frac{1}{", "(1,2", "1+", "\\sqrt{", "*3", "x^", "\\unknowncommand{3}", "{", "}", "\\left(", "1 2",
             "\\begin{pmatrix} 1", "|x", "\\{1, 2", "1..2", "3.1.4" })
        EXPECT_THROW(readAnswer(answer), Unreadable) << answer;
}

TEST(Reader, Limits_AreKept)
{
    EXPECT_THROW(readAnswer(std::string(10'000, '1')), Unreadable);
    EXPECT_THROW(readAnswer(std::string(1'500, '(') + "1" + std::string(1'500, ')')), Unreadable);
    std::string nested = "1";
    for (int i = 0; i < 100; ++i)
        nested = "\\sqrt{" + nested + "}";
    EXPECT_THROW(readAnswer(nested), Unreadable);
}

TEST(Equality, TooLarge_IsRefusedBeforeItIsComputed)
{
    for (const Pair& pair : { Pair { "10^{10^{10}}", "10^{10^{10}}+1" }, Pair { "10^{10^{10^{10}}}", "10^{10^{10^{9}}}" },
             Pair { "(10^9)!", "(10^9)! + 1" } })
        EXPECT_THROW(compare(pair), BeyondBounds) << pair.reference;
}

TEST(Equality, RuleNames_SayWhatDecided)
{
    EXPECT_EQ(compare({ "1/3", "2/6" }).rule, "exact rational number");
    EXPECT_EQ(compare({ "10^{10^{10}}", "100^{5\\cdot 10^{9}}" }).rule, "exact powers of primes");
    EXPECT_EQ(compare({ "\\sqrt{2}/2", "1/\\sqrt{2}" }).rule, "exact algebraic number");
    EXPECT_EQ(compare({ "\\frac{9\\pi-18}{2}", "4.5\\pi-9" }).rule, "exact polynomial in pi");
    EXPECT_EQ(compare({ "\\pi", "\\frac{355}{113}" }).rule, "separated by rigorous balls");
    EXPECT_EQ(compare({ "x^2-1", "(x-1)(x+1)" }).rule, "exact rational function");
    EXPECT_EQ(compare({ "\\sin^2 x+\\cos^2 x", "1" }).rule, "random points, probabilistic");
    EXPECT_EQ(compare({ "0.333", "1/3" }).rule, "rounded reference");
    EXPECT_EQ(compare({ "\\ln 2+\\ln 3", "\\ln 6" }).rule, "exact number field (Calcium)");
}

} // namespace
} // namespace midpoint::reward::math
