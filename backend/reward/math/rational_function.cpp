#include "backend/reward/math/rational_function.h"

#include "backend/reward/math/exact_value.h"

#include <flint/fmpz_mpoly.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <utility>

namespace midpoint::reward::math {

namespace {

struct Size {
    double numerator = 0.0; // degrees
    double denominator = 0.0;
    double bits = 0.0; // of the coefficients
};

constexpr long kLargestExponent = 1000;

// A polynomial with integer coefficients.
class Polynomial {
public:
    explicit Polynomial(const fmpz_mpoly_ctx_struct* context)
        : m_context(context)
    {
        fmpz_mpoly_init(m_value, m_context);
    }
    Polynomial(Polynomial&& other) noexcept
        : Polynomial(other.m_context)
    {
        fmpz_mpoly_swap(m_value, other.m_value, m_context);
    }
    Polynomial& operator=(Polynomial&& other) noexcept
    {
        fmpz_mpoly_swap(m_value, other.m_value, m_context);
        return *this;
    }
    ~Polynomial() { fmpz_mpoly_clear(m_value, m_context); }
    fmpz_mpoly_struct* raw() { return m_value; }
    const fmpz_mpoly_struct* raw() const { return m_value; }

private:
    const fmpz_mpoly_ctx_struct* m_context;
    fmpz_mpoly_t m_value;
};

// Numerator and denominator, not reduced: equality is decided by multiplying crosswise.
struct Fraction {
    explicit Fraction(const fmpz_mpoly_ctx_struct* context)
        : above(context)
        , below(context)
    {
        fmpz_mpoly_one(below.raw(), context);
    }
    Polynomial above;
    Polynomial below;
};

class Comparison {
public:
    explicit Comparison(const Bounds& bounds)
        : m_bounds(bounds)
    {
    }

    Identity compare(const Expression& a, const Expression& b)
    {
        const Size sizeA = measure(a);
        const Size sizeB = measure(b);
        if (m_variables.empty() || isTooLarge(sizeA, sizeB))
            return Identity::Unknown;
        fmpz_mpoly_ctx_init(m_context, static_cast<slong>(m_variables.size()), ORD_LEX);
        Identity result = Identity::Unknown;
        {
            const Fraction x = evaluate(a);
            const Fraction y = evaluate(b);
            if (!m_isUndefined) {
                Polynomial left(m_context);
                Polynomial right(m_context);
                fmpz_mpoly_mul(left.raw(), x.above.raw(), y.below.raw(), m_context);
                fmpz_mpoly_mul(right.raw(), y.above.raw(), x.below.raw(), m_context);
                const bool isEqual = fmpz_mpoly_equal(left.raw(), right.raw(), m_context) != 0;
                result = isEqual ? Identity::Equal : m_hasAtoms ? Identity::Unknown : Identity::Different;
            }
        }
        fmpz_mpoly_ctx_clear(m_context);
        return result;
    }

private:
    // Total degrees and coefficient sizes as if nothing cancelled; finds the variables on the way.
    Size measure(const Expression& e)
    {
        switch (e.kind) {
        case Kind::Number:
            return { 0.0, 0.0, static_cast<double>(e.value.bits()) };
        case Kind::Sum:
        case Kind::Product: {
            Size total = measure(e.parts[0]);
            for (std::size_t i = 1; i < e.parts.size(); ++i) {
                const Size part = measure(e.parts[i]);
                if (e.kind == Kind::Sum)
                    total.numerator = std::max(total.numerator + part.denominator, part.numerator + total.denominator);
                else
                    total.numerator += part.numerator;
                total.denominator += part.denominator;
                total.bits += part.bits + 1.0;
            }
            return total;
        }
        case Kind::Quotient: {
            const Size above = measure(e.parts[0]);
            const Size below = measure(e.parts[1]);
            return { above.numerator + below.denominator, above.denominator + below.numerator, above.bits + below.bits };
        }
        case Kind::Negate:
            return measure(e.parts[0]);
        case Kind::Percent: {
            Size inner = measure(e.parts[0]);
            inner.bits += 7.0;
            return inner;
        }
        case Kind::Power:
            if (const auto exponent = smallInteger(e.parts[1], kLargestExponent)) {
                const Size base = measure(e.parts[0]);
                const auto n = static_cast<double>(std::labs(*exponent));
                Size out { n * base.numerator, n * base.denominator, n * (base.bits + 1.0) };
                if (*exponent < 0)
                    std::swap(out.numerator, out.denominator);
                return out;
            }
            return variable(e);
        default:
            return variable(e);
        }
    }

