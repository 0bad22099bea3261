#include "backend/reward/math/root_bound.h"

#include "backend/reward/math/exact_value.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

namespace midpoint::reward::math {

namespace {

// E = U / L with algebraic integers U and L; u and l bound the magnitudes of all their conjugates (as base-2 logarithms).
struct LogBound {
    double u = 0.0;
    double l = 0.0;
};

using Bound = std::optional<LogBound>;

double logSum(double a, double b) // log2(2^a + 2^b)
{
    const double larger = std::max(a, b);
    return larger + std::log2(1.0 + std::exp2(std::min(a, b) - larger));
}

double logOf(const fmpz* value) { return fmpz_is_zero(value) ? -1e6 : std::log2(std::abs(fmpz_get_d(value))); }

class RootBound {
public:
    explicit RootBound(const Bounds& bounds)
        : m_bounds(bounds)
    {
    }

    Bound visit(const Expression& e)
    {
        switch (e.kind) {
        case Kind::Number:
            return ofRational(e.value);
        case Kind::Based: {
            const auto value = basedValue(e);
            return value ? ofRational(*value) : std::nullopt;
        }
        case Kind::Constant:
            if (e.text != "i")
                return std::nullopt;
            m_order = std::lcm(m_order, 4L);
            return LogBound {};
        case Kind::Sum:
        case Kind::Product:
            return chain(e);
        case Kind::Quotient:
            return quotient(visit(e.parts[0]), visit(e.parts[1]));
        case Kind::Negate:
            return visit(e.parts[0]);
        case Kind::Percent:
            return quotient(visit(e.parts[0]), LogBound { std::log2(100.0), 0.0 });
        case Kind::Power:
            return power(e);
        case Kind::Root: {
            const auto degree = smallInteger(e.parts[1], 1000);
            return degree && *degree >= 1 ? root(visit(e.parts[0]), *degree, toText(e)) : std::nullopt;
        }
        case Kind::Factorial:
        case Kind::Function:
            return call(e);
        default:
            return std::nullopt;
        }
    }

    // The degree of the field that contains the value and its conjugates, bounded by the product of all root degrees.
    double degree() const
    {
        long totient = m_order; // of the cyclotomic field of order m_order
        long rest = m_order;
        for (long p = 2; p * p <= rest; ++p) {
            if (rest % p != 0)
                continue;
            totient -= totient / p;
            while (rest % p == 0)
                rest /= p;
        }
        if (rest > 1)
            totient -= totient / rest;
        return m_degree * static_cast<double>(std::max(1L, totient));
    }

private:
    static Bound ofRational(const Rational& value)
    {
        if (fmpz_bits(value.numerator()) > 1000 || fmpz_bits(value.denominator()) > 1000)
            return LogBound { static_cast<double>(fmpz_bits(value.numerator())), static_cast<double>(fmpz_bits(value.denominator())) };
        return LogBound { logOf(value.numerator()), logOf(value.denominator()) };
    }

    Bound chain(const Expression& e)
    {
        Bound total = visit(e.parts[0]);
        for (std::size_t i = 1; total && i < e.parts.size(); ++i) {
            const Bound part = visit(e.parts[i]);
            if (!part)
                return std::nullopt;
            total = e.kind == Kind::Sum ? LogBound { logSum(total->u + part->l, total->l + part->u), total->l + part->l }
                                        : LogBound { total->u + part->u, total->l + part->l };
        }
        return total;
    }

    static Bound quotient(const Bound& a, const Bound& b)
    {
        if (!a || !b)
            return std::nullopt;
        return LogBound { a->u + b->l, a->l + b->u };
    }

    Bound root(const Bound& x, long k, const std::string& key)
    {
        if (!x)
            return std::nullopt;
        if (m_roots.insert(key).second)
            m_degree *= static_cast<double>(k);
        const auto n = static_cast<double>(k);
        if (x->u >= x->l)
            return LogBound { (x->u + (n - 1.0) * x->l) / n, x->l };
        return LogBound { x->u, ((n - 1.0) * x->u + x->l) / n };
    }

