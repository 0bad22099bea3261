#include "backend/reward/math/exact_value.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace midpoint::reward::math {

namespace {

using Value = std::optional<Rational>;

class ExactEvaluator {
public:
    explicit ExactEvaluator(const Bounds& bounds)
        : m_bounds(bounds)
    {
    }

    Value evaluate(const Expression& e) const
    {
        switch (e.kind) {
        case Kind::Number:
            return checked(e.value);
        case Kind::Based:
            return basedValue(e);
        case Kind::Sum:
            return fold(e, [](const Rational& a, const Rational& b) { return a + b; });
        case Kind::Product:
            return fold(e, [](const Rational& a, const Rational& b) { return a * b; });
        case Kind::Quotient:
            return quotient(e);
        case Kind::Negate:
            if (const Value value = evaluate(e.parts[0]))
                return Rational() - *value;
            return std::nullopt;
        case Kind::Percent:
            if (const Value value = evaluate(e.parts[0]))
                return *value / Rational(100);
            return std::nullopt;
        case Kind::Power:
            return power(e);
        case Kind::Root:
            return root(evaluate(e.parts[0]), smallInteger(e.parts[1], 1000));
        case Kind::Factorial:
            return factorial(e);
        case Kind::Function:
            return call(e);
        default:
            return std::nullopt;
        }
    }

private:
    Value checked(Rational value) const
    {
        if (value.bits() > m_bounds.maxBits)
            throw BeyondBounds("a number of more than " + std::to_string(m_bounds.maxBits) + " bits");
        return value;
    }

    template <typename Operation>
    Value fold(const Expression& e, Operation operation) const
    {
        Value total = evaluate(e.parts[0]);
        for (std::size_t i = 1; total && i < e.parts.size(); ++i) {
            const Value part = evaluate(e.parts[i]);
            if (!part)
                return std::nullopt;
            total = checked(operation(*total, *part));
        }
        return total;
    }

    Value quotient(const Expression& e) const
    {
        const Value above = evaluate(e.parts[0]);
        if (!above)
            return std::nullopt;
        const Value below = evaluate(e.parts[1]);
        if (!below || below->isZero())
            return std::nullopt;
        return checked(*above / *below);
    }

    Value power(const Expression& e) const
    {
        const Value base = evaluate(e.parts[0]);
        if (!base)
            return std::nullopt;
        const Value exponent = evaluate(e.parts[1]);
        if (!exponent)
            return std::nullopt;
        if (!exponent->isInteger()) {
            if (base->sign() < 0 || !fmpz_fits_si(exponent->denominator()))
                return std::nullopt; // principal values are the business of balls
            const Value rooted = root(base, fmpz_get_si(exponent->denominator()));
            return rooted ? integerPower(*rooted, exponent->numerator()) : std::nullopt;
        }
        return integerPower(*base, exponent->numerator());
    }

    Value integerPower(const Rational& base, const fmpz* exponent) const
    {
        const int sign = fmpz_sgn(exponent);
        if (base.isZero())
            return sign > 0 ? Value(Rational(0)) : sign == 0 ? Value(Rational(1)) : std::nullopt;
        const bool isUnit = base.isInteger() && fmpz_is_pm1(base.numerator());
        if (isUnit)
            return Rational(base.sign() < 0 && fmpz_is_odd(exponent) ? -1 : 1);
        if (!fmpz_fits_si(exponent) || static_cast<double>(std::labs(fmpz_get_si(exponent))) * static_cast<double>(base.bits())
                > static_cast<double>(m_bounds.maxBits) + 64.0)
            throw BeyondBounds("a power of more than " + std::to_string(m_bounds.maxBits) + " bits");
        Rational out;
        fmpq_pow_si(out.raw(), base.raw(), fmpz_get_si(exponent));
        return out;
    }

    // The real n-th root if it is rational.
    static Value root(const Value& radicand, std::optional<long> degree)
    {
        if (!radicand || !degree || *degree < 1)
            return std::nullopt;
        if (*degree == 1 || radicand->isZero())
            return radicand;
        const bool isNegative = radicand->sign() < 0;
        if (isNegative && *degree % 2 == 0)
            return std::nullopt;
        Rational positive = isNegative ? Rational() - *radicand : *radicand;
        Rational out;
        const bool isExact = fmpz_root(fmpq_numref(out.raw()), positive.numerator(), *degree) != 0
            && fmpz_root(fmpq_denref(out.raw()), positive.denominator(), *degree) != 0;
        if (!isExact)
            return std::nullopt;
        return isNegative ? Rational() - out : out;
    }

    Value factorial(const Expression& e) const
    {
        const Value n = evaluate(e.parts[0]);
        if (!n || !n->isInteger() || n->sign() < 0)
            return std::nullopt;
        if (fmpz_cmp_ui(n->numerator(), m_bounds.maxFactorial) > 0)
            throw BeyondBounds("a factorial of more than " + std::to_string(m_bounds.maxFactorial));
        Rational out;
        fmpz_fac_ui(fmpq_numref(out.raw()), fmpz_get_ui(n->numerator()));
        return out;
    }

