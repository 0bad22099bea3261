#include "backend/reward/math/words.h"

#include "backend/core/text.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace midpoint::reward::math {

namespace {

constexpr auto kUnits = std::to_array<std::string_view>({
    // length, area, volume
    "mm", "cm", "dm", "km", "nm", "um", "inch", "inches", "in", "ft", "foot", "feet", "yd", "yard", "yards", "mi", "mile", "miles",
    "meter", "meters", "metre", "metres", "centimeter", "centimeters", "centimetre", "centimetres", "millimeter", "millimeters",
    "kilometer", "kilometers", "kilometre", "kilometres", "liter", "liters", "litre", "litres", "ml", "mL", "cc", "gallon",
    "gallons", "quart", "quarts", "pint", "pints", "cup", "cups", "acre", "acres", "hectare", "hectares", "unit", "units",
    "sq", "square", "cubic", "squared", "cubed",
    // mass, time, speed
    "kg", "mg", "gram", "grams", "kilogram", "kilograms", "ton", "tons", "tonne", "tonnes", "lb", "lbs", "oz", "ounce", "ounces",
    "pound", "pounds", "ms", "sec", "secs", "second", "seconds", "min", "mins", "minute", "minutes", "hr", "hrs", "hour", "hours",
    "day", "days", "week", "weeks", "month", "months", "year", "years", "mph", "kph", "kmh", "rpm", "knots", "pm", "am",
    // money, counts, angles, others
    "dollar", "dollars", "cent", "cents", "usd", "USD", "euro", "euros", "yuan", "rupees", "Rs", "pence", "degree", "degrees",
    "radian", "radians", "rad", "deg", "person", "people", "students", "ways", "times", "apples", "points", "percent", "ohms",
    "volts", "watts", "joules", "newtons", "Hz", "kW", "kWh", "mol", "Pa", "kPa", "MPa", "eV", "bits", "bytes", "per", "each",
});

constexpr auto kNumbers = std::to_array<std::pair<std::string_view, long>>({ { "zero", 0 }, { "one", 1 }, { "two", 2 },
    { "three", 3 }, { "four", 4 }, { "five", 5 }, { "six", 6 }, { "seven", 7 }, { "eight", 8 }, { "nine", 9 }, { "ten", 10 },
    { "eleven", 11 }, { "twelve", 12 }, { "thirteen", 13 }, { "fourteen", 14 }, { "fifteen", 15 }, { "sixteen", 16 },
    { "seventeen", 17 }, { "eighteen", 18 }, { "nineteen", 19 }, { "twenty", 20 }, { "thirty", 30 }, { "forty", 40 },
    { "fifty", 50 }, { "sixty", 60 }, { "seventy", 70 }, { "eighty", 80 }, { "ninety", 90 } });

constexpr auto kFunctions = std::to_array<std::pair<std::string_view, std::string_view>>({ { "sin", "sin" }, { "cos", "cos" },
    { "tan", "tan" }, { "tg", "tan" }, { "cot", "cot" }, { "ctg", "cot" }, { "sec", "sec" }, { "csc", "csc" },
    { "cosec", "csc" }, { "arcsin", "asin" }, { "asin", "asin" }, { "arccos", "acos" }, { "acos", "acos" },
    { "arctan", "atan" }, { "arctg", "atan" }, { "atan", "atan" }, { "arccot", "acot" }, { "acot", "acot" },
    { "arcctg", "acot" }, { "arcsec", "asec" }, { "arccsc", "acsc" }, { "sinh", "sinh" }, { "cosh", "cosh" },
    { "tanh", "tanh" }, { "arcsinh", "asinh" }, { "arsinh", "asinh" }, { "asinh", "asinh" }, { "arccosh", "acosh" }, { "arcosh", "acosh" },
    { "acosh", "acosh" }, { "arctanh", "atanh" }, { "artanh", "atanh" }, { "atanh", "atanh" }, { "ln", "log" }, { "log", "log" }, { "lg", "lg" }, { "exp", "exp" }, { "max", "max" },
    { "min", "min" }, { "gcd", "gcd" }, { "lcm", "lcm" }, { "abs", "abs" }, { "sgn", "sgn" }, { "floor", "floor" },
    { "ceil", "ceil" }, { "sqrt", "sqrt" }, { "cbrt", "cbrt" }, { "Re", "re" }, { "Im", "im" }, { "det", "det" },
    { "factorial", "factorial" }, { "cis", "cis" } });

constexpr auto kGreek = std::to_array<std::string_view>({ "alpha", "beta", "gamma", "delta", "epsilon", "varepsilon", "zeta",
    "eta", "theta", "vartheta", "iota", "kappa", "lambda", "mu", "nu", "xi", "rho", "varrho", "sigma", "tau", "upsilon", "phi",
    "varphi", "chi", "psi", "omega", "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega",
    "ell", "hbar", "prime", "aleph", "imath", "jmath", "square", "star", "ast", "circ", "bullet", "heartsuit", "spadesuit",
    "clubsuit", "diamondsuit", "diamond" });

// Answers in words that are said in several ways.
constexpr auto kPhrases = std::to_array<std::pair<std::string_view, std::string_view>>({ { "no solution", "no solution" },
    { "no solutions", "no solution" }, { "there is no solution", "no solution" }, { "there are no solutions", "no solution" },
    { "no solution exists", "no solution" }, { "no solutions exist", "no solution" }, { "no real solution", "no real solution" },
    { "no real solutions", "no real solution" }, { "there is no real solution", "no real solution" },
    { "there are no real solutions", "no real solution" }, { "infinitely many", "infinitely many" },
    { "infinitely many solutions", "infinitely many" }, { "infinite solutions", "infinitely many" },
    { "there are infinitely many solutions", "infinitely many" }, { "there are infinitely many", "infinitely many" },
    { "infinite number of solutions", "infinitely many" }, { "an infinite number of solutions", "infinitely many" },
    { "does not exist", "does not exist" }, { "dne", "does not exist" }, { "doesn t exist", "does not exist" },
    { "the limit does not exist", "does not exist" }, { "limit does not exist", "does not exist" },
    { "all real numbers", "all real numbers" }, { "all reals", "all real numbers" }, { "any real number", "all real numbers" },
    { "every real number", "all real numbers" }, { "the set of all real numbers", "all real numbers" },
    { "the set of real numbers", "all real numbers" }, { "the empty set", "empty set" }, { "empty set", "empty set" } });

} // namespace

