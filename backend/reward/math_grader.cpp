#include "backend/reward/math_grader.h"

#include "backend/core/text.h"
#include "backend/reward/math/equality.h"
#include "backend/reward/math/number_words.h"
#include "backend/reward/math/reader.h"
#include "backend/reward/math/words.h"
#include "backend/reward/math_normal_form.h"

#include <algorithm>

namespace midpoint::reward {

namespace {

// An answer that was read, or why it could not be.
struct Reading {
    std::optional<math::Expression> expression;
    std::string problem;
};

Reading read(std::string_view text, const math::TokenOptions& options = {})
{
    try {
        return { math::readAnswer(text, options), {} };
    } catch (const math::Unreadable& unreadable) {
        return { std::nullopt, unreadable.what() };
    }
}

// "1,234": a comma with three digits behind it can separate thousands or parts of a list.
bool hasAmbiguousComma(std::string_view text)
{
    const auto isDigit = [&](std::size_t i) { return i < text.size() && text[i] >= '0' && text[i] <= '9'; };
    for (std::size_t i = text.find(','); i != std::string_view::npos; i = text.find(',', i + 1))
        if (i > 0 && isDigit(i - 1) && isDigit(i + 1) && isDigit(i + 2) && isDigit(i + 3))
            return true;
    return false;
}

bool isLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// The letter of "(B) 12", "B. twelve", "\textbf{(C) } 12": a choice with its content. 0 if there is none, or several letters.
char labelledChoice(std::string_view text)
{
    for (const std::string_view wrapper : { "\\textbf{", "\\text{", "\\mathrm{", "\\mathbf{", "\\textrm{" })
        if (text.starts_with(wrapper)) {
            text.remove_prefix(wrapper.size());
            break;
        }
    text = trim(text);
    bool isAnnounced = false; // "Option B"
    for (const std::string_view word : { "option ", "choice ", "answer " })
        if (!isAnnounced && startsWith(toLower(text.substr(0, word.size())), word)) {
            text = trim(text.substr(word.size()));
            isAnnounced = true;
        }
    while (isAnnounced && text.size() == 2 && text[1] == '}')
        text.remove_suffix(1);
    if (isAnnounced && text.size() == 1 && text[0] >= 'A' && text[0] <= 'Z')
        return text[0];
    const bool isBracketed = text.starts_with('(');
    if (isBracketed)
        text.remove_prefix(1);
    if (text.size() < 2 || text[0] < 'A' || text[0] > 'Z' || (isBracketed ? text[1] != ')' : std::string_view(").:").find(text[1]) == std::string_view::npos))
        return 0;
    for (std::size_t i = 2; i < text.size(); ++i) { // "(A) and (B)"
        const bool isAlone = !isLetter(text[i - 1]) && (i + 1 == text.size() || !isLetter(text[i + 1]));
        if (text[i] >= 'A' && text[i] <= 'Z' && isAlone)
            return 0;
    }
    return text[0];
}

// Is `letter` one letter, and `text` that letter with the text of its choice?
bool isChoiceOf(const math::Expression& letter, std::string_view text)
{
    return letter.kind == math::Kind::Symbol && letter.text.size() == 1 && labelledChoice(text) == letter.text.front();
}

// "\text{red}" and "Red", "\text{CAB}" and "ABC": words of two or three letters, which otherwise read as products of variables.
// Whether they are the same; nothing if one is no word or neither is marked as text.
std::optional<bool> isSameShortWord(std::string_view reference, std::string_view response)
{
    const auto wordOf = [](std::string_view text) {
        constexpr std::string_view kCommand = "\\text{";
        if (text.starts_with(kCommand) && text.ends_with('}'))
            text = text.substr(kCommand.size(), text.size() - kCommand.size() - 1);
        return toLower(trim(text));
    };
    const auto isWord = [](const std::string& word) { return word.size() >= 2 && std::all_of(word.begin(), word.end(), isLetter); };
    const std::string a = wordOf(reference);
    const std::string b = wordOf(response);
    if (!isWord(a) || !isWord(b) || (!reference.starts_with("\\text{") && !response.starts_with("\\text{")))
        return std::nullopt;
    return a == b;
}

// The MATH normal form drops what follows "\text{ ", which it takes for a unit. "5 \text{ not } 6" and "5 \text{ or more}" are not 5.
bool losesMeaning(std::string_view text)
{
    constexpr std::string_view kCommand = "\\text{ ";
    const std::size_t unit = text.find(kCommand);
    if (unit == std::string_view::npos)
        return false;
    const std::string_view dropped = text.substr(unit + kCommand.size());
    const std::vector<std::string> words = math::wordsOf(dropped.substr(0, dropped.find('}')));
    return dropped.find_first_of("0123456789") != std::string_view::npos || math::qualifiesWhatPrecedes(words);
}

class MathGrader final : public Grader {
public:
    explicit MathGrader(MathGraderOptions options)
        : m_options(std::move(options))
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
        const Reading reading = read(reference);
        return reading.expression ? "" : concat("cannot be read: ", reading.problem);
    }

private:
    // What a step found in the response and how it reads.
    struct Candidate {
        Extraction extraction;
        Reading reading;
    };