    Size variable(const Expression& e)
    {
        m_hasAtoms = m_hasAtoms || e.kind != Kind::Symbol;
        m_variables.emplace(toText(e), static_cast<slong>(m_variables.size()));
        return { 1.0, 0.0, 1.0 };
    }

    bool isTooLarge(const Size& a, const Size& b) const
    {
        const double degree = std::max(std::max(a.numerator, a.denominator), std::max(b.numerator, b.denominator));
        const auto variables = static_cast<double>(m_variables.size());
        // At most C(degree + variables, variables) terms.
        const double logTerms = std::lgamma(degree + variables + 1.0) - std::lgamma(degree + 1.0) - std::lgamma(variables + 1.0);
        return degree > static_cast<double>(m_bounds.maxPolynomialDegree)
            || variables > static_cast<double>(m_bounds.maxVariables)
            || logTerms > std::log(static_cast<double>(m_bounds.maxPolynomialTerms))
            || std::max(a.bits, b.bits) > static_cast<double>(m_bounds.maxBits) / 10.0;
    }

    Fraction evaluate(const Expression& e)
    {
        Fraction out(m_context);
        switch (e.kind) {
        case Kind::Number:
            fmpz_mpoly_set_fmpz(out.above.raw(), e.value.numerator(), m_context);
            fmpz_mpoly_set_fmpz(out.below.raw(), e.value.denominator(), m_context);
            return out;
        case Kind::Sum:
        case Kind::Product:
            out = evaluate(e.parts[0]);
            for (std::size_t i = 1; i < e.parts.size(); ++i) {
                const Fraction part = evaluate(e.parts[i]);
                e.kind == Kind::Sum ? add(out, part) : multiply(out, part);
            }
            return out;
        case Kind::Quotient:
            out = evaluate(e.parts[0]);
            multiply(out, inverse(evaluate(e.parts[1])));
            return out;
        case Kind::Negate:
            out = evaluate(e.parts[0]);
            fmpz_mpoly_neg(out.above.raw(), out.above.raw(), m_context);
            return out;
        case Kind::Percent:
            out = evaluate(e.parts[0]);
            fmpz_mpoly_scalar_mul_ui(out.below.raw(), out.below.raw(), 100, m_context);
            return out;
        case Kind::Power:
            if (const auto exponent = smallInteger(e.parts[1], kLargestExponent))
                return power(evaluate(e.parts[0]), *exponent);
            [[fallthrough]];
        default:
            fmpz_mpoly_gen(out.above.raw(), m_variables.at(toText(e)), m_context);
            return out;
        }
    }

    void add(Fraction& a, const Fraction& b) const
    {
        Polynomial cross(m_context);
        fmpz_mpoly_mul(cross.raw(), b.above.raw(), a.below.raw(), m_context);
        fmpz_mpoly_mul(a.above.raw(), a.above.raw(), b.below.raw(), m_context);
        fmpz_mpoly_add(a.above.raw(), a.above.raw(), cross.raw(), m_context);
        fmpz_mpoly_mul(a.below.raw(), a.below.raw(), b.below.raw(), m_context);
    }

    void multiply(Fraction& a, const Fraction& b) const
    {
        fmpz_mpoly_mul(a.above.raw(), a.above.raw(), b.above.raw(), m_context);
        fmpz_mpoly_mul(a.below.raw(), a.below.raw(), b.below.raw(), m_context);
    }

    Fraction inverse(Fraction a)
    {
        m_isUndefined = m_isUndefined || fmpz_mpoly_is_zero(a.above.raw(), m_context);
        std::swap(a.above, a.below);
        return a;
    }

    Fraction power(Fraction base, long exponent)
    {
        const auto n = static_cast<ulong>(std::labs(exponent));
        Fraction out(m_context);
        fmpz_mpoly_pow_ui(out.above.raw(), base.above.raw(), n, m_context);
        fmpz_mpoly_pow_ui(out.below.raw(), base.below.raw(), n, m_context);
        return exponent < 0 ? inverse(std::move(out)) : std::move(out);
    }

    Bounds m_bounds;
    std::map<std::string, slong> m_variables;
    bool m_hasAtoms = false;
    bool m_isUndefined = false;
    fmpz_mpoly_ctx_t m_context;
};

} // namespace

Identity compareRationalFunctions(const Expression& a, const Expression& b, const Bounds& bounds)
{
    return Comparison(bounds).compare(a, b);
}

} // namespace midpoint::reward::math
