#include "backend/reward/text_graders.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <charconv>
#include <cmath>

namespace midpoint::reward {

namespace {

bool isLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

Grade noAnswer(const GradeRequest& request, std::string rule)
{
    return { request.isTruncated ? Verdict::Truncated : Verdict::Unparseable, {}, {}, std::move(rule), false };
}

Grade unreadable(std::string_view extracted, std::string rule)
{
    return { Verdict::Unparseable, std::string(extracted), {}, std::move(rule), false };
}

// One request at a time: what all graders of this file have in common.
class SingleGrader : public Grader {
public:
    std::vector<Grade> grade(std::span<const GradeRequest> requests) final
    {
        std::vector<Grade> grades;
        grades.reserve(requests.size());
        for (const GradeRequest& request : requests) {
            const std::string problem = referenceProblem(request.reference);
            grades.push_back(problem.empty() ? gradeOne(request)
                                             : Grade { Verdict::UnparseableReference, {}, {}, problem, false });
        }
        return grades;
    }

private:
    virtual Grade gradeOne(const GradeRequest& request) const = 0;
};

class ExactGrader final : public SingleGrader {
public:
    explicit ExactGrader(std::string marker)
        : m_marker(std::move(marker))
    {
    }

    std::string referenceProblem(std::string_view reference) override
    {
        return trim(reference).empty() ? "the reference is empty" : "";
    }

private:
    Grade gradeOne(const GradeRequest& request) const override
    {
        std::string_view answer = request.response;
        if (!m_marker.empty()) {
            const std::size_t at = answer.rfind(m_marker);
            if (at == std::string_view::npos)
                return noAnswer(request, concat("no marker '", m_marker, "'"));
            answer.remove_prefix(at + m_marker.size());
        }
        answer = trim(answer);
        if (answer.empty())
            return noAnswer(request, concat("nothing after the marker '", m_marker, "'"));
        std::string form = normaliseSpaces(answer);
        const bool isEqual = form == normaliseSpaces(request.reference);
        return { isEqual ? Verdict::Correct : Verdict::Wrong, std::string(answer), std::move(form), "marker; exact text",
            true };
    }

    std::string m_marker;
};

// A decimal number with thousands separators, "%", "$" and blanks around it; nothing else.
std::optional<double> readNumber(std::string_view text)
{
    std::string digits;
    for (const char c : trim(text))
        if (c != ',' && c != '$' && c != '%' && c != ' ' && c != '\\')
            digits += c;
    std::string_view rest = digits;
    if (rest.starts_with('+'))
        rest.remove_prefix(1);
    const bool isPlain = !rest.empty() && rest.find_first_not_of("0123456789.eE+-") == std::string_view::npos;
    double value = 0.0;
    const auto result = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    if (!isPlain || result.ec != std::errc() || result.ptr != rest.data() + rest.size() || !std::isfinite(value))
        return std::nullopt;
    return value;
}

class NumericGrader final : public SingleGrader {
public:
    NumericGrader(double tolerance, ExtractionOptions extraction)
        : m_tolerance(tolerance)
        , m_extraction(extraction)
    {
    }

    std::string referenceProblem(std::string_view reference) override
    {
        return readNumber(reference) ? "" : concat("the reference '", reference, "' is not a number");
    }

private:
    Grade gradeOne(const GradeRequest& request) const override
    {
        const auto found = extractAnswer(request.response, request.isTruncated ? m_extraction.forTruncated() : m_extraction);
        if (!found)
            return noAnswer(request, "no answer found");
        std::optional<double> value = readNumber(found->text);
        if (!value) { // "7 apples"
            const auto number = extractAnswer(found->text, { false, false, false, false, true });
            value = number ? readNumber(number->text) : std::nullopt;
        }
        if (!value)
            return unreadable(found->text, concat(nameOf(found->step), "; not a number"));
        const double reference = readNumber(request.reference).value();
        const bool isEqual = std::abs(*value - reference) <= m_tolerance * std::max(1.0, std::abs(reference));
        return { isEqual ? Verdict::Correct : Verdict::Wrong, std::string(found->text), shortest(*value),
            concat(nameOf(found->step), "; number within ", shortest(m_tolerance)), isStated(found->step) };
    }

    double m_tolerance;
    ExtractionOptions m_extraction;
};

// The letter of "B", "(B)", "b)", "B. 12", "\text{(B)}", or 0.
char readChoice(std::string_view text)
{
    text = trim(text);
    for (const std::string_view wrapper : { "\\text{", "\\textbf{", "\\mathrm{", "\\mathbf{", "\\mathsf{" })
        if (text.starts_with(wrapper))
            text.remove_prefix(wrapper.size());
    const bool isOpen = text.starts_with('(') || text.starts_with('[') || text.starts_with('{');
    if (isOpen)
        text = trim(text.substr(1));
    if (text.empty() || !isLetter(text.front()))
        return 0;
    const char letter = text.front() >= 'a' ? static_cast<char>(text.front() - 'a' + 'A') : text.front();
    const std::string_view rest = text.substr(1);
    const bool endsThere = rest.empty() || std::string_view(").]}:,*").find(rest.front()) != std::string_view::npos;
    return endsThere ? letter : '\0';
}

// The last capital letter that stands alone, "(C)" or " C ".
char lastLoneLetter(std::string_view text)
{
    for (std::size_t i = text.size(); i-- > 0;) {
        const bool isCapital = text[i] >= 'A' && text[i] <= 'Z';
        const bool standsAlone = (i == 0 || std::string_view(" \n\t(*[").find(text[i - 1]) != std::string_view::npos)
            && (i + 1 == text.size() || std::string_view(" \n\t).*],").find(text[i + 1]) != std::string_view::npos);
        const bool isWord = (text[i] == 'A' || text[i] == 'I') && i + 1 < text.size() && text[i + 1] == ' ';
        if (isCapital && standsAlone && !isWord)
            return text[i];
    }
    return 0;
}

class ChoiceGrader final : public SingleGrader {
public:
    explicit ChoiceGrader(ExtractionOptions extraction)
        : m_extraction(extraction)
    {
        m_extraction.lastNumber = false;
    }

