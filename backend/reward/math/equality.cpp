#include "backend/reward/math/equality.h"

#include "backend/core/text.h"
#include "backend/reward/math/answer_shapes.h"
#include "backend/reward/math/exact_value.h"
#include "backend/reward/math/parameters.h"
#include "backend/reward/math/real_set.h"
#include "backend/reward/math/rounding.h"
#include "backend/reward/math/scalar_equality.h"
#include "backend/reward/math/unfold.h"

#include <algorithm>
#include <set>

namespace midpoint::reward::math {

namespace {

class AnswerComparison {
public:
    explicit AnswerComparison(const Bounds& bounds)
        : m_bounds(bounds)
    {
    }

    Comparison compare(const Expression& r, const Expression& s) const
    {
        if (++m_comparisons > m_bounds.maxComparisons)
            throw BeyondBounds("more than " + std::to_string(m_bounds.maxComparisons) + " comparisons of parts");
        if (toText(r) == toText(s))
            return { true, "same form" };
        if (isScalar(r) && isScalar(s))
            return scalars(r, s);
        if (const auto result = relations(r, s))
            return *result;
        if (r.kind == Kind::Builder && s.kind == Kind::Builder && toText(r.parts[1]) == toText(s.parts[1]))
            return compare(r.parts[0], s.parts[0]);
        if (s.kind == Kind::Bracket && isPoint(r))
            return compare(r.parts[1], s);
        if (r.kind == Kind::Bracket && isPoint(s))
            return compare(r, s.parts[1]);
        if (isCollection(r) || isCollection(s))
            return collections(r, s);
        if (r.kind == Kind::Congruence || s.kind == Kind::Congruence)
            return congruences(r, s);
        if (r.kind == Kind::Ratio || s.kind == Kind::Ratio)
            return ratios(r, s);
        if (r.kind == Kind::Matrix || s.kind == Kind::Matrix)
            return matrices(r, s);
        if (const auto result = realSets(r, s))
            return *result;
        if (isSameInWords(r, s) || isSameInWords(s, r))
            return { true, "said in words" };
        return { false, r.kind == Kind::Text || s.kind == Kind::Text ? "different words" : "different kinds of answer" };
    }

private:
    Comparison scalars(const Expression& r, const Expression& s) const
    {
        if (r.kind == Kind::Based || s.kind == Kind::Based)
            return based(r, s);
        if (hasKind(r, Kind::PlusMinus) || hasKind(s, Kind::PlusMinus))
            return plusMinus(r, s);
        if (hasKind(r, Kind::Infinity) || hasKind(s, Kind::Infinity))
            return { false, "infinity" };
        const bool isPercentR = hasKind(r, Kind::Percent);
        const bool isPercentS = hasKind(s, Kind::Percent);
        if (isPercentR != isPercentS) {
            const Comparison dropped = plainScalars(withoutPercent(r), withoutPercent(s));
            if (dropped.isEqual)
                return { true, "percent sign left out; " + dropped.rule };
        }
        return plainScalars(r, s);
    }

    Comparison plainScalars(const Expression& r, const Expression& s) const
    {
        // Many parts share the time of one answer.
        constexpr long kCarefulComparisons = 30;
        Bounds bounds = m_bounds;
        if (m_comparisons > kCarefulComparisons) {
            bounds.maxFieldNodes = 0;
            bounds.maxPrecisionBits = 2'000;
            bounds.maxPolynomialTerms = 100;
        }
        const Decision decision = compareScalars(r, s, bounds);
        if (decision.isEqual)
            return { true, decision.rule };
        if (const char* rule = roundingRule(r, s, m_bounds))
            return { true, rule };
        const bool areLetters = r.kind == Kind::Symbol && s.kind == Kind::Symbol && r.text.size() == 1;
        const bool areLettersOrE = areLetters || (r.kind <= Kind::Symbol && s.kind <= Kind::Symbol && r.text.size() == 1);
        if (areLettersOrE && toLower(r.text) == toLower(s.text))
            return { true, "letter" };
        return { false, decision.rule };
    }

    static bool isSameInWords(const Expression& words, const Expression& other)
    {
        if (words.kind != Kind::Text)
            return false;
        return (words.text == "no solution" && other.kind == Kind::NamedSet && other.text.empty())
            || (words.text == "infinitely many" && other.kind == Kind::Infinity);
    }

