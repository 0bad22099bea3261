#include "backend/reward/math_grader.h"

#include "backend/core/text.h"
#include "backend/reward/math_normal_form.h"

#include <numeric>

namespace midpoint::reward {

namespace {

struct Rational {
    __int128 above = 0;
    __int128 below = 1;
};

constexpr __int128 kLimit = static_cast<__int128>(1) << 62;

// "-12", "1,234", "3.50", ".5" as above / 10^k.
std::optional<Rational> readDecimal(std::string_view text)
{
    Rational value;
    bool isNegative = false;
    bool hasPoint = false;
    std::size_t digits = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (i == 0 && (c == '-' || c == '+')) {
            isNegative = c == '-';
        } else if (c == ',' && digits > 0 && !hasPoint && i + 3 < text.size()) {
            continue;
        } else if (c == '.' && !hasPoint) {
            hasPoint = true;
        } else if (c >= '0' && c <= '9') {
            value.above = value.above * 10 + (c - '0');
            value.below *= hasPoint ? 10 : 1;
            if (value.above > kLimit || value.below > kLimit)
                return std::nullopt;
            ++digits;
        } else {
            return std::nullopt;
        }
    }
    if (digits == 0)
        return std::nullopt;
    if (isNegative)
        value.above = -value.above;
    return value;
}

// A decimal, a/b or \frac{a}{b} of a normal form.
std::optional<Rational> readRational(std::string_view form)
{
    bool isNegative = false;
    std::string_view above;
    std::string_view below;
    std::string_view rest = form;
    if (rest.starts_with("-\\frac")) {
        isNegative = true;
        rest.remove_prefix(1);
    }
    if (rest.starts_with("\\frac{") && rest.ends_with('}')) {
        const std::size_t middle = rest.find("}{");
        if (middle == std::string_view::npos)
            return std::nullopt;
        above = rest.substr(6, middle - 6);
        below = rest.substr(middle + 2, rest.size() - middle - 3);
    } else if (const std::size_t slash = rest.find('/'); slash != std::string_view::npos) {
        above = rest.substr(0, slash);
        below = rest.substr(slash + 1);
    } else {
        return readDecimal(rest);
    }
    const auto a = readDecimal(above);
    const auto b = readDecimal(below);
    if (!a || !b || b->above == 0)
        return std::nullopt;
    const Rational value { a->above * b->below, a->below * b->above };
    return Rational { isNegative ? -value.above : value.above, value.below };
}

bool isEqual(const Rational& a, const Rational& b)
{
    // Each side is below 2^124; compare quotient and remainder chains instead of multiplying.
    const auto reduce = [](Rational r) {
        __int128 x = r.above < 0 ? -r.above : r.above;
        __int128 y = r.below < 0 ? -r.below : r.below;
        while (y != 0) {
            const __int128 next = x % y;
            x = y;
            y = next;
        }
        const __int128 sign = r.below < 0 ? -1 : 1;
        return Rational { sign * r.above / x, sign * r.below / x };
    };
    const Rational p = reduce(a);
    const Rational q = reduce(b);
    return p.above == q.above && p.below == q.below;
}

class MathGrader final : public Grader {
public:
    explicit MathGrader(ExtractionOptions extraction)
        : m_extraction(extraction)
    {
    }

    std::vector<Grade> grade(std::span<const GradeRequest> requests) override
    {
        std::vector<Grade> grades;
        grades.reserve(requests.size());
        for (const GradeRequest& request : requests)
            grades.push_back(gradeOne(request));
        return grades;
    }

    std::string referenceProblem(std::string_view reference) override
    {
        return mathNormalForm(reference).empty() ? "the reference is empty" : "";
    }

private:
    Grade gradeOne(const GradeRequest& request) const
    {
        const std::string reference = mathNormalForm(request.reference);
        if (reference.empty())
            return { Verdict::UnparseableReference, {}, {}, "the reference is empty", false };
        const auto found = extractAnswer(request.response, request.isTruncated ? m_extraction.forTruncated() : m_extraction);
        if (!found)
            return { request.isTruncated ? Verdict::Truncated : Verdict::Unparseable, {}, {}, "no answer found", false };
        const std::string form = mathNormalForm(found->text);
        if (form.empty())
            return { Verdict::Unparseable, std::string(found->text), {}, concat(nameOf(found->step), "; empty"), false };
        const auto a = readRational(form);
        const auto b = readRational(reference);
        const bool isCorrect = form == reference || (a && b && isEqual(*a, *b));
        const char* rule = form == reference ? "same normal form" : a && b ? "exact number" : "different normal form";
        return { isCorrect ? Verdict::Correct : Verdict::Wrong, std::string(found->text), form,
            concat(nameOf(found->step), "; ", rule), isStated(found->step) };
    }

    ExtractionOptions m_extraction;
};

} // namespace

std::unique_ptr<Grader> makeMathGrader(ExtractionOptions extraction) { return std::make_unique<MathGrader>(extraction); }

} // namespace midpoint::reward