    std::string referenceProblem(std::string_view reference) override
    {
        return readChoice(reference) != 0 ? "" : concat("the reference '", reference, "' is not a letter of a choice");
    }

private:
    Grade gradeOne(const GradeRequest& request) const override
    {
        const auto found = extractAnswer(request.response, request.isTruncated ? m_extraction.forTruncated() : m_extraction);
        std::string step = found ? nameOf(found->step) : "last-letter";
        char letter = found ? readChoice(found->text) : '\0';
        if (letter == 0 && !request.isTruncated && !(found && found->step == ExtractionStep::Boxed)) {
            letter = lastLoneLetter(request.response);
            step = "last-letter";
        }
        if (letter == 0)
            return found ? unreadable(found->text, step + "; not a letter of a choice") : noAnswer(request, "no answer found");
        const bool isEqual = letter == readChoice(request.reference);
        return { isEqual ? Verdict::Correct : Verdict::Wrong, found ? std::string(found->text) : std::string(1, letter),
            std::string(1, letter), step + "; choice", found && isStated(found->step) };
    }

    ExtractionOptions m_extraction;
};

struct CodeDeleter {
    void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct MatchDataDeleter {
    void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct MatchContextDeleter {
    void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};

class RegexGrader final : public SingleGrader {
public:
    explicit RegexGrader(const std::string& pattern)
    {
        int error = 0;
        PCRE2_SIZE offset = 0;
        m_code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
            PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_MULTILINE, &error, &offset, nullptr));
        if (!m_code) {
            PCRE2_UCHAR message[256];
            pcre2_get_error_message(error, message, sizeof(message));
            throw Error(ErrorKind::Config, concat("reward.pattern: expected a regular expression, found '", pattern,
                                               "' (", reinterpret_cast<const char*>(message), " at character ", offset, ")"));
        }
    }

    std::string referenceProblem(std::string_view reference) override
    {
        return trim(reference).empty() ? "the reference is empty" : "";
    }

private:
    // Backtracking is bounded, so that no pattern can hang a run.
    static constexpr std::uint32_t kMatchLimit = 1'000'000;

    Grade gradeOne(const GradeRequest& request) const override
    {
        const std::unique_ptr<pcre2_match_data, MatchDataDeleter> data(
            pcre2_match_data_create_from_pattern(m_code.get(), nullptr));
        const std::unique_ptr<pcre2_match_context, MatchContextDeleter> context(pcre2_match_context_create(nullptr));
        pcre2_set_match_limit(context.get(), kMatchLimit);
        std::optional<std::string_view> last;
        std::size_t from = 0;
        while (from <= request.response.size()) {
            const int count = pcre2_match(m_code.get(), reinterpret_cast<PCRE2_SPTR>(request.response.data()),
                request.response.size(), from, 0, data.get(), context.get());
            if (count == PCRE2_ERROR_MATCHLIMIT || count == PCRE2_ERROR_DEPTHLIMIT || count == PCRE2_ERROR_HEAPLIMIT)
                return { Verdict::Timeout, {}, {}, "the pattern needs more steps than allowed", false };
            if (count < 0)
                break;
            const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer(data.get());
            const std::size_t group = count > 1 && offsets[2] != PCRE2_UNSET ? 2 : 0;
            last = request.response.substr(offsets[group], offsets[group + 1] - offsets[group]);
            from = std::max(offsets[1], offsets[0] + 1);
        }
        if (!last)
            return noAnswer(request, "the pattern does not match");
        std::string form = normaliseSpaces(*last);
        const bool isEqual = form == normaliseSpaces(request.reference);
        return { isEqual ? Verdict::Correct : Verdict::Wrong, std::string(*last), std::move(form), "pattern; exact text",
            true };
    }

    std::unique_ptr<pcre2_code, CodeDeleter> m_code;
};

} // namespace

std::string normaliseSpaces(std::string_view text)
{
    std::string out;
    bool isPending = false;
    for (const char c : text) {
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v') {
            isPending = !out.empty();
            continue;
        }
        if (isPending)
            out += ' ';
        isPending = false;
        out += c;
    }
    return out;
}

std::unique_ptr<Grader> makeExactGrader(std::string marker) { return std::make_unique<ExactGrader>(std::move(marker)); }

std::unique_ptr<Grader> makeNumericGrader(double tolerance, ExtractionOptions extraction)
{
    return std::make_unique<NumericGrader>(tolerance, extraction);
}

std::unique_ptr<Grader> makeChoiceGrader(ExtractionOptions extraction)
{
    return std::make_unique<ChoiceGrader>(extraction);
}

std::unique_ptr<Grader> makeRegexGrader(const std::string& pattern) { return std::make_unique<RegexGrader>(pattern); }

} // namespace midpoint::reward