    // 55_8 = 45_{10}; a plain number must have the same digits: the base may be left out, not changed.
    Comparison based(const Expression& r, const Expression& s) const
    {
        if (r.kind == Kind::Based && s.kind == Kind::Based) {
            const auto x = basedValue(r);
            const auto y = basedValue(s);
            return { x && y && *x == *y, "number with a base" };
        }
        const Expression& with = r.kind == Kind::Based ? r : s;
        const Expression& without = r.kind == Kind::Based ? s : r;
        const bool isSame = without.kind == Kind::Number && without.decimals < 0 && toText(without) == with.text;
        return { isSame, "base left out" };
    }

    static std::vector<Expression> alternatives(const Expression& e)
    {
        if (!hasKind(e, Kind::PlusMinus))
            return { e };
        return { alternative(e, true), alternative(e, false) };
    }

    // Several plus-minus signs switch together, or each for itself: nobody can tell, so both readings count.
    Comparison plusMinus(const Expression& r, const Expression& s) const
    {
        const Comparison together = unordered(alternatives(r), alternatives(s), "plus-minus");
        if (together.isEqual)
            return together;
        return unordered(independentAlternatives(r), independentAlternatives(s), "plus-minus, each for itself");
    }

    // Every part of one side is found on the other; as often as there, if repetition counts.
    Comparison unordered(const std::vector<Expression>& a, const std::vector<Expression>& b, const std::string& rule,
        bool doesRepetitionCount = false) const
    {
        if (static_cast<long>(std::max(a.size(), b.size())) > m_bounds.maxParts)
            throw BeyondBounds("a set of more than " + std::to_string(m_bounds.maxParts) + " parts");
        if (doesRepetitionCount && a.size() != b.size())
            return { false, rule + "; different lengths" };
        std::vector<bool> isFound(b.size(), false);
        for (const Expression& x : a) {
            bool isMatched = false;
            for (std::size_t j = 0; j < b.size(); ++j) {
                const bool isSetInSet = (x.kind == Kind::Set) != (b[j].kind == Kind::Set); // {1, {2}} is not {1, 2}
                const bool isTaken = isFound[j] && (isMatched || doesRepetitionCount);
                if (isTaken || isSetInSet || !compare(x, b[j]).isEqual)
                    continue;
                isFound[j] = true;
                isMatched = true;
                if (doesRepetitionCount)
                    break;
            }
            if (!isMatched)
                return { false, rule };
        }
        return { std::all_of(isFound.begin(), isFound.end(), [](bool found) { return found; }), rule };
    }

    Comparison ordered(const std::vector<Expression>& a, const std::vector<Expression>& b, const std::string& rule) const
    {
        if (a.size() != b.size())
            return { false, rule + "; different lengths" };
        for (std::size_t i = 0; i < a.size(); ++i) {
            const Expression* x = namedValue(a[i]);
            const Expression* y = namedValue(b[i]);
            // "x = 1, y = 2" against "(1, 2)": names only count if both sides give them.
            const bool isBothNamed = x != nullptr && y != nullptr;
            const Comparison part = compare(x != nullptr && !isBothNamed ? *x : a[i], y != nullptr && !isBothNamed ? *y : b[i]);
            if (!part.isEqual)
                return { false, rule + "; part " + std::to_string(i + 1) + ": " + part.rule };
        }
        return { true, rule };
    }

    static bool isCollection(const Expression& e)
    {
        return e.kind == Kind::List || e.kind == Kind::Choice || e.kind == Kind::Set || e.kind == Kind::Bracket;
    }

    // The parts of a list, a set, a choice, or alternatives; anything else is a list of one.
    static std::vector<Expression> partsOf(const Expression& e)
    {
        if (e.kind != Kind::List && e.kind != Kind::Choice && e.kind != Kind::Set)
            return alternatives(e);
        std::vector<Expression> out;
        for (const Expression& part : e.parts) {
            const Expression* value = namedValue(part);
            for (Expression& one : alternatives(value != nullptr && e.kind != Kind::List ? *value : part))
                out.push_back(std::move(one));
        }
        return out;
    }

