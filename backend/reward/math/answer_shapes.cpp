#include "backend/reward/math/answer_shapes.h"

#include "backend/reward/math/exact_value.h"
#include "backend/reward/math/scalar_equality.h"

#include <algorithm>

namespace midpoint::reward::math {

namespace {

bool isInverseName(const Expression& e)
{
    return e.kind == Kind::Power && e.parts[0].kind == Kind::Symbol && smallInteger(e.parts[1], 1) == -1;
}

// dy/dx
bool isDerivativeName(const Expression& e)
{
    const auto isDifferential = [](const Expression& part) {
        return part.kind == Kind::Product && part.parts.size() == 2 && part.parts[0].kind == Kind::Symbol && part.parts[0].text == "d"
            && part.parts[1].kind == Kind::Symbol;
    };
    return e.kind == Kind::Quotient && isDifferential(e.parts[0]) && isDifferential(e.parts[1]);
}

} // namespace

bool hasKind(const Expression& e, Kind kind)
{
    return e.kind == kind || std::any_of(e.parts.begin(), e.parts.end(), [&](const Expression& part) { return hasKind(part, kind); });
}

Expression withoutPercent(const Expression& e)
{
    if (e.kind == Kind::Percent)
        return withoutPercent(e.parts[0]);
    Expression out = e;
    for (Expression& part : out.parts)
        part = withoutPercent(part);
    return out;
}

Expression alternative(const Expression& e, bool isUpper)
{
    Expression out = e;
    for (Expression& part : out.parts)
        part = alternative(part, isUpper);
    if (out.kind != Kind::PlusMinus)
        return out;
    const bool isPlus = isUpper == (out.text == "+-");
    Expression last = std::move(out.parts.back());
    if (!isPlus)
        last = unary(Kind::Negate, std::move(last));
    return out.parts.size() == 1 ? std::move(last) : binary(Kind::Sum, std::move(out.parts.front()), std::move(last));
}

namespace {

bool hasMinusPlus(const Expression& e)
{
    return (e.kind == Kind::PlusMinus && e.text == "-+") || std::any_of(e.parts.begin(), e.parts.end(), hasMinusPlus);
}

int signCount(const Expression& e)
{
    int count = e.kind == Kind::PlusMinus ? 1 : 0;
    for (const Expression& part : e.parts)
        count += signCount(part);
    return count;
}

// The signs in the order of the tree are the bits of `choice`.
Expression chosen(const Expression& e, unsigned& choice)
{
    Expression out = e;
    const bool isUpper = (choice & 1u) != 0;
    if (e.kind == Kind::PlusMinus)
        choice >>= 1;
    for (Expression& part : out.parts)
        part = chosen(part, choice);
    if (out.kind != Kind::PlusMinus)
        return out;
    Expression last = std::move(out.parts.back());
    if (!isUpper)
        last = unary(Kind::Negate, std::move(last));
    return out.parts.size() == 1 ? std::move(last) : binary(Kind::Sum, std::move(out.parts.front()), std::move(last));
}

} // namespace

std::vector<Expression> independentAlternatives(const Expression& e)
{
    constexpr int kMostSigns = 3;
    const int signs = signCount(e);
    if (signs > kMostSigns || hasMinusPlus(e)) // "minus-plus" says that they switch together
        return { alternative(e, true), alternative(e, false) };
    std::vector<Expression> out;
    for (unsigned choice = 0; choice < 1u << signs; ++choice) {
        unsigned bits = choice;
        out.push_back(chosen(e, bits));
    }
    return out;
}

// A left side that only names what follows: x, a_1, f(x), AB, "area".
bool isName(const Expression& e)
{
    switch (e.kind) {
    case Kind::Symbol:
    case Kind::Text:
        return true;
    case Kind::Constant:
        return e.text != "pi";
    case Kind::Product: // f(x), P(2), AB, f^{-1}(x)
        return (e.parts.front().kind == Kind::Symbol || isInverseName(e.parts.front()))
            && std::all_of(e.parts.begin() + 1, e.parts.end(), [](const Expression& part) {
                   return isName(part) || part.kind == Kind::Number || part.kind == Kind::Bracket;
               });
    case Kind::Bracket: // (x, y) = (1, 2)
        return std::all_of(e.parts.begin(), e.parts.end(), isName);
    case Kind::Quotient:
        return isDerivativeName(e);
    case Kind::Function:
        return hasSymbols(e) && (e.text == "max" || e.text == "min" || e.text == "abs" || e.text == "det");
    default:
        return false;
    }
}

// The value of "x = 5", "S = 1/2 = 0.5" or "1 + 2 = 3".
const Expression* namedValue(const Expression& e)
{
    if (e.kind != Kind::Relation || e.text.find_first_not_of("=~") != std::string::npos)
        return nullptr;
    const Expression& first = e.parts.front();
    const Expression& last = e.parts.back();
    if (isName(first) && !(isName(last) && e.parts.size() == 2 && last.kind == Kind::Number))
        return &last;
    if (isName(last))
        return &first;
    return !hasSymbols(first) && !hasSymbols(last) ? &last : nullptr;
}

std::vector<const Expression*> statedValues(const Expression& e)
{
    std::vector<const Expression*> out;
    if (e.kind != Kind::Relation || e.text.find_first_not_of("=~") != std::string::npos)
        return out;
    for (const Expression& part : e.parts)
        if (!isName(part))
            out.push_back(&part);
    return out;
}

Expression substituted(const Expression& e, const std::set<std::string>& names)
{
    Expression out = e;
    for (Expression& part : out.parts)
        part = substituted(part, names);
    if (out.kind != Kind::Symbol)
        return out;
    const auto position = std::distance(names.begin(), names.find(out.text));
    return number(Rational(37 + 10 * position) / Rational(7));
}

void collectNames(const Expression& e, std::set<std::string>& names)
{
    if (e.kind == Kind::Symbol)
        names.insert(e.text);
    for (const Expression& part : e.parts)
        collectNames(part, names);
}

bool isPoint(const Expression& e)
{
    return e.kind == Kind::Product && e.parts.size() == 2 && e.parts[0].kind == Kind::Symbol && e.parts[0].text.size() == 1
        && e.parts[0].text[0] >= 'A' && e.parts[0].text[0] <= 'Z' && e.parts[1].kind == Kind::Bracket;
}

bool isFunctionAndItsValue(const Expression& a, const Expression& b)
{
    const auto isCall = [](const Expression& e) { // f(x): parsed as a product
        return e.kind == Kind::Product && e.parts.size() == 2 && e.parts[0].kind == Kind::Symbol && e.parts[1].kind == Kind::Symbol
            && (e.parts[0].text == "f" || e.parts[0].text == "g" || e.parts[0].text == "h");
    };
    const auto isValue = [](const Expression& e) { return e.kind == Kind::Symbol && e.text == "y"; };
    return (isCall(a) && isValue(b)) || (isValue(a) && isCall(b));
}

std::optional<Expression> matrixOfLists(const Expression& e)
{
    const auto isRow = [](const Expression& part) { return part.kind == Kind::Bracket && part.text == "[]"; };
    if (!isRow(e) || !std::all_of(e.parts.begin(), e.parts.end(), isRow))
        return std::nullopt;
    Expression out(Kind::Matrix);
    for (const Expression& row : e.parts)
        out.parts.push_back(Expression(Kind::Row, row.parts));
    return out;
}

bool areOfDifferentVariables(const Expression& r, const Expression& s)
{
    const auto isCondition = [](const Expression& e) { return e.kind == Kind::Relation || e.kind == Kind::Choice || e.kind == Kind::List; };
    if (!isCondition(r) || !isCondition(s))
        return false;
    std::set<std::string> namesOfR;
    std::set<std::string> namesOfS;
    collectNames(r, namesOfR);
    collectNames(s, namesOfS);
    return namesOfR.size() == 1 && namesOfS.size() == 1 && namesOfR != namesOfS;
}

Expression turned(Expression e)
{
    if (e.text.find_first_not_of(">g") != std::string::npos)
        return e;
    std::reverse(e.parts.begin(), e.parts.end());
    std::reverse(e.text.begin(), e.text.end());
    for (char& op : e.text)
        op = op == '>' ? '<' : 'l';
    return e;
}

} // namespace midpoint::reward::math
