#include "backend/reward/math/scalar_equality.h"

#include "backend/core/rng.h"
#include "backend/core/files.h"
#include "backend/reward/math/answer_shapes.h"
#include "backend/reward/math/balls.h"
#include "backend/reward/math/calcium_field.h"
#include "backend/reward/math/exact_value.h"
#include "backend/reward/math/prime_powers.h"
#include "backend/reward/math/rational_function.h"
#include "backend/reward/math/root_bound.h"

#include <acb.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <set>

namespace midpoint::reward::math {

namespace {

constexpr slong kFirstPrecision = 128;
constexpr slong kManyBits = 3000; // about nine hundred decimal digits

constexpr const char* kExactNumber = "exact rational number";
constexpr const char* kApart = "separated by rigorous balls";
constexpr const char* kPrimePowers = "exact powers of primes";
constexpr const char* kAlgebraic = "exact algebraic number";
constexpr const char* kPolynomialInPi = "exact polynomial in pi";
constexpr const char* kRationalFunction = "exact rational function";
constexpr const char* kCalcium = "exact number field (Calcium)";
constexpr const char* kManyDigits = "equal to nine hundred digits, not proved";
constexpr const char* kRandomPoints = "random points, probabilistic";
constexpr const char* kUndefined = "no finite value";
constexpr const char* kUndecided = "not known precisely enough to be called equal";

Expression differenceOf(const Expression& a, const Expression& b)
{
    return binary(Kind::Sum, a, unary(Kind::Negate, b));
}

// The sign of |value| against 2^-bits: does the ball lie within it?
bool isSmallerThan(const Ball& ball, double bits)
{
    mag_t size;
    mag_init(size);
    acb_get_mag(size, ball.raw());
    const bool isSmaller = mag_is_zero(size) || (!mag_is_inf(size) && mag_get_d_log2_approx(size) < -bits - 2.0);
    mag_clear(size);
    return isSmaller;
}

// Known to so many bits, relative to its size or, near 0, to 1. Wide balls meet whatever their values are.
bool isSharp(const Ball& ball, slong relativeBits, slong absoluteBits)
{
    if (!ball.isFinite())
        return false;
    if (acb_rel_accuracy_bits(ball.raw()) >= relativeBits)
        return true;
    const double limit = -static_cast<double>(absoluteBits);
    return mag_get_d_log2_approx(arb_radref(acb_realref(ball.raw()))) < limit
        && mag_get_d_log2_approx(arb_radref(acb_imagref(ball.raw()))) < limit;
}

// Whether an algebraic number is 0, by a separation bound; nothing if it is not known to be algebraic.
std::optional<bool> isAlgebraicZero(const Expression& e, const Bounds& bounds)
{
    const auto bits = separationBits(e, bounds);
    if (!bits)
        return std::nullopt;
    // Precision beyond the bound pays for what is lost on the way.
    for (double slack = 64.0; slack < 5000.0; slack *= 4.0) {
        const double precision = *bits + slack;
        if (precision > static_cast<double>(bounds.maxPrecisionBits))
            return std::nullopt;
        const Ball ball = evaluateBall(e, static_cast<slong>(precision), bounds);
        if (!ball.isFinite())
            return std::nullopt;
        if (!acb_contains_zero(ball.raw()))
            return false;
        if (isSmallerThan(ball, *bits))
            return true;
    }
    return std::nullopt;
}

// Degree of numerator and denominator in pi if pi occurs in arithmetic only; nothing otherwise.
struct PiDegree {
    long numerator = 0;
    long denominator = 0;
};

bool mentionsPi(const Expression& e)
{
    return (e.kind == Kind::Constant && e.text == "pi") || std::any_of(e.parts.begin(), e.parts.end(), mentionsPi);
}

std::optional<PiDegree> piDegree(const Expression& e)
{
    if (!mentionsPi(e))
        return PiDegree {};
    switch (e.kind) {
    case Kind::Constant:
        return PiDegree { 1, 0 };
    case Kind::Negate:
    case Kind::Percent:
        return piDegree(e.parts[0]);
    case Kind::Quotient: {
        const auto above = piDegree(e.parts[0]);
        const auto below = piDegree(e.parts[1]);
        if (!above || !below)
            return std::nullopt;
        return PiDegree { above->numerator + below->denominator, above->denominator + below->numerator };
    }
    case Kind::Power: {
        const auto base = piDegree(e.parts[0]);
        const auto n = smallInteger(e.parts[1], 20);
        if (!base || !n)
            return std::nullopt;
        const PiDegree out { base->numerator * std::labs(*n), base->denominator * std::labs(*n) };
        return *n < 0 ? PiDegree { out.denominator, out.numerator } : out;
    }
    case Kind::Sum:
    case Kind::Product: {
        PiDegree total;
        for (std::size_t i = 0; i < e.parts.size(); ++i) {
            const auto part = piDegree(e.parts[i]);
            if (!part)
                return std::nullopt;
            total.numerator = e.kind == Kind::Product || i == 0
                ? total.numerator + part->numerator
                : std::max(total.numerator + part->denominator, part->numerator + total.denominator);
            total.denominator += part->denominator;
        }
        return total;
    }
    default:
        return std::nullopt;
    }
}

Expression withPi(const Expression& e, long value)
{
    if (e.kind == Kind::Constant && e.text == "pi")
        return number(value);
    Expression out = e;
    for (Expression& part : out.parts)
        part = withPi(part, value);
    return out;
}

// pi is transcendental: an expression that is rational in pi with algebraic coefficients is 0 only if it is 0 for a variable
// in the place of pi, that is at more points than its numerator has degrees.
std::optional<bool> isZeroInPi(const Expression& e, const Bounds& bounds)
{
    constexpr long kLargestDegree = 24;
    const auto degree = piDegree(e);
    if (!degree || degree->numerator > kLargestDegree)
        return std::nullopt;
    long points = 0;
    for (long at = 2; points <= degree->numerator; ++at) {
        if (at > 4 * kLargestDegree)
            return std::nullopt;
        const Expression there = withPi(e, at);
        if (!evaluateBall(there, kFirstPrecision, bounds).isFinite())
            continue; // a pole, or one that cannot be told from it
        const auto isZero = isAlgebraicZero(there, bounds);
        if (!isZero)
            return std::nullopt;
        if (!*isZero)
            return false;
        ++points;
    }
    return true;
}

Decision compareConstants(const Expression& a, const Expression& b, const Bounds& bounds)
{
    const Ball x = evaluateBall(a, kFirstPrecision, bounds);
    const Ball y = evaluateBall(b, kFirstPrecision, bounds);
    if (isApart(x, y))
        return { false, kApart };
    const Expression difference = differenceOf(a, b);
    if (mentionsPi(difference)) {
        if (const auto isZero = isZeroInPi(difference, bounds))
            return { *isZero, kPolynomialInPi };
    }
    if (const auto isZero = isAlgebraicZero(difference, bounds))
        return { *isZero, kAlgebraic };
    if (compareRationalFunctions(a, b, bounds) == Identity::Equal)
        return { true, kRationalFunction };
    if (const Identity identity = compareInCalcium(a, b, bounds); identity != Identity::Unknown)
        return { identity == Identity::Equal, kCalcium };
    bool isDefined = false;
    const slong manyBits = std::min(kManyBits, static_cast<slong>(bounds.maxPrecisionBits / 2));
    for (slong precision = 4 * kFirstPrecision; precision <= bounds.maxPrecisionBits; precision = precision * 5 / 2) {
        const Ball p = evaluateBall(a, precision, bounds);
        const Ball q = evaluateBall(b, precision, bounds);
        if (isApart(p, q))
            return { false, kApart };
        isDefined = p.isFinite() && q.isFinite();
        if (!isDefined && precision > manyBits)
            break;
        if (isSharp(p, manyBits, manyBits) && isSharp(q, manyBits, manyBits))
            return { true, kManyDigits };
    }
    return { false, isDefined ? kUndecided : kUndefined };
}

// The letters that usually stand for whole numbers, where a variable or a negative number is raised to them: x^n, (-1)^k.
void collectIndices(const Expression& e, std::set<std::string>& names)
{
    static const std::set<std::string> kIndices = { "n", "m", "k", "j" };
    const bool isPositiveBase = e.kind == Kind::Power && (e.parts[0].kind == Kind::Number || (e.parts[0].kind == Kind::Constant && e.parts[0].text != "i"));
    if (e.kind == Kind::Power && !isPositiveBase) {
        std::set<std::string> inExponent;
        collectNames(e.parts[1], inExponent);
        std::set_intersection(inExponent.begin(), inExponent.end(), kIndices.begin(), kIndices.end(), std::inserter(names, names.end()));
    }
    for (const Expression& part : e.parts)
        collectIndices(part, names);
}

bool mentionsSteps(const Expression& e)
{
    const bool isStep = e.kind == Kind::Function && (e.text == "floor" || e.text == "ceil" || e.text == "sgn" || e.text == "mod");
    return isStep || std::any_of(e.parts.begin(), e.parts.end(), mentionsSteps);
}

bool mentionsI(const Expression& e)
{
    return (e.kind == Kind::Constant && e.text == "i") || std::any_of(e.parts.begin(), e.parts.end(), mentionsI);
}

// a^{1/3} with a variable as the third root, which is real for negative values too.
Expression withRealRoots(const Expression& e)
{
    Expression out = e;
    for (Expression& part : out.parts)
        part = withRealRoots(part);
    if (out.kind != Kind::Power || !hasSymbols(out.parts[0]) || out.parts[1].kind != Kind::Quotient)
        return out;
    constexpr long kLargest = 1000;
    const auto above = smallInteger(out.parts[1].parts[0], kLargest);
    const auto below = smallInteger(out.parts[1].parts[1], kLargest);
    if (!above || !below || *below < 3 || *below % 2 == 0)
        return out;
    return binary(Kind::Power, binary(Kind::Root, std::move(out.parts[0]), number(*below)), std::move(out.parts[1].parts[0]));
}

// Real functions are compared where they are real: sqrt(a) sqrt(b) says nothing about negative a and b, although the two
// imaginary factors have a real product. Where one is real without a detour and the other is not real, they differ.
bool isOutsideDomain(const Ball& x, bool isDetourX, const Ball& y, bool isDetourY)
{
    return (isDetourX && isDetourY && isApart(x, y)) || (isDetourX && acb_is_real(x.raw())) || (isDetourY && acb_is_real(y.raw()));
}

// Points fixed by the names alone, so that a verdict never changes between two runs. The first ones are positive, where roots
// and logarithms are real; the later ones are not. Where a function has steps, the last ones are whole numbers.
class Points {
public:
    static constexpr int kCount = 8;