    Comparison collections(const Expression& r, const Expression& s) const
    {
        const bool isTupleR = r.kind == Kind::Bracket;
        const bool isTupleS = s.kind == Kind::Bracket;
        if (isTupleR && isTupleS) {
            if (r.text != s.text)
                return { false, "different brackets" };
            return ordered(r.parts, s.parts, r.parts.size() == 2 ? "pair or interval by parts" : "tuple by parts");
        }
        if (isTupleR != isTupleS) {
            const Expression& other = isTupleR ? s : r;
            if (other.kind == Kind::Set && other.parts.size() == 1) { // {(1, 2)}
                const Comparison only = isTupleR ? compare(r, s.parts.front()) : compare(r.parts.front(), s);
                return { only.isEqual, "set of one; " + only.rule };
            }
            if (const auto sets = realSets(r, s); sets && sets->isEqual)
                return *sets;
            if (other.kind == Kind::List)
                return ordered(r.parts, s.parts, "brackets left out");
            if (other.kind == Kind::Matrix)
                return matrices(r, s);
            if (const auto sets = realSets(r, s))
                return *sets;
            return { false, "different kinds of answer" };
        }
        if (const auto sets = realSets(r, s))
            return *sets;
        const bool isEmptyInSet = (r.kind == Kind::Set && s.kind == Kind::NamedSet) || (s.kind == Kind::Set && r.kind == Kind::NamedSet);
        if (isEmptyInSet) // the set of the empty set is not empty
            return { false, "different sets" };
        const bool isUnit = !isCollection(r) || !isCollection(s);
        const auto isPlainList = [](const Expression& e) { return (e.kind == Kind::List || isScalar(e)) && !hasKind(e, Kind::PlusMinus); };
        const Comparison result = unordered(partsOf(r), partsOf(s), isUnit ? "set of one" : "set or list by parts", isPlainList(r) && isPlainList(s));
        if (result.isEqual || !isUnit || !(hasKind(r, Kind::PlusMinus) || hasKind(s, Kind::PlusMinus)))
            return result;
        const auto valuesOf = [](const Expression& e) { return isCollection(e) ? partsOf(e) : independentAlternatives(e); };
        return unordered(valuesOf(r), valuesOf(s), "plus-minus, each for itself");
    }

    // Equations, inequalities and memberships; nothing if neither side is one.
    std::optional<Comparison> relations(const Expression& r, const Expression& s) const
    {
        const bool isRelationR = r.kind == Kind::Relation;
        const bool isRelationS = s.kind == Kind::Relation;
        if (!isRelationR && !isRelationS)
            return std::nullopt;
        if (isRelationR && isRelationS)
            return bothRelations(r, s);
        const Expression& relation = isRelationR ? r : s;
        if (relation.parts.size() > 2 || !hasSymbols(relation))
            if (const auto values = statedValues(relation); values.size() > 1)
                return chained(isRelationR ? values : std::vector { &r }, isRelationR ? std::vector { &s } : values);
        const Expression* value = namedValue(relation);
        if (value == nullptr && relation.text == "e")
            value = &relation.parts[1];
        if (value != nullptr) {
            Comparison inner = isRelationR ? compare(*value, s) : compare(r, *value);
            return Comparison { inner.isEqual, "side of an equation; " + inner.rule };
        }
        if (const auto sets = realSets(r, s))
            return *sets;
        return std::nullopt;
    }

    // "S = 1/3 = 0.33" against "1/3", or against another chain: a value of one is a value of the other, and no value contradicts it.
    Comparison chained(const std::vector<const Expression*>& a, const std::vector<const Expression*>& b) const
    {
        for (const Expression* x : a) {
            for (const Expression* y : b) {
                const Comparison inner = compare(*x, *y);
                if (!inner.isEqual)
                    continue;
                const auto agrees = [&](const Expression* other) {
                    return other == x || other == y || compare(*x, *other).isEqual || isRounded(*x, *other, m_bounds) || isRounded(*other, *x, m_bounds);
                };
                const bool isConsistent = std::all_of(a.begin(), a.end(), agrees) && std::all_of(b.begin(), b.end(), agrees);
                return { isConsistent, isConsistent ? "side of an equation; " + inner.rule : "an equation that does not hold" };
            }
        }
        return { false, "side of an equation" };
    }

    Comparison bothRelations(const Expression& r, const Expression& s) const
    {
        if (const auto sets = realSets(r, s))
            return *sets;
        const Expression* x = namedValue(r);
        const Expression* y = namedValue(s);
        if (x != nullptr && y != nullptr && isFunctionAndItsValue(r.parts.front(), s.parts.front())) {
            const Comparison inner = compare(*x, *y);
            return { inner.isEqual, "function by its value; " + inner.rule };
        }
        const bool isChain = x != nullptr && y != nullptr && (r.parts.size() > 2 || s.parts.size() > 2);
        if (isChain && (toText(r.parts.front()) == toText(s.parts.front()) || !isName(r.parts.front()) || !isName(s.parts.front())))
            return chained(statedValues(r), statedValues(s));
        if (r.parts.size() == 2 && s.parts.size() == 2)
            if (const auto result = proportional(r, s))
                return *result;
        if (x != nullptr && y != nullptr && toText(r.parts.front()) == toText(s.parts.front())) {
            const Comparison inner = compare(*x, *y);
            return { inner.isEqual, "side of an equation; " + inner.rule };
        }
        const Expression a = turned(r);
        const Expression b = turned(s);
        if (a.text == b.text)
            return ordered(a.parts, b.parts, "relation by parts");
        return { false, "different relations" };
    }

