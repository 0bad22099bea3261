#include "backend/reward/math/rounding.h"

#include "backend/reward/math/balls.h"
#include "backend/reward/math/exact_value.h"
#include "backend/reward/math/scalar_equality.h"

#include <algorithm>
#include <optional>

namespace midpoint::reward::math {

namespace {

struct Decimal {
    Rational value;
    std::int32_t decimals = 0;
    std::int64_t significant = 0;
};

// A number written with a decimal point, perhaps with a sign or a percent sign.
std::optional<Decimal> decimalOf(const Expression& e)
{
    if (e.kind == Kind::Negate || e.kind == Kind::Percent) {
        auto inner = decimalOf(e.parts[0]);
        if (!inner)
            return std::nullopt;
        if (e.kind == Kind::Negate)
            inner->value = Rational() - inner->value;
        if (e.kind == Kind::Percent) {
            inner->value = inner->value / Rational(100);
            inner->decimals += 2;
        }
        return inner;
    }
    if (e.kind != Kind::Number || e.decimals < 1)
        return std::nullopt;
    Decimal out { e.value, e.decimals, 0 };
    bool hasStarted = false;
    for (const char c : e.text) {
        hasStarted = hasStarted || (c >= '1' && c <= '9');
        out.significant += hasStarted && c != '.' ? 1 : 0;
    }
    return out;
}

// |value - decimal| <= 1/2 unit in its last place, rigorously.
bool roundsTo(const Expression& value, const Decimal& decimal, const Bounds& bounds)
{
    constexpr slong kPrecision = 256;
    const Ball x = evaluateBall(value, kPrecision, bounds);
    if (!x.isFinite() || !acb_is_real(x.raw()) || decimal.decimals > 60)
        return false;
    Ball difference;
    arb_set_fmpq(acb_realref(difference.raw()), decimal.value.raw(), kPrecision);
    arb_sub(acb_realref(difference.raw()), acb_realref(difference.raw()), acb_realref(x.raw()), kPrecision);
    arb_abs(acb_realref(difference.raw()), acb_realref(difference.raw()));
    const Rational half = Rational(1) / (Rational(2) * Rational::powerOfTen(static_cast<ulong>(decimal.decimals)));
    Ball unit;
    arb_set_fmpq(acb_realref(unit.raw()), half.raw(), kPrecision);
    return arb_le(acb_realref(difference.raw()), acb_realref(unit.raw())) != 0
        || arb_overlaps(acb_realref(difference.raw()), acb_realref(unit.raw())) != 0;
}

bool hasFiniteExpansion(const Expression& e, const Bounds& bounds)
{
    const auto value = exactValue(e, bounds);
    if (!value)
        return false;
    Rational rest(1);
    fmpz* below = fmpq_numref(rest.raw());
    fmpz_set(below, value->denominator());
    for (const ulong factor : { 2UL, 5UL })
        while (fmpz_divisible_si(below, static_cast<slong>(factor)) != 0)
            fmpz_divexact_ui(below, below, factor);
    return fmpz_is_one(below) != 0;
}

} // namespace

const char* roundingRule(const Expression& reference, const Expression& response, const Bounds& bounds)
{
    constexpr std::int64_t kSignificant = 3;
    constexpr std::int32_t kManyDecimals = 6;
    if (!isScalar(reference) || !isScalar(response) || hasSymbols(reference) || hasSymbols(response))
        return nullptr;
    const auto claimed = decimalOf(response);
    if (claimed && claimed->decimals >= kManyDecimals && roundsTo(reference, *claimed, bounds))
        return "six decimals";
    const auto rounded = decimalOf(reference);
    if (rounded && !claimed && rounded->significant >= kSignificant && rounded->decimals >= 2
        && roundsTo(response, *rounded, bounds) && !hasFiniteExpansion(response, bounds))
        return "rounded reference";
    return nullptr;
}

bool isRounded(const Expression& value, const Expression& decimal, const Bounds& bounds)
{
    if (!isScalar(value) || !isScalar(decimal) || hasSymbols(value) || hasSymbols(decimal))
        return false;
    const auto written = decimalOf(decimal);
    return written && roundsTo(value, *written, bounds);
}

} // namespace midpoint::reward::math
