#include "backend/reward/math/real_set.h"

#include "backend/reward/math/scalar_equality.h"

#include <algorithm>

namespace midpoint::reward::math {

namespace {

using Result = std::optional<RealSet>;

Expression infinity(bool isNegative)
{
    Expression out(Kind::Infinity);
    return isNegative ? unary(Kind::Negate, std::move(out)) : out;
}

RealSet wholeLine() { return { Interval { infinity(true), infinity(false), false, false } }; }

class SetBuilder {
public:
    explicit SetBuilder(const Bounds& bounds)
        : m_bounds(bounds)
    {
    }

    Result build(const Expression& e) const
    {
        switch (e.kind) {
        case Kind::Bracket:
            if (e.parts.size() != 2)
                return std::nullopt;
            return normalised({ Interval { e.parts[0], e.parts[1], e.text[0] == '[', e.text[1] == ']' } });
        case Kind::Set: {
            RealSet points;
            for (const Expression& part : e.parts)
                points.push_back({ part, part, true, true });
            return normalised(std::move(points));
        }
        case Kind::NamedSet:
            if (e.text == "R")
                return wholeLine();
            return e.text.empty() ? Result(RealSet {}) : std::nullopt;
        case Kind::Union:
        case Kind::Choice:
            return unionOf(e);
        case Kind::Intersection:
        case Kind::List:
            return intersectionOf(e);
        case Kind::Difference: {
            const Result whole = build(e.parts[0]);
            const Result removed = build(e.parts[1]);
            if (!whole || !removed)
                return std::nullopt;
            return intersect(*whole, complement(*removed));
        }
        case Kind::Builder:
            return ofBuilder(e);
        case Kind::Relation:
            return ofRelation(e);
        default:
            return std::nullopt;
        }
    }

private:
    // {x | condition} or {x in S | condition}; {2x | condition} and {(x, y) | condition} are no such sets.
    Result ofBuilder(const Expression& e) const
    {
        const bool hasDomain = e.parts[0].kind == Kind::Relation && e.parts[0].text == "e";
        const Expression& element = hasDomain ? e.parts[0].parts[0] : e.parts[0];
        Result chosen = element.kind == Kind::Symbol ? build(e.parts[1]) : std::nullopt;
        if (!chosen || !hasDomain)
            return chosen;
        const Result domain = build(e.parts[0].parts[1]);
        return domain ? intersect(*domain, *chosen) : std::nullopt;
    }

    Result unionOf(const Expression& e) const
    {
        RealSet all;
        for (const Expression& part : e.parts) {
            Result next = build(part);
            if (!next)
                return std::nullopt;
            all.insert(all.end(), next->begin(), next->end());
        }
        return normalised(std::move(all));
    }

    Result intersectionOf(const Expression& e) const
    {
        Result all;
        for (const Expression& part : e.parts) {
            if (e.kind == Kind::List && part.kind != Kind::Relation)
                return std::nullopt; // a list of numbers is no condition
            const Result next = build(part);
            if (!next)
                return std::nullopt;
            all = all ? intersect(*all, *next) : next;
            if (!all)
                return std::nullopt;
        }
        return all;
    }

    // a < x <= b, x > a, x != a, x = a, x in S; x is the only symbol and stands alone.
    Result ofRelation(const Expression& e) const
    {
        if (e.text == "e")
            return build(e.parts[1]);
        if (e.text == "n") {
            const Result outside = build(e.parts[1]);
            return outside ? Result(complement(*outside)) : std::nullopt;
        }
        if (const auto distance = ofDistance(e))
            return distance;
        std::size_t variable = e.parts.size();
        for (std::size_t i = 0; i < e.parts.size(); ++i) {
            if (!hasSymbols(e.parts[i]))
                continue;
            if (variable != e.parts.size() || e.parts[i].kind != Kind::Symbol)
                return std::nullopt;
            variable = i;
        }
        if (variable == e.parts.size())
            return std::nullopt;
        Result out = wholeLine();
        for (std::size_t i = 0; out && i + 1 < e.parts.size(); ++i) {
            if (i != variable && i + 1 != variable)
                return std::nullopt;
            const bool isVariableLeft = i == variable;
            const Result part = halfLine(e.text[i], isVariableLeft, e.parts[isVariableLeft ? i + 1 : i]);
            out = part ? intersect(*out, *part) : std::nullopt;
        }
        return out;
    }

    // |x - a| < b and its kin, which say how far x is from a.
    Result ofDistance(const Expression& e) const
    {
        if (e.parts.size() != 2)
            return std::nullopt;
        const bool isDistanceLeft = e.parts[0].kind == Kind::Function && e.parts[0].text == "abs";
        const Expression& distance = e.parts[isDistanceLeft ? 0 : 1];
        const Expression& limit = e.parts[isDistanceLeft ? 1 : 0];
        if (distance.kind != Kind::Function || distance.text != "abs" || hasSymbols(limit))
            return std::nullopt;
        const Expression& inner = distance.parts.front();
        const bool isShifted = inner.kind == Kind::Sum && inner.parts.size() == 2 && !hasSymbols(inner.parts[1]);
        if ((isShifted ? inner.parts[0] : inner).kind != Kind::Symbol)
            return std::nullopt;
        const Expression centre = isShifted ? unary(Kind::Negate, inner.parts[1]) : number(0);
        const Expression low = binary(Kind::Sum, centre, unary(Kind::Negate, limit));
        const Expression high = binary(Kind::Sum, centre, limit);
        const char op = e.text[0];
        const bool isLess = op == '<' || op == 'l';
        const bool isMore = op == '>' || op == 'g';
        if (!isLess && !isMore)
            return std::nullopt;
        if (isLess == isDistanceLeft) {
            const bool isClosed = op == 'l' || op == 'g';
            return normalised({ Interval { low, high, isClosed, isClosed } });
        }
        const bool isInnerClosed = op == '<' || op == '>'; // of what is left out
        const Result inside = normalised({ Interval { low, high, isInnerClosed, isInnerClosed } });
        return inside ? Result(complement(*inside)) : std::nullopt;
    }