    Value call(const Expression& e) const
    {
        const std::string& name = e.text;
        const bool isKnown = name == "abs" || name == "floor" || name == "ceil" || name == "binom" || name == "gcd" || name == "lcm"
            || name == "max" || name == "min" || name == "sgn" || name == "mod" || name == "doublefactorial";
        if (!isKnown || e.parts.empty())
            return std::nullopt;
        std::vector<Rational> values;
        for (const Expression& part : e.parts) {
            const Value value = evaluate(part);
            if (!value)
                return std::nullopt;
            values.push_back(*value);
        }
        if (name == "binom")
            return binomial(values);
        if (name == "gcd" || name == "lcm")
            return divisors(values, name == "gcd");
        if (name == "mod")
            return residue(values);
        if (name == "doublefactorial")
            return doubleFactorial(values.front());
        if (name == "max")
            return *std::max_element(values.begin(), values.end());
        if (name == "min")
            return *std::min_element(values.begin(), values.end());
        Rational& x = values.front();
        if (name == "abs")
            return x.sign() < 0 ? Rational() - x : x;
        if (name == "sgn")
            return Rational(x.sign());
        Rational out;
        if (name == "floor")
            fmpz_fdiv_q(fmpq_numref(out.raw()), x.numerator(), x.denominator());
        else
            fmpz_cdiv_q(fmpq_numref(out.raw()), x.numerator(), x.denominator());
        return out;
    }

    Value binomial(const std::vector<Rational>& values) const
    {
        if (values.size() != 2 || !values[0].isInteger() || !values[1].isInteger() || values[0].sign() < 0)
            return std::nullopt;
        if (values[1].sign() < 0 || values[0] < values[1])
            return Rational(0);
        if (fmpz_cmp_si(values[0].numerator(), m_bounds.maxBits) > 0)
            throw BeyondBounds("a binomial coefficient of more than " + std::to_string(m_bounds.maxBits));
        Rational out;
        fmpz_bin_uiui(fmpq_numref(out.raw()), fmpz_get_ui(values[0].numerator()), fmpz_get_ui(values[1].numerator()));
        return out;
    }

    // a mod b lies from 0 to b - 1, for negative a too.
    static Value residue(const std::vector<Rational>& values)
    {
        if (values.size() != 2 || !values[0].isInteger() || !values[1].isInteger() || values[1].sign() <= 0)
            return std::nullopt;
        Rational out;
        fmpz_fdiv_r(fmpq_numref(out.raw()), values[0].numerator(), values[1].numerator());
        return out;
    }

    // n (n - 2) (n - 4) ...
    Value doubleFactorial(const Rational& n) const
    {
        constexpr long kLargest = 6'000;
        if (!n.isInteger() || n.sign() < 0)
            return std::nullopt;
        if (fmpz_cmp_si(n.numerator(), kLargest) > 0)
            throw BeyondBounds("a double factorial of more than " + std::to_string(kLargest));
        Rational out(1);
        for (auto k = static_cast<ulong>(fmpz_get_si(n.numerator())); k > 1; k -= 2)
            fmpz_mul_ui(fmpq_numref(out.raw()), out.numerator(), k);
        return checked(out);
    }

    Value divisors(const std::vector<Rational>& values, bool isGcd) const
    {
        Rational out = values.front();
        for (const Rational& value : values) {
            if (!value.isInteger())
                return std::nullopt;
            if (isGcd)
                fmpz_gcd(fmpq_numref(out.raw()), out.numerator(), value.numerator());
            else
                fmpz_lcm(fmpq_numref(out.raw()), out.numerator(), value.numerator());
            checked(out);
        }
        return out;
    }

    Bounds m_bounds;
};

} // namespace

std::optional<Rational> exactValue(const Expression& expression, const Bounds& bounds)
{
    return ExactEvaluator(bounds).evaluate(expression);
}

std::optional<long> smallInteger(const Expression& expression, long largest)
{
    Bounds small;
    small.maxBits = 256;
    small.maxFactorial = 20;
    try {
        const Value value = exactValue(expression, small);
        if (value && value->isInteger() && fmpz_cmp_si(value->numerator(), largest) <= 0
            && fmpz_cmp_si(value->numerator(), -largest) >= 0)
            return fmpz_get_si(value->numerator());
    } catch (const BeyondBounds&) {
    }
    return std::nullopt;
}

std::optional<Rational> basedValue(const Expression& based)
{
    Rational total;
    const Rational base(based.base);
    for (const char c : based.text) {
        const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'Z' ? c - 'A' + 10 : 99;
        if (digit >= std::max(2, std::abs(based.base)))
            return std::nullopt;
        total = total * base + Rational(digit);
    }
    return total;
}

} // namespace midpoint::reward::math
