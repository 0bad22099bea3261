#include "backend/reward/math/parameters.h"

#include <algorithm>
#include <optional>

namespace midpoint::reward::math {

namespace {

// "k in Z"
bool isMembership(const Expression& e)
{
    return e.kind == Kind::Relation && e.text == "e" && e.parts.size() == 2 && e.parts[0].kind == Kind::Symbol
        && e.parts[1].kind == Kind::NamedSet && !e.parts[1].text.empty();
}

// The membership of an answer's parameter, or null. A list says it at its end.
const Expression* membershipOf(const Expression& e)
{
    const bool hasCondition = (e.kind == Kind::List && e.parts.size() > 1) || e.kind == Kind::Builder;
    return hasCondition && isMembership(e.parts.back()) ? &e.parts.back() : nullptr;
}

void rename(Expression& e, const std::string& from, const std::string& to)
{
    if (e.kind == Kind::Symbol && e.text == from)
        e.text = to;
    for (Expression& part : e.parts)
        rename(part, from, to);
}

void dropMembership(Expression& list)
{
    list.parts.pop_back();
    if (list.parts.size() == 1)
        list = Expression(std::move(list.parts.front()));
}

} // namespace

void renameParameters(Expression& a, Expression& b)
{
    const Expression* ofA = membershipOf(a);
    const Expression* ofB = membershipOf(b);
    if (ofA != nullptr && ofB != nullptr) {
        if (ofA->parts[1].text != ofB->parts[1].text)
            return;
        const std::string name = "parameter 1"; // a name that no text can have
        rename(a, std::string(ofA->parts[0].text), name);
        rename(b, std::string(ofB->parts[0].text), name);
    } else if (ofA != nullptr && a.kind == Kind::List) {
        dropMembership(a);
    } else if (ofB != nullptr && b.kind == Kind::List) {
        dropMembership(b);
    }
}

} // namespace midpoint::reward::math