    Result halfLine(char op, bool isVariableLeft, const Expression& end) const
    {
        const bool isLess = op == '<' || op == 'l';
        const bool isMore = op == '>' || op == 'g';
        const bool isClosed = op == 'l' || op == 'g';
        if (op == '=')
            return normalised({ Interval { end, end, true, true } });
        if (op == '!') {
            const Result point = normalised({ Interval { end, end, true, true } });
            return point ? Result(complement(*point)) : std::nullopt;
        }
        if (!isLess && !isMore)
            return std::nullopt;
        if (isLess == isVariableLeft)
            return normalised({ Interval { infinity(true), end, false, isClosed } });
        return normalised({ Interval { end, infinity(false), isClosed, false } });
    }

    // Sorted and merged; nothing if ends cannot be ordered. Empty intervals disappear.
    Result normalised(RealSet set) const
    {
        if (static_cast<long>(set.size()) > m_bounds.maxParts)
            throw BeyondBounds("a union of more than " + std::to_string(m_bounds.maxParts) + " intervals");
        RealSet kept;
        for (Interval& interval : set) {
            const auto order = orderOf(interval.low, interval.high, m_bounds);
            if (!order)
                return std::nullopt;
            if (*order < 0 || (*order == 0 && interval.isLowClosed && interval.isHighClosed))
                kept.push_back(std::move(interval));
        }
        bool isOrdered = true;
        // Insertion sort: a comparison may fail, which std::sort cannot express.
        for (std::size_t i = 1; i < kept.size(); ++i) {
            for (std::size_t j = i; j > 0; --j) {
                const auto order = orderOf(kept[j].low, kept[j - 1].low, m_bounds);
                isOrdered = isOrdered && order.has_value();
                const bool isBefore = order && (*order < 0 || (*order == 0 && kept[j].isLowClosed && !kept[j - 1].isLowClosed));
                if (!isBefore)
                    break;
                std::swap(kept[j], kept[j - 1]);
            }
        }
        if (!isOrdered)
            return std::nullopt;
        return merged(std::move(kept));
    }

    Result merged(RealSet sorted) const
    {
        RealSet out;
        for (Interval& next : sorted) {
            if (out.empty()) {
                out.push_back(std::move(next));
                continue;
            }
            Interval& last = out.back();
            const auto gap = orderOf(next.low, last.high, m_bounds);
            if (!gap)
                return std::nullopt;
            if (*gap > 0 || (*gap == 0 && !next.isLowClosed && !last.isHighClosed)) {
                out.push_back(std::move(next));
                continue;
            }
            const auto end = orderOf(next.high, last.high, m_bounds);
            if (!end)
                return std::nullopt;
            if (*end == 0)
                last.isHighClosed = last.isHighClosed || next.isHighClosed;
            if (*end > 0) {
                last.high = std::move(next.high);
                last.isHighClosed = next.isHighClosed;
            }
        }
        return out;
    }

    static RealSet complement(const RealSet& set)
    {
        RealSet out;
        Expression low = infinity(true);
        bool isLowClosed = false;
        for (const Interval& interval : set) {
            if (toText(interval.low) != "-infinity")
                out.push_back({ low, interval.low, isLowClosed, !interval.isLowClosed });
            low = interval.high;
            isLowClosed = !interval.isHighClosed;
        }
        if (toText(low) != "infinity")
            out.push_back({ low, infinity(false), isLowClosed, false });
        return out;
    }

    Result intersect(const RealSet& a, const RealSet& b) const
    {
        RealSet out;
        for (const Interval& x : a) {
            for (const Interval& y : b) {
                const auto low = orderOf(x.low, y.low, m_bounds);
                const auto high = orderOf(x.high, y.high, m_bounds);
                if (!low || !high)
                    return std::nullopt;
                Interval both;
                both.low = *low >= 0 ? x.low : y.low;
                both.isLowClosed = *low > 0 ? x.isLowClosed : *low < 0 ? y.isLowClosed : x.isLowClosed && y.isLowClosed;
                both.high = *high <= 0 ? x.high : y.high;
                both.isHighClosed = *high < 0 ? x.isHighClosed : *high > 0 ? y.isHighClosed : x.isHighClosed && y.isHighClosed;
                out.push_back(std::move(both));
            }
        }
        return normalised(std::move(out));
    }

    const Bounds& m_bounds;
};

} // namespace

std::optional<RealSet> realSetOf(const Expression& expression, const Bounds& bounds) { return SetBuilder(bounds).build(expression); }

bool isSameSet(const RealSet& a, const RealSet& b, const Bounds& bounds)
{
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](const Interval& x, const Interval& y) {
        return x.isLowClosed == y.isLowClosed && x.isHighClosed == y.isHighClosed && orderOf(x.low, y.low, bounds) == 0
            && orderOf(x.high, y.high, bounds) == 0;
    });
}

} // namespace midpoint::reward::math
