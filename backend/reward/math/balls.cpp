#include "backend/reward/math/balls.h"

#include "backend/reward/math/exact_value.h"

#include <arb.h>

#include <cmath>

namespace midpoint::reward::math {

namespace {

constexpr double kMaxTrigonometricLog = 4000.0; // log2 of an angle: its reduction needs that many bits of pi

class BallEvaluator {
public:
    BallEvaluator(slong precision, const Bounds& bounds, const Assignment& symbols, bool* leavesReals)
        : m_precision(precision)
        , m_bounds(bounds)
        , m_symbols(symbols)
        , m_leavesReals(leavesReals)
    {
    }

    Ball evaluate(const Expression& e) const
    {
        Ball out = evaluateNode(e);
        if (m_leavesReals != nullptr && out.isFinite() && !acb_is_real(out.raw()))
            *m_leavesReals = true;
        return out;
    }

private:
    Ball evaluateNode(const Expression& e) const
    {
        Ball out;
        switch (e.kind) {
        case Kind::Number:
            arb_set_fmpq(acb_realref(out.raw()), e.value.raw(), m_precision);
            return out;
        case Kind::Based:
            if (const auto value = basedValue(e))
                arb_set_fmpq(acb_realref(out.raw()), value->raw(), m_precision);
            else
                acb_indeterminate(out.raw());
            return out;
        case Kind::Constant:
            return constant(e.text);
        case Kind::Symbol:
            return symbol(e.text);
        case Kind::Sum:
        case Kind::Product:
            return fold(e);
        case Kind::Quotient: {
            const Ball above = evaluate(e.parts[0]);
            const Ball below = evaluate(e.parts[1]);
            acb_div(out.raw(), above.raw(), below.raw(), m_precision);
            return out;
        }
        case Kind::Negate:
            out = evaluate(e.parts[0]);
            acb_neg(out.raw(), out.raw());
            return out;
        case Kind::Percent:
            out = evaluate(e.parts[0]);
            acb_div_ui(out.raw(), out.raw(), 100, m_precision);
            return out;
        case Kind::Power:
            return power(e);
        case Kind::Root:
            return root(e);
        case Kind::Factorial:
            out = evaluate(e.parts[0]);
            acb_add_ui(out.raw(), out.raw(), 1, m_precision);
            requireBelow(out, 40.0);
            acb_gamma(out.raw(), out.raw(), m_precision);
            return out;
        case Kind::Function:
            return call(e);
        default:
            acb_indeterminate(out.raw());
            return out;
        }
    }

    static double logMagnitude(const Ball& x)
    {
        mag_t size;
        mag_init(size);
        acb_get_mag(size, x.raw());
        const double out = mag_is_zero(size) ? -1e300 : mag_is_inf(size) ? 1e300 : mag_get_d_log2_approx(size);
        mag_clear(size);
        return out;
    }

    static void requireBelow(const Ball& x, double logLimit)
    {
        if (x.isFinite() && logMagnitude(x) > logLimit)
            throw BeyondBounds("an argument of a function beyond 2^" + std::to_string(static_cast<long>(logLimit)));
    }

    Ball constant(const std::string& name) const
    {
        Ball out;
        if (name == "pi")
            arb_const_pi(acb_realref(out.raw()), m_precision);
        else if (name == "e")
            arb_const_e(acb_realref(out.raw()), m_precision);
        else
            acb_onei(out.raw());
        return out;
    }

    Ball symbol(const std::string& name) const
    {
        for (const auto& [symbolName, value] : m_symbols)
            if (symbolName == name)
                return value;
        Ball out;
        acb_indeterminate(out.raw());
        return out;
    }

    Ball fold(const Expression& e) const
    {
        Ball total = evaluate(e.parts[0]);
        for (std::size_t i = 1; i < e.parts.size(); ++i) {
            const Ball part = evaluate(e.parts[i]);
            if (e.kind == Kind::Sum)
                acb_add(total.raw(), total.raw(), part.raw(), m_precision);
            else
                acb_mul(total.raw(), total.raw(), part.raw(), m_precision);
        }
        return total;
    }