    Points(const Expression& a, const Expression& b)
        : m_hasSteps(mentionsSteps(a) || mentionsSteps(b))
    {
        for (const Expression* e : { &a, &b }) {
            collectNames(*e, m_names);
            collectIndices(*e, m_indices);
        }
    }

    Assignment at(int point) const
    {
        Assignment values;
        for (const std::string& name : m_names) {
            const Rng rng({ .seed = 6, .purpose = DrawPurpose::Simulation, .step = point, .prompt = stableId(name), .sample = 0 });
            const double sign = point >= kCount / 2 && rng.uniformAt(1) < 0.5 ? -1.0 : 1.0;
            const bool isWhole = m_hasSteps && point >= kCount - 2;
            double value = sign * (0.5 + 3.0 * rng.uniformAt(0));
            if (m_indices.count(name) != 0)
                value = 1.0 + std::floor(12.0 * rng.uniformAt(0));
            else if (isWhole)
                value = sign * (1.0 + std::floor(9.0 * rng.uniformAt(0)));
            Ball ball;
            arb_set_d(acb_realref(ball.raw()), value);
            values.emplace_back(name, std::move(ball));
        }
        return values;
    }

private:
    bool m_hasSteps;
    std::set<std::string> m_names;
    std::set<std::string> m_indices;
};

Decision compareAtRandomPoints(const Expression& givenA, const Expression& givenB, const Bounds& bounds)
{
    const Expression a = withRealRoots(givenA);
    const Expression b = withRealRoots(givenB);
    const bool areRealFunctions = !mentionsI(a) && !mentionsI(b);
    constexpr int kNeeded = 3;
    constexpr slong kPrecision = 192;
    const Points points(a, b);
    int agreed = 0;
    for (int point = 0; point < Points::kCount; ++point) {
        const Assignment values = points.at(point);
        bool isDetourX = false;
        bool isDetourY = false;
        const Ball x = evaluateBall(a, kPrecision, bounds, values, &isDetourX);
        const Ball y = evaluateBall(b, kPrecision, bounds, values, &isDetourY);
        if (areRealFunctions && isOutsideDomain(x, isDetourX, y, isDetourY))
            continue;
        if (isApart(x, y))
            return { false, kRandomPoints };
        constexpr slong kRelativeBits = 40;
        constexpr slong kAbsoluteBits = 120;
        if (isSharp(x, kRelativeBits, kAbsoluteBits) && isSharp(y, kRelativeBits, kAbsoluteBits))
            ++agreed;
    }
    return agreed >= kNeeded ? Decision { true, kRandomPoints } : Decision { false, kUndefined };
}

void resolve(Expression& e, bool isInAngle)
{
    const bool isTrigonometric = e.kind == Kind::Function
        && (e.text == "cis" || e.text == "sin" || e.text == "cos" || e.text == "tan" || e.text == "cot" || e.text == "sec" || e.text == "csc");
    for (Expression& part : e.parts)
        resolve(part, isInAngle || isTrigonometric);
    if (e.kind != Kind::Degree)
        return;
    Expression inner = std::move(e.parts[0]);
    if (isInAngle)
        inner = binary(Kind::Quotient, binary(Kind::Product, std::move(inner), Expression(Kind::Constant, "pi")), number(180));
    e = std::move(inner);
}

} // namespace

bool hasSymbols(const Expression& expression)
{
    return expression.kind == Kind::Symbol || std::any_of(expression.parts.begin(), expression.parts.end(), hasSymbols);
}

Decision compareScalars(const Expression& a, const Expression& b, const Bounds& bounds)
{
    const bool isConstant = !hasSymbols(a) && !hasSymbols(b);
    if (isConstant) {
        std::optional<Rational> x;
        std::optional<Rational> y;
        try {
            x = exactValue(a, bounds);
            y = x ? exactValue(b, bounds) : std::nullopt;
        } catch (const BeyondBounds&) {
            // Too large to write down: their factors may be known, or balls may separate them.
            if (const auto isSame = isSameProductOfPowers(a, b, bounds))
                return { *isSame, kPrimePowers };
            if (isApart(evaluateBall(a, kFirstPrecision, bounds), evaluateBall(b, kFirstPrecision, bounds)))
                return { false, kApart };
            throw;
        }
        if (x && y)
            return { *x == *y, kExactNumber };
        return compareConstants(a, b, bounds);
    }
    switch (compareRationalFunctions(a, b, bounds)) {
    case Identity::Equal:
        return { true, kRationalFunction };
    case Identity::Different:
        return { false, kRationalFunction };
    case Identity::Unknown:
        break;
    }
    return compareAtRandomPoints(a, b, bounds);
}

std::optional<int> orderOf(const Expression& a, const Expression& b, const Bounds& bounds)
{
    const auto infinitySign = [](const Expression& e) {
        if (e.kind == Kind::Infinity)
            return 1;
        return e.kind == Kind::Negate && e.parts[0].kind == Kind::Infinity ? -1 : 0;
    };
    const int signA = infinitySign(a);
    const int signB = infinitySign(b);
    if (signA != 0 || signB != 0)
        return signA < signB ? -1 : signA > signB ? 1 : 0;
    if (!isScalar(a) || !isScalar(b) || hasSymbols(a) || hasSymbols(b))
        return std::nullopt;
    const Ball x = evaluateBall(a, kFirstPrecision, bounds);
    const Ball y = evaluateBall(b, kFirstPrecision, bounds);
    if (!acb_is_real(x.raw()) || !acb_is_real(y.raw()) || !x.isFinite() || !y.isFinite())
        return std::nullopt;
    if (arb_lt(acb_realref(x.raw()), acb_realref(y.raw())))
        return -1;
    if (arb_gt(acb_realref(x.raw()), acb_realref(y.raw())))
        return 1;
    return compareScalars(a, b, bounds).isEqual ? std::optional(0) : std::nullopt;
}

void resolveDegrees(Expression& expression) { resolve(expression, false); }

} // namespace midpoint::reward::math