    // The same residue, whole multiples of the same modulus apart; or a number that is the residue as it is written.
    Comparison congruences(const Expression& r, const Expression& s) const
    {
        if (hasKind(r, Kind::PlusMinus) || hasKind(s, Kind::PlusMinus))
            return unordered(alternatives(r), alternatives(s), "plus-minus");
        const auto valueOf = [](const Expression& e) -> const Expression& { return e.parts[e.parts.size() - 2]; };
        if (r.kind != s.kind) {
            const Expression& congruence = r.kind == Kind::Congruence ? r : s;
            if (congruence.parts.size() == 3 && !isName(congruence.parts.front()))
                return { false, "different kinds of answer" };
            const Comparison inner = r.kind == Kind::Congruence ? compare(valueOf(r), s) : compare(r, valueOf(s));
            return { inner.isEqual, "modulus left out; " + inner.rule };
        }
        if (!compareScalars(r.parts.back(), s.parts.back(), m_bounds).isEqual)
            return { false, "different moduli" };
        if (r.parts.size() == 3 && s.parts.size() == 3 && !compare(r.parts.front(), s.parts.front()).isEqual)
            return { false, "congruences of different expressions" };
        const bool isOfName = (r.parts.size() == 2 || isName(r.parts.front())) && (s.parts.size() == 2 || isName(s.parts.front()));
        if (r.parts.size() != s.parts.size() && !isOfName)
            return { false, "different kinds of answer" };
        const Expression difference = binary(Kind::Sum, valueOf(r), unary(Kind::Negate, valueOf(s)));
        const auto multiple = exactValue(binary(Kind::Quotient, difference, r.parts.back()), m_bounds);
        const bool isSame = (multiple && multiple->isInteger()) || compareScalars(valueOf(r), valueOf(s), m_bounds).isEqual;
        return { isSame, "residue of a modulus" };
    }

    // a = b and c = d say the same if a - b and c - d are proportional; inequalities need a positive factor.
    std::optional<Comparison> proportional(const Expression& r, const Expression& s) const
    {
        const auto canonical = [](const Expression& e) { // left - right, and an operator out of "=", "!", "<", "l"
            const bool isTurned = e.text == ">" || e.text == "g";
            const Expression& a = isTurned ? e.parts[1] : e.parts[0];
            const Expression& b = isTurned ? e.parts[0] : e.parts[1];
            const char op = e.text == ">" ? '<' : e.text == "g" ? 'l' : e.text == "~" ? '=' : e.text[0];
            return std::pair(op, binary(Kind::Sum, a, unary(Kind::Negate, b)));
        };
        for (const Expression* e : { &r, &s })
            if (!isScalar(e->parts[0]) || !isScalar(e->parts[1]) || hasKind(*e, Kind::Infinity))
                return std::nullopt;
        const auto [opR, differenceR] = canonical(r);
        const auto [opS, differenceS] = canonical(s);
        if (opR != opS || opR == 'e' || opR == 'n')
            return Comparison { false, "different relations" };
        std::set<std::string> names;
        collectNames(differenceR, names);
        collectNames(differenceS, names);
        const Expression atR = substituted(differenceR, names);
        const Expression atS = substituted(differenceS, names);
        const auto signR = orderOf(atR, number(0), m_bounds);
        const auto signS = orderOf(atS, number(0), m_bounds);
        if (!signR || !signS || *signR == 0 || *signS == 0)
            return std::nullopt;
        const bool isDirected = opR == '<' || opR == 'l';
        if (isDirected && *signR != *signS)
            return Comparison { false, "different relations" };
        const Decision decision = compareScalars(binary(Kind::Product, differenceR, atS), binary(Kind::Product, differenceS, atR), m_bounds);
        return Comparison { decision.isEqual, std::string("proportional equations; ") + decision.rule };
    }

    Comparison ratios(const Expression& r, const Expression& s) const
    {
        if (r.kind == Kind::Ratio && s.kind == Kind::Ratio) {
            if (r.parts.size() != s.parts.size())
                return { false, "ratio; different lengths" };
            for (std::size_t i = 1; i < r.parts.size(); ++i) {
                const Decision decision = compareScalars(binary(Kind::Product, r.parts[0], s.parts[i]),
                    binary(Kind::Product, s.parts[0], r.parts[i]), m_bounds);
                if (!decision.isEqual)
                    return { false, std::string("ratio; ") + decision.rule };
            }
            return { true, "ratio up to a factor" };
        }
        const Expression& ratio = r.kind == Kind::Ratio ? r : s;
        const Expression& other = r.kind == Kind::Ratio ? s : r;
        if (ratio.parts.size() != 2 || !isScalar(other))
            return { false, "different kinds of answer" };
        const Expression quotient = binary(Kind::Quotient, ratio.parts[0], ratio.parts[1]);
        const Comparison inner = r.kind == Kind::Ratio ? compare(quotient, other) : compare(other, quotient);
        return { inner.isEqual, "ratio as a quotient; " + inner.rule };
    }

