// The tree that the reader makes of an answer, and that equality is decided on. Plain data.
#pragma once

#include "backend/reward/math/rational.h"

#include <cstdint>
#include <string>
#include <vector>

namespace midpoint::reward::math {

enum class Kind : std::uint8_t {
    // Scalars
    Number,    // value; decimals >= 0 if written with a decimal point
    Based,     // 55_8: text = the digits, value = what they mean, base
    Constant,  // text = "pi", "e" or "i"
    Infinity,
    Symbol,    // text = name with subscript
    Sum,       // any number of parts
    Product,   // any number of parts
    Quotient,  // 2 parts
    Power,     // 2 parts
    Negate,    // 1 part
    PlusMinus, // 1 part (plus-minus b) or 2 parts (a plus-minus b); text = "+-" or "-+"
    Root,      // 2 parts: radicand, degree
    Function,  // text = "sin", "log", "abs", "floor", "binom", ...; parts = arguments
    Factorial, // 1 part
    Percent,   // 1 part
    Degree,    // 1 part: an angle in degrees
    // Structures
    Bracket,  // text = "()", "[]", "(]" or "[)": a tuple or an interval
    List,     // parts separated by commas, or by "and"
    Choice,   // parts separated by "or"
    Set,      // {...}
    Builder,  // {x | condition}: parts = variable, condition
    Matrix,   // parts are Row
    Row,
    Relation, // parts joined by operators; text = the operators, one character each: = < > l g ! e(lement) n(ot element) ~
    Ratio,    // a : b : c
    Congruence, // 2 parts: value, modulus; or 3: left side, value, modulus
    Union,
    Intersection,
    Difference,
    NamedSet, // text = "R", "N", "Z", "Q", "C" or "" for the empty set
    Text,     // words, lower-case, blanks normalised
};

struct Expression {
    Kind kind = Kind::Number;
    std::string text;
    Rational value;
    std::int32_t decimals = -1;
    std::int32_t base = 10;
    std::vector<Expression> parts;

    Expression() = default;
    explicit Expression(Kind k)
        : kind(k)
    {
    }
    Expression(Kind k, std::string t)
        : kind(k)
        , text(std::move(t))
    {
    }
    Expression(Kind k, std::vector<Expression> p)
        : kind(k)
        , parts(std::move(p))
    {
    }
};

Expression number(Rational value);
Expression number(long value);
Expression unary(Kind kind, Expression a);
Expression binary(Kind kind, Expression a, Expression b);
Expression function(std::string name, std::vector<Expression> arguments);

inline bool isScalar(const Expression& e) { return e.kind < Kind::Bracket; }

// One text per tree: equal texts mean equal trees. Shown as the normal form of an answer.
std::string toText(const Expression& expression);

} // namespace midpoint::reward::math
