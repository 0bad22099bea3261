#include "backend/reward/math/expression.h"

namespace midpoint::reward::math {

namespace {

void write(const Expression& e, std::string& out);

void writeParts(const Expression& e, std::string_view separator, std::string& out)
{
    for (std::size_t i = 0; i < e.parts.size(); ++i) {
        if (i > 0)
            out += separator;
        write(e.parts[i], out);
    }
}

void writeWrapped(const Expression& e, std::string_view open, std::string_view separator, std::string_view close,
    std::string& out)
{
    out += open;
    writeParts(e, separator, out);
    out += close;
}

std::string_view operatorText(char op)
{
    switch (op) {
    case 'l':
        return " <= ";
    case 'g':
        return " >= ";
    case '!':
        return " != ";
    case 'e':
        return " in ";
    case 'n':
        return " not in ";
    case '<':
        return " < ";
    case '>':
        return " > ";
    case '~':
        return " ~ ";
    case '|':
        return " divides ";
    default:
        return " = ";
    }
}

void writeRelation(const Expression& e, std::string& out)
{
    for (std::size_t i = 0; i < e.parts.size(); ++i) {
        if (i > 0)
            out += operatorText(e.text[i - 1]);
        write(e.parts[i], out);
    }
}

void writeStructure(const Expression& e, std::string& out)
{
    switch (e.kind) {
    case Kind::Bracket:
        return writeWrapped(e, e.text.substr(0, 1), ", ", e.text.substr(1), out);
    case Kind::List:
        return writeParts(e, ", ", out);
    case Kind::Choice:
        return writeParts(e, " or ", out);
    case Kind::Set:
        return writeWrapped(e, "{", ", ", "}", out);
    case Kind::Builder:
        return writeWrapped(e, "{", " | ", "}", out);
    case Kind::Matrix:
        return writeWrapped(e, "[", "; ", "]", out);
    case Kind::Row:
        return writeParts(e, ", ", out);
    case Kind::Relation:
        return writeRelation(e, out);
    case Kind::Ratio:
        return writeParts(e, " : ", out);
    case Kind::Congruence:
        return writeWrapped(e, "congruent(", ", ", ")", out);
    case Kind::Union:
        return writeParts(e, " union ", out);
    case Kind::Intersection:
        return writeParts(e, " intersect ", out);
    case Kind::Difference:
        return writeParts(e, " minus ", out);
    case Kind::NamedSet:
        out += e.text.empty() ? "{}" : "set " + e.text;
        return;
    default:
        out += '"' + e.text + '"';
    }
}

void write(const Expression& e, std::string& out)
{
    switch (e.kind) {
    case Kind::Number:
        // Decimals keep their length: 3.50 and 3.5 are equal in value, not in what they claim about rounding.
        out += e.text.empty() ? e.value.text() : e.text;
        return;
    case Kind::Based:
        out += e.text + "_" + std::to_string(e.base);
        return;
    case Kind::Constant:
    case Kind::Symbol:
        out += e.text;
        return;
    case Kind::Infinity:
        out += "infinity";
        return;
    case Kind::Sum:
        return writeWrapped(e, "(", " + ", ")", out);
    case Kind::Product:
        return writeWrapped(e, "(", "*", ")", out);
    case Kind::Quotient:
        return writeWrapped(e, "(", "/", ")", out);
    case Kind::Power:
        return writeWrapped(e, "(", "^", ")", out);
    case Kind::Negate:
        return writeWrapped(e, "-", "", "", out);
    case Kind::PlusMinus:
        return writeWrapped(e, "pm" + e.text + "(", ", ", ")", out);
    case Kind::Root:
        return writeWrapped(e, "root(", ", ", ")", out);
    case Kind::Function:
        return writeWrapped(e, e.text + "(", ", ", ")", out);
    case Kind::Factorial:
        return writeWrapped(e, "", "", "!", out);
    case Kind::Percent:
        return writeWrapped(e, "", "", "%", out);
    case Kind::Degree:
        return writeWrapped(e, "", "", " deg", out);
    default:
        writeStructure(e, out);
    }
}

} // namespace

Expression number(Rational value)
{
    Expression out(Kind::Number);
    out.value = std::move(value);
    return out;
}

Expression number(long value) { return number(Rational(value)); }

Expression binary(Kind kind, Expression a, Expression b)
{
    Expression out(kind);
    out.parts.reserve(2);
    out.parts.push_back(std::move(a));
    out.parts.push_back(std::move(b));
    return out;
}

Expression unary(Kind kind, Expression a)
{
    Expression out(kind);
    out.parts.push_back(std::move(a));
    return out;
}

Expression function(std::string name, std::vector<Expression> arguments)
{
    Expression out(Kind::Function, std::move(name));
    out.parts = std::move(arguments);
    return out;
}

std::string toText(const Expression& expression)
{
    std::string out;
    write(expression, out);
    return out;
}

} // namespace midpoint::reward::math