    Comparison matrices(const Expression& r, const Expression& s) const
    {
        if (r.kind == Kind::Matrix && s.kind == Kind::Matrix) {
            if (r.parts.size() != s.parts.size())
                return { false, "matrix; different sizes" };
            for (std::size_t i = 0; i < r.parts.size(); ++i)
                if (Comparison row = ordered(r.parts[i].parts, s.parts[i].parts, "matrix, row " + std::to_string(i + 1)); !row.isEqual)
                    return row;
            return { true, "matrix by parts" };
        }
        const Expression& matrix = r.kind == Kind::Matrix ? r : s;
        const Expression& other = r.kind == Kind::Matrix ? s : r;
        if (other.kind != Kind::Bracket)
            return { false, "different kinds of answer" };
        if (const auto rows = matrixOfLists(other))
            return r.kind == Kind::Matrix ? matrices(r, *rows) : matrices(*rows, s);
        std::vector<Expression> entries; // of a row or a column
        for (const Expression& row : matrix.parts)
            entries.insert(entries.end(), row.parts.begin(), row.parts.end());
        if (matrix.parts.size() != 1 && entries.size() != matrix.parts.size())
            return { false, "different kinds of answer" };
        return r.kind == Kind::Matrix ? ordered(entries, other.parts, "vector by parts") : ordered(other.parts, entries, "vector by parts");
    }

    // Intervals, inequalities and sets in their common form. A pair of brackets alone is no reason to think of intervals.
    std::optional<Comparison> realSets(const Expression& r, const Expression& s) const
    {
        const auto isSetLike = [](const Expression& e) {
            return e.kind == Kind::Union || e.kind == Kind::Intersection || e.kind == Kind::Difference || e.kind == Kind::Builder
                || e.kind == Kind::NamedSet || (e.kind == Kind::Relation && e.text.find_first_of("<>lg!en") != std::string::npos)
                || ((e.kind == Kind::Choice || e.kind == Kind::List) && hasKind(e, Kind::Relation)
                    && std::any_of(e.parts.begin(), e.parts.end(),
                        [](const Expression& part) { return part.text.find_first_of("<>lg!") != std::string::npos; }));
        };
        if (!isSetLike(r) && !isSetLike(s))
            return std::nullopt;
        if (areOfDifferentVariables(r, s))
            return Comparison { false, "different variables" };
        const auto a = realSetOf(r, m_bounds);
        const auto b = realSetOf(s, m_bounds);
        if (!a || !b)
            return std::nullopt;
        return Comparison { isSameSet(*a, *b, m_bounds), "sets of real numbers" };
    }

    const Bounds& m_bounds;
    mutable long m_comparisons = 0;
};

Expression withRadians(const Expression& e)
{
    Expression out = e;
    for (Expression& part : out.parts)
        part = withRadians(part);
    if (out.kind != Kind::Degree)
        return out;
    return binary(Kind::Quotient, binary(Kind::Product, std::move(out.parts[0]), Expression(Kind::Constant, "pi")), number(180));
}

} // namespace

Comparison compareAnswers(const Expression& reference, const Expression& response, const Bounds& bounds)
{
    if (toText(reference) == toText(response))
        return { true, "same form" };
    Expression r = unfold(reference, bounds);
    Expression s = unfold(response, bounds);
    renameParameters(r, s);
    const bool isAngleR = hasKind(r, Kind::Degree);
    const bool isAngleS = hasKind(s, Kind::Degree);
    const Expression inRadians = isAngleR ? withRadians(r) : isAngleS ? withRadians(s) : Expression();
    resolveDegrees(r);
    resolveDegrees(s);
    const AnswerComparison comparison(bounds);
    Comparison result = comparison.compare(r, s);
    if (!result.isEqual && isAngleR != isAngleS) {
        // 90 degrees are pi/2.
        if (comparison.compare(isAngleR ? inRadians : r, isAngleR ? s : inRadians).isEqual)
            return { true, "degrees and radians" };
    }
    return result;
}

} // namespace midpoint::reward::math