    Ball power(const Expression& e) const
    {
        const Ball base = evaluate(e.parts[0]);
        const Ball exponent = evaluate(e.parts[1]);
        Ball out;
        if (!base.isFinite() || !exponent.isFinite()) {
            acb_indeterminate(out.raw());
            return out;
        }
        if (acb_is_zero(base.raw())) {
            if (acb_is_zero(exponent.raw()))
                acb_one(out.raw());
            else if (!arb_is_positive(acb_realref(exponent.raw())))
                acb_indeterminate(out.raw());
            return out;
        }
        // |log2 |b^x|| <= |x| (|log2 |b|| + pi / log 2); 1/|b| matters too, so both ends of the ball are looked at.
        Ball inverse;
        acb_inv(inverse.raw(), base.raw(), 30);
        const double logBase = std::max(std::abs(logMagnitude(base)), inverse.isFinite() ? std::abs(logMagnitude(inverse)) : 0.0) + 5.0;
        if (std::log2(logBase) + logMagnitude(exponent) > std::log2(m_bounds.maxLogMagnitude))
            throw BeyondBounds("a power beyond 2^(10^12)");
        if (acb_is_int(exponent.raw())) {
            Rational integer;
            arf_get_fmpz(fmpq_numref(integer.raw()), arb_midref(acb_realref(exponent.raw())), ARF_RND_NEAR);
            acb_pow_fmpz(out.raw(), base.raw(), integer.numerator(), m_precision);
        } else {
            acb_pow(out.raw(), base.raw(), exponent.raw(), m_precision);
        }
        return out;
    }

    // Real odd roots of negative numbers are real, as in school; all other roots are principal values.
    Ball root(const Expression& e) const
    {
        constexpr long kLargestDegree = 10'000;
        Ball out = evaluate(e.parts[0]);
        const auto degree = smallInteger(e.parts[1], kLargestDegree);
        if (!degree || *degree < 1) {
            Ball exponent = evaluate(e.parts[1]);
            acb_inv(exponent.raw(), exponent.raw(), m_precision);
            acb_pow(out.raw(), out.raw(), exponent.raw(), m_precision);
            return out;
        }
        const auto n = static_cast<ulong>(*degree);
        if (acb_is_real(out.raw()) && n % 2 == 1 && !arb_is_nonnegative(acb_realref(out.raw()))) {
            if (!arb_is_negative(acb_realref(out.raw()))) {
                acb_indeterminate(out.raw()); // the sign is not known at this precision
                return out;
            }
            acb_neg(out.raw(), out.raw());
            arb_root_ui(acb_realref(out.raw()), acb_realref(out.raw()), n, m_precision);
            acb_neg(out.raw(), out.raw());
            return out;
        }
        acb_root_ui(out.raw(), out.raw(), n, m_precision);
        return out;
    }

    Ball call(const Expression& e) const
    {
        const std::string& name = e.text;
        if (name == "binom" && e.parts.size() == 2)
            return binomial(e);
        if (name == "max" || name == "min")
            return extremum(e, name == "max");
        Ball out;
        if (name == "gcd" || name == "lcm" || name == "mod" || name == "doublefactorial") { // of whole numbers
            if (const auto value = exactValue(e, m_bounds))
                arb_set_fmpq(acb_realref(out.raw()), value->raw(), m_precision);
            else
                acb_indeterminate(out.raw());
            return out;
        }
        if (e.parts.empty()) {
            acb_indeterminate(out.raw());
            return out;
        }
        const Ball x = evaluate(e.parts[0]);
        const bool isKnown = x.isFinite() && (e.parts.size() == 1 || (name == "log" && e.parts.size() == 2));
        if (!isKnown || !(elementary(name, x, out) || inverse(name, x, out) || stepwise(name, x, out)))
            acb_indeterminate(out.raw());
        if (isKnown && e.parts.size() == 2) { // logarithm to a base
            Ball base = evaluate(e.parts[1]);
            acb_log(base.raw(), base.raw(), m_precision);
            acb_div(out.raw(), out.raw(), base.raw(), m_precision);
        }
        return out;
    }

    bool elementary(const std::string& name, const Ball& x, Ball& out) const
    {
        using Function = void (*)(acb_t, const acb_t, slong);
        static constexpr std::pair<const char*, Function> kPeriodic[] = { { "sin", acb_sin }, { "cos", acb_cos },
            { "tan", acb_tan }, { "cot", acb_cot }, { "sec", acb_sec }, { "csc", acb_csc } };
        for (const auto& [key, f] : kPeriodic) {
            if (name == key) {
                requireBelow(x, acb_is_real(x.raw()) ? kMaxTrigonometricLog : 30.0);
                f(out.raw(), x.raw(), m_precision);
                return true;
            }
        }
        static constexpr std::pair<const char*, Function> kGrowing[]
            = { { "exp", acb_exp }, { "sinh", acb_sinh }, { "cosh", acb_cosh }, { "tanh", acb_tanh } };
        for (const auto& [key, f] : kGrowing) {
            if (name == key) {
                requireBelow(x, 39.0);
                f(out.raw(), x.raw(), m_precision);
                return true;
            }
        }
        if (name != "log")
            return false;
        acb_log(out.raw(), x.raw(), m_precision);
        return true;
    }