    Bound power(const Expression& e)
    {
        const auto exponent = exactValue(e.parts[1], m_bounds);
        Bound base = visit(e.parts[0]);
        if (!exponent || !base || !fmpz_fits_si(exponent->numerator()) || !fmpz_fits_si(exponent->denominator()))
            return std::nullopt;
        const long k = fmpz_get_si(exponent->denominator());
        const double n = std::abs(static_cast<double>(fmpz_get_si(exponent->numerator())));
        if (k > 1000 || n > 1e9)
            return std::nullopt;
        if (k > 1)
            base = root(base, k, "root(" + toText(e.parts[0]) + ", " + std::to_string(k) + ")");
        LogBound out { n * base->u, n * base->l };
        if (exponent->sign() < 0)
            std::swap(out.u, out.l);
        return out;
    }

    // sin and cos of a rational multiple a/b of pi are (z^a +- z^-a) / 2 (and / i) with z a root of unity of order 2b.
    Bound call(const Expression& e)
    {
        const std::string& name = e.text;
        const bool isSine = name == "sin" || name == "cos";
        const bool isQuotient = name == "tan" || name == "cot" || name == "sec" || name == "csc";
        if (e.kind == Kind::Factorial || !(isSine || isQuotient) || e.parts.size() != 1) {
            const auto value = exactValue(e, m_bounds);
            return value ? ofRational(*value) : std::nullopt;
        }
        // The angle divided by pi, if that is rational: pi is replaced by 1, and the angle must be proportional to it.
        const auto turn = multipleOfPi(e.parts[0]);
        if (!turn || !fmpz_fits_si(turn->denominator()) || fmpz_get_si(turn->denominator()) > 1000)
            return std::nullopt;
        m_order = std::lcm(m_order, 4 * fmpz_get_si(turn->denominator()));
        if (m_order > 100'000)
            return std::nullopt;
        const LogBound sine { 1.0, 1.0 };
        return isSine ? sine : LogBound { 2.0, 2.0 };
    }

    std::optional<Rational> multipleOfPi(const Expression& e) const
    {
        switch (e.kind) {
        case Kind::Constant:
            return e.text == "pi" ? std::optional(Rational(1)) : std::nullopt;
        case Kind::Negate: {
            const auto inner = multipleOfPi(e.parts[0]);
            return inner ? std::optional(Rational() - *inner) : std::nullopt;
        }
        case Kind::Quotient: {
            const auto above = multipleOfPi(e.parts[0]);
            const auto below = exactValue(e.parts[1], m_bounds);
            return above && below && !below->isZero() ? std::optional(*above / *below) : std::nullopt;
        }
        case Kind::Sum: {
            Rational total;
            for (const Expression& part : e.parts) {
                const auto inner = multipleOfPi(part);
                if (!inner)
                    return std::nullopt;
                total = total + *inner;
            }
            return total;
        }
        case Kind::Product: {
            Rational factor(1);
            bool hasPi = false;
            for (const Expression& part : e.parts) {
                const auto value = exactValue(part, m_bounds);
                const auto inner = value ? value : multipleOfPi(part);
                if (!inner || (!value && hasPi))
                    return std::nullopt;
                hasPi = hasPi || !value;
                factor = factor * *inner;
            }
            return hasPi ? std::optional(factor) : std::nullopt;
        }
        default: {
            const auto value = exactValue(e, m_bounds);
            return value && value->isZero() ? value : std::nullopt;
        }
        }
    }

    Bounds m_bounds;
    double m_degree = 1.0;
    long m_order = 1; // of the root of unity that all angles and i are powers of
    std::set<std::string> m_roots;
};

} // namespace

std::optional<double> separationBits(const Expression& expression, const Bounds& bounds)
{
    RootBound visitor(bounds);
    const Bound bound = visitor.visit(expression);
    if (!bound)
        return std::nullopt;
    return std::max(0.0, bound->l) + (visitor.degree() - 1.0) * std::max(0.0, bound->u);
}

} // namespace midpoint::reward::math
