#include "backend/reward/math/prime_powers.h"

#include "backend/reward/math/exact_value.h"

#include <flint/ulong_extras.h>

#include <map>

namespace midpoint::reward::math {

namespace {

using Exponents = std::map<ulong, Rational>; // by prime; none is 0

class Factoriser {
public:
    explicit Factoriser(const Bounds& bounds)
        : m_bounds(bounds)
    {
    }

    const Exponents& exponents() const { return m_exponents; }

    // Multiplies what is known by e^exponent. False if e is not made of whole numbers, or too large to factor.
    bool multiply(const Expression& e, const Rational& exponent)
    {
        switch (e.kind) {
        case Kind::Number:
            return multiplyInteger(e.value.numerator(), exponent) && multiplyInteger(e.value.denominator(), Rational() - exponent);
        case Kind::Product:
            for (const Expression& part : e.parts)
                if (!multiply(part, exponent))
                    return false;
            return true;
        case Kind::Quotient:
            return multiply(e.parts[0], exponent) && multiply(e.parts[1], Rational() - exponent);
        case Kind::Power: {
            const auto power = valueOf(e.parts[1]);
            return power && multiply(e.parts[0], exponent * *power);
        }
        case Kind::Root: {
            const auto degree = valueOf(e.parts[1]);
            return degree && !degree->isZero() && multiply(e.parts[0], exponent / *degree);
        }
        default:
            return false;
        }
    }

private:
    std::optional<Rational> valueOf(const Expression& e) const
    {
        auto value = exactValue(e, m_bounds);
        if (value && value->bits() > m_bounds.maxBits)
            return std::nullopt;
        return value;
    }

    bool multiplyInteger(const fmpz* n, const Rational& exponent)
    {
        if (fmpz_sgn(n) <= 0 || !fmpz_abs_fits_ui(n))
            return false;
        n_factor_t factors;
        n_factor_init(&factors);
        n_factor(&factors, fmpz_get_ui(n), 1);
        for (int i = 0; i < factors.num; ++i) {
            Rational& total = m_exponents[factors.p[i]];
            total = total + exponent * Rational(static_cast<slong>(factors.exp[i]));
            if (total.isZero())
                m_exponents.erase(factors.p[i]);
        }
        return true;
    }

    const Bounds& m_bounds;
    Exponents m_exponents;
};

} // namespace

std::optional<bool> isSameProductOfPowers(const Expression& a, const Expression& b, const Bounds& bounds)
{
    try {
        Factoriser quotient(bounds);
        if (quotient.multiply(a, Rational(1)) && quotient.multiply(b, Rational(-1)))
            return quotient.exponents().empty();
    } catch (const BeyondBounds&) { // an exponent
    }
    return std::nullopt;
}

} // namespace midpoint::reward::math
