#include "backend/reward/math/calcium_field.h"

#include "backend/reward/math/calcium_program.h"
#include "backend/reward/math/exact_value.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace midpoint::reward::math {

namespace {

constexpr long kLargestExponent = 64;
constexpr long kLargestBits = 300;

// Whether an expression is small enough for Calcium, which has no deadline of its own.
class Cost {
public:
    bool isWithin(const Expression& e, const Bounds& bounds)
    {
        visit(e);
        return m_isKnown && m_nodes <= bounds.maxFieldNodes && m_degree <= bounds.maxFieldDegree;
    }

private:
    void visit(const Expression& e)
    {
        ++m_nodes;
        switch (e.kind) {
        case Kind::Number:
            m_isKnown = m_isKnown && e.value.bits() <= kLargestBits;
            break;
        case Kind::Root: {
            const auto degree = smallInteger(e.parts[1], kLargestExponent);
            multiplyDegree(degree ? *degree : 0);
            break;
        }
        case Kind::Power:
            if (!smallInteger(e.parts[1], kLargestExponent))
                multiplyDegree(4);
            break;
        case Kind::Function:
            multiplyDegree(2);
            break;
        case Kind::Sum:
        case Kind::Product:
        case Kind::Quotient:
        case Kind::Negate:
        case Kind::Percent:
        case Kind::Constant:
            break;
        default:
            m_isKnown = false;
        }
        for (const Expression& part : e.parts)
            visit(part);
    }

    void multiplyDegree(long factor)
    {
        m_isKnown = m_isKnown && factor > 0;
        if (m_degree < 1'000'000)
            m_degree *= std::max(1L, factor);
    }

    long m_nodes = 0;
    long m_degree = 1;
    bool m_isKnown = true;
};

using Program = std::vector<MidpointFieldStep>;

// Appends the postfix program of an expression; false for what Calcium has no operation for.
class Compiler {
public:
    explicit Compiler(Program& program)
        : m_program(program)
    {
    }

    bool compile(const Expression& e)
    {
        switch (e.kind) {
        case Kind::Number:
            return append(MIDPOINT_FIELD_NUMBER, 0, e.value.raw());
        case Kind::Constant:
            return append(e.text == "pi" ? MIDPOINT_FIELD_PI : e.text == "i" ? MIDPOINT_FIELD_I : MIDPOINT_FIELD_E);
        case Kind::Sum:
            return chain(e, MIDPOINT_FIELD_ADD);
        case Kind::Product:
            return chain(e, MIDPOINT_FIELD_MULTIPLY);
        case Kind::Quotient:
            return chain(e, MIDPOINT_FIELD_DIVIDE);
        case Kind::Negate:
            return compile(e.parts[0]) && append(MIDPOINT_FIELD_NEGATE);
        case Kind::Percent:
            return compile(e.parts[0]) && append(MIDPOINT_FIELD_NUMBER, 0, m_hundred.raw()) && append(MIDPOINT_FIELD_DIVIDE);
        case Kind::Power:
            if (const auto n = smallInteger(e.parts[1], kLargestExponent))
                return compile(e.parts[0]) && append(MIDPOINT_FIELD_INTEGER_POWER, *n);
            return chain(e, MIDPOINT_FIELD_POWER);
        case Kind::Root: {
            const auto degree = smallInteger(e.parts[1], kLargestExponent);
            return degree && *degree > 0 && compile(e.parts[0]) && append(MIDPOINT_FIELD_ROOT, *degree);
        }
        case Kind::Function:
            return call(e);
        default:
            return false;
        }
    }

private:
    bool append(MidpointFieldOperation operation, long integer = 0, const fmpq* value = nullptr)
    {
        m_program.push_back({ operation, integer, value });
        return true;
    }

    bool chain(const Expression& e, MidpointFieldOperation operation)
    {
        bool isKnown = compile(e.parts[0]);
        for (std::size_t i = 1; isKnown && i < e.parts.size(); ++i)
            isKnown = compile(e.parts[i]) && append(operation);
        return isKnown;
    }

    bool call(const Expression& e)
    {
        static constexpr std::pair<std::string_view, MidpointFieldOperation> kFunctions[] = { { "log", MIDPOINT_FIELD_LOG },
            { "exp", MIDPOINT_FIELD_EXP }, { "sin", MIDPOINT_FIELD_SIN }, { "cos", MIDPOINT_FIELD_COS },
            { "tan", MIDPOINT_FIELD_TAN }, { "cot", MIDPOINT_FIELD_COT }, { "asin", MIDPOINT_FIELD_ASIN },
            { "acos", MIDPOINT_FIELD_ACOS }, { "atan", MIDPOINT_FIELD_ATAN }, { "abs", MIDPOINT_FIELD_ABS },
            { "floor", MIDPOINT_FIELD_FLOOR }, { "ceil", MIDPOINT_FIELD_CEIL } };
        if (e.text == "log" && e.parts.size() == 2) // to a base
            return compile(e.parts[0]) && append(MIDPOINT_FIELD_LOG) && compile(e.parts[1]) && append(MIDPOINT_FIELD_LOG)
                && append(MIDPOINT_FIELD_DIVIDE);
        for (const auto& [name, operation] : kFunctions)
            if (e.text == name)
                return e.parts.size() == 1 && compile(e.parts[0]) && append(operation);
        return false;
    }

    Program& m_program;
    const Rational m_hundred { 100 };
};

} // namespace

Identity compareInCalcium(const Expression& a, const Expression& b, const Bounds& bounds)
{
    if (!Cost().isWithin(binary(Kind::Sum, a, b), bounds))
        return Identity::Unknown;
    Program x;
    Program y;
    Compiler compilerX(x);
    Compiler compilerY(y);
    if (!compilerX.compile(a) || !compilerY.compile(b))
        return Identity::Unknown;
    const int isEqual = midpointFieldCompare(x.data(), static_cast<long>(x.size()), y.data(), static_cast<long>(y.size()));
    return isEqual < 0 ? Identity::Unknown : isEqual == 1 ? Identity::Equal : Identity::Different;
}

} // namespace midpoint::reward::math