    Grade gradeOne(const GradeRequest& request) const
    {
        const Reading reference = read(request.reference);
        const auto candidate = findAnswer(request, reference.expression);
        const std::string where = candidate ? std::string(nameOf(candidate->extraction.step)) + "; " : std::string();
        Grade grade;
        if (candidate) {
            grade.extracted = candidate->extraction.text;
            grade.isWellFormed = isStated(candidate->extraction.step);
        }
        if (!candidate) {
            grade.verdict = request.isTruncated ? Verdict::Truncated : Verdict::Unparseable;
            grade.rule = request.isTruncated ? "cut at its limit without an answer" : "no answer found";
        } else if (reference.expression && !candidate->reading.expression && isChoiceOf(*reference.expression, grade.extracted)) { // "B) 12"
            grade.normalForm = reference.expression->text;
            grade.verdict = Verdict::Correct;
            grade.rule = where + "letter with its choice";
        } else if (!reference.expression || !candidate->reading.expression) {
            compareTexts(request, where, reference, candidate->reading, grade);
        } else {
            compare(request, where, *reference.expression, *candidate->reading.expression, grade);
        }
        if (!reference.expression && grade.verdict != Verdict::Correct) {
            grade.verdict = Verdict::UnparseableReference;
            grade.rule = concat("the reference cannot be read: ", reference.problem);
        }
        return grade;
    }

    // The first step whose text can be read. A box or "####" is taken as it is: it states the answer.
    std::optional<Candidate> findAnswer(const GradeRequest& request, const std::optional<math::Expression>& reference) const
    {
        const bool expectsWords = reference && reference->kind == math::Kind::Text;
        const bool expectsChoice = reference && reference->kind == math::Kind::Symbol;
        ExtractionOptions steps = request.isTruncated ? m_options.extraction.forTruncated() : m_options.extraction;
        std::optional<Candidate> first;
        while (const auto found = extractAnswer(request.response, steps)) {
            Candidate candidate { *found, read(found->text) };
            const bool isProse = candidate.reading.expression && candidate.reading.expression->kind == math::Kind::Text && !expectsWords;
            const bool isChoice = expectsChoice && labelledChoice(found->text) != 0;
            if (isStated(found->step) || (candidate.reading.expression && !isProse) || isChoice)
                return candidate;
            if (!first)
                first = std::move(candidate);
            switchOff(steps, found->step);
        }
        return first;
    }

    static void switchOff(ExtractionOptions& steps, ExtractionStep step)
    {
        steps.boxed = false;
        steps.hashes = false;
        steps.answerPhrase = steps.answerPhrase && step < ExtractionStep::AnswerPhrase;
        steps.dollars = steps.dollars && step < ExtractionStep::Dollars;
        steps.lastNumber = steps.lastNumber && step < ExtractionStep::LastNumber;
    }

    // One side cannot be read: only the same text, in the MATH normal form, counts.
    static void compareTexts(const GradeRequest& request, const std::string& where, const Reading& reference, const Reading& response,
        Grade& grade)
    {
        const std::string form = mathNormalForm(grade.extracted);
        const bool isComplete = grade.extracted == request.reference || (!losesMeaning(grade.extracted) && !losesMeaning(request.reference));
        const bool isSame = isComplete && !form.empty() && form == mathNormalForm(request.reference);
        grade.normalForm = response.expression ? math::toText(*response.expression) : form;
        grade.verdict = isSame ? Verdict::Correct : response.expression && reference.expression ? Verdict::Wrong : Verdict::Unparseable;
        grade.rule = where + (isSame ? "same MATH normal form" : "the answer cannot be read: " + response.problem);
    }

    void compare(const GradeRequest& request, const std::string& where, const math::Expression& reference,
        const math::Expression& response, Grade& grade) const
    {
        grade.normalForm = math::toText(response);
        try {
            math::Comparison comparison = math::compareAnswers(reference, response, m_options.bounds);
            if (!comparison.isEqual && (hasAmbiguousComma(request.reference) || hasAmbiguousComma(grade.extracted)))
                comparison = compareAsLists(request.reference, grade.extracted, comparison);
            const char choice = labelledChoice(request.reference);
            const char chosen = labelledChoice(grade.extracted);
            if (choice != 0 && chosen != 0 && choice != chosen)
                comparison = { false, "different choices" };
            if (!comparison.isEqual && (isChoiceOf(reference, grade.extracted) || isChoiceOf(response, request.reference)))
                comparison = { true, "letter with its choice" };
            const auto isSameWord = isSameShortWord(request.reference, grade.extracted);
            const bool areProducts = reference.kind == math::Kind::Product && response.kind == math::Kind::Product;
            if (isSameWord && *isSameWord != comparison.isEqual && (*isSameWord || areProducts))
                comparison = { *isSameWord, *isSameWord ? "same word" : "different words" };
            grade.verdict = comparison.isEqual ? Verdict::Correct : Verdict::Wrong;
            grade.rule = where + comparison.rule;
        } catch (const math::BeyondBounds& beyond) {
            if (m_options.beyondBounds) {
                const Grade answer = m_options.beyondBounds(request);
                grade.verdict = answer.verdict;
                grade.rule = where + "in a worker process: " + answer.rule;
            } else {
                grade.verdict = Verdict::Unparseable;
                grade.rule = where + "refused: " + beyond.what();
            }
        }
    }

    math::Comparison compareAsLists(std::string_view reference, std::string_view extracted, const math::Comparison& before) const
    {
        const Reading listOfReference = read(reference, { .commasGroupDigits = false });
        const Reading listOfResponse = read(extracted, { .commasGroupDigits = false });
        if (!listOfReference.expression || !listOfResponse.expression)
            return before;
        // "(1,234)" stays a pair: only lists without brackets are ambiguous.
        if (listOfReference.expression->kind != math::Kind::List || listOfResponse.expression->kind != math::Kind::List)
            return before;
        const math::Comparison asLists = math::compareAnswers(*listOfReference.expression, *listOfResponse.expression, m_options.bounds);
        return asLists.isEqual ? math::Comparison { true, "commas read as a list; " + asLists.rule } : before;
    }

    MathGraderOptions m_options;
};

} // namespace

std::unique_ptr<Grader> makeMathGrader(MathGraderOptions options) { return std::make_unique<MathGrader>(std::move(options)); }

} // namespace midpoint::reward