std::string canonicalPhrase(std::string_view lowerCase)
{
    for (const std::string_view article : { "the ", "an ", "a " })
        if (lowerCase.starts_with(article) && !isKnownPhrase(lowerCase))
            return canonicalPhrase(lowerCase.substr(article.size()));
    for (const auto& [spelling, canonical] : kPhrases)
        if (spelling == lowerCase)
            return std::string(canonical);
    return std::string(lowerCase);
}

bool isKnownPhrase(std::string_view lowerCase)
{
    return std::any_of(kPhrases.begin(), kPhrases.end(), [&](const auto& phrase) { return phrase.first == lowerCase; });
}

namespace {

template <std::size_t N>
bool isOneOf(const std::array<std::string_view, N>& list, std::string_view word)
{
    return std::find(list.begin(), list.end(), word) != list.end();
}

} // namespace

bool qualifiesWhatFollows(std::span<const std::string> lowerCaseWords)
{
    static constexpr auto kBefore = std::to_array<std::string_view>(
        { "no", "than", "least", "most", "above", "below", "over", "under", "exceeding", "between", "except", "without" });
    if (lowerCaseWords.empty())
        return false;
    return isOneOf(kBefore, lowerCaseWords.back())
        || std::any_of(lowerCaseWords.begin(), lowerCaseWords.end(), [](const std::string& word) { return word == "not" || word == "never"; });
}

bool qualifiesWhatPrecedes(std::span<const std::string> lowerCaseWords)
{
    static constexpr auto kAfter = std::to_array<std::string_view>(
        { "more", "less", "fewer", "greater", "larger", "smaller", "above", "below", "over", "under", "higher", "lower", "up" });
    for (std::size_t i = 0; i + 1 < lowerCaseWords.size(); ++i)
        if ((lowerCaseWords[i] == "or" || lowerCaseWords[i] == "and") && isOneOf(kAfter, lowerCaseWords[i + 1]))
            return true;
    return false;
}

bool isHedge(std::string_view lowerCase)
{
    constexpr auto kHedges = std::to_array<std::string_view>({ "about", "approximately", "roughly", "around", "exactly", "precisely" });
    return std::find(kHedges.begin(), kHedges.end(), lowerCase) != kHedges.end();
}

bool isUnit(std::string_view word)
{
    return std::find(kUnits.begin(), kUnits.end(), word) != kUnits.end()
        || (word.size() > 4 && std::find(kUnits.begin(), kUnits.end(), toLower(word)) != kUnits.end());
}

std::optional<long> numberWord(std::string_view lowerCase)
{
    for (const auto& [name, value] : kNumbers)
        if (name == lowerCase)
            return value;
    const std::size_t dash = lowerCase.find_first_of("- ");
    if (dash == std::string_view::npos)
        return std::nullopt;
    const auto tens = numberWord(lowerCase.substr(0, dash));
    const auto ones = numberWord(lowerCase.substr(dash + 1));
    if (!tens || !ones || *tens < 20 || *ones > 9 || *ones == 0)
        return std::nullopt;
    return *tens + *ones;
}

std::optional<int> scaleWord(std::string_view lowerCase)
{
    constexpr auto kScales = std::to_array<std::pair<std::string_view, int>>(
        { { "hundred", 2 }, { "thousand", 3 }, { "million", 6 }, { "billion", 9 }, { "trillion", 12 } });
    for (const auto& [name, power] : kScales)
        if (name == lowerCase)
            return power;
    return std::nullopt;
}

bool isCurrency(std::string_view word)
{
    constexpr auto kCurrencies = std::to_array<std::string_view>({ "USD", "EUR", "GBP", "CNY", "RMB", "INR", "JPY", "Rs", "US" });
    return std::find(kCurrencies.begin(), kCurrencies.end(), word) != kCurrencies.end();
}

bool isGreekName(std::string_view name)
{
    return std::find(kGreek.begin(), kGreek.end(), name) != kGreek.end();
}

bool isFunctionName(std::string_view name) { return !canonicalFunction(name).empty(); }

std::string_view canonicalFunction(std::string_view name)
{
    for (const auto& [spelling, canonical] : kFunctions)
        if (spelling == name)
            return canonical;
    return {};
}

} // namespace midpoint::reward::math