    bool inverse(const std::string& name, Ball x, Ball& out) const
    {
        if (name == "acot" || name == "asec" || name == "acsc")
            acb_inv(x.raw(), x.raw(), m_precision);
        if (name == "asin" || name == "acsc")
            acb_asin(out.raw(), x.raw(), m_precision);
        else if (name == "acos" || name == "asec")
            acb_acos(out.raw(), x.raw(), m_precision);
        else if (name == "atan" || name == "acot")
            acb_atan(out.raw(), x.raw(), m_precision);
        else if (name == "asinh")
            acb_asinh(out.raw(), x.raw(), m_precision);
        else if (name == "acosh")
            acb_acosh(out.raw(), x.raw(), m_precision);
        else if (name == "atanh")
            acb_atanh(out.raw(), x.raw(), m_precision);
        else
            return false;
        return true;
    }

    bool stepwise(const std::string& name, const Ball& x, Ball& out) const
    {
        if (name == "re" || name == "im") {
            arb_set(acb_realref(out.raw()), name == "re" ? acb_realref(x.raw()) : acb_imagref(x.raw()));
            return true;
        }
        if (name == "conj") {
            acb_conj(out.raw(), x.raw());
            return true;
        }
        if (name == "abs") {
            acb_abs(acb_realref(out.raw()), x.raw(), m_precision);
            return true;
        }
        if (!acb_is_real(x.raw()))
            return false;
        if (name == "sgn")
            arb_sgn(acb_realref(out.raw()), acb_realref(x.raw()));
        else if (name == "floor")
            arb_floor(acb_realref(out.raw()), acb_realref(x.raw()), m_precision);
        else if (name == "ceil")
            arb_ceil(acb_realref(out.raw()), acb_realref(x.raw()), m_precision);
        else
            return false;
        return true;
    }

    Ball extremum(const Expression& e, bool isMaximum) const
    {
        Ball best = evaluate(e.parts.at(0));
        for (std::size_t i = 1; i < e.parts.size(); ++i) {
            Ball next = evaluate(e.parts[i]);
            if (!acb_is_real(best.raw()) || !acb_is_real(next.raw())) {
                acb_indeterminate(best.raw());
                return best;
            }
            const bool isGreater = arb_gt(acb_realref(next.raw()), acb_realref(best.raw())) != 0;
            const bool isSmaller = arb_lt(acb_realref(next.raw()), acb_realref(best.raw())) != 0;
            if (isGreater == isSmaller)
                arb_union(acb_realref(best.raw()), acb_realref(best.raw()), acb_realref(next.raw()), m_precision);
            else if (isGreater == isMaximum)
                best = std::move(next);
        }
        return best;
    }

    // n (n-1) ... (n-k+1) / k! for small whole k, else by gamma functions.
    Ball binomial(const Expression& e) const
    {
        constexpr long kLargestProduct = 200;
        Ball n = evaluate(e.parts[0]);
        Ball out;
        if (const auto k = smallInteger(e.parts[1], kLargestProduct); k && *k >= 0) {
            acb_one(out.raw());
            for (long j = 0; j < *k; ++j) {
                acb_mul(out.raw(), out.raw(), n.raw(), m_precision);
                acb_div_si(out.raw(), out.raw(), j + 1, m_precision);
                acb_sub_ui(n.raw(), n.raw(), 1, m_precision);
            }
            return out;
        }
        Ball k = evaluate(e.parts[1]);
        Ball rest;
        acb_sub(rest.raw(), n.raw(), k.raw(), m_precision);
        for (Ball* x : { &n, &k, &rest }) {
            acb_add_ui(x->raw(), x->raw(), 1, m_precision);
            requireBelow(*x, 40.0);
        }
        acb_gamma(out.raw(), n.raw(), m_precision);
        acb_rgamma(k.raw(), k.raw(), m_precision);
        acb_rgamma(rest.raw(), rest.raw(), m_precision);
        acb_mul(out.raw(), out.raw(), k.raw(), m_precision);
        acb_mul(out.raw(), out.raw(), rest.raw(), m_precision);
        return out;
    }

    slong m_precision;
    const Bounds& m_bounds;
    const Assignment& m_symbols;
    bool* m_leavesReals;
};

} // namespace

Ball evaluateBall(const Expression& expression, slong precision, const Bounds& bounds, const Assignment& symbols, bool* leavesReals)
{
    return BallEvaluator(precision, bounds, symbols, leavesReals).evaluate(expression);
}

bool isApart(const Ball& a, const Ball& b)
{
    return a.isFinite() && b.isFinite() && acb_overlaps(a.raw(), b.raw()) == 0;
}

} // namespace midpoint::reward::math
