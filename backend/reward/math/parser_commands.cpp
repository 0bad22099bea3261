#include "backend/reward/math/parser.h"

#include "backend/core/text.h"
#include "backend/reward/math/parser_depth.h"
#include "backend/reward/math/words.h"

#include <algorithm>
#include <array>
#include <utility>

namespace midpoint::reward::math {

namespace {

constexpr auto kAccents = std::to_array<std::string_view>({ "vec", "hat", "bar", "tilde", "overline", "overrightarrow",
    "overleftrightarrow", "widehat", "widetilde", "dot", "ddot", "mathcal", "mathscr", "mathfrak", "overbrace", "underbrace" });
constexpr auto kMarks = std::to_array<std::string_view>({ "angle", "triangle", "measuredangle", "therefore", "because" });
template <std::size_t N>
bool contains(const std::array<std::string_view, N>& list, std::string_view name)
{
    return std::find(list.begin(), list.end(), name) != list.end();
}

void append(Expression& chain, Kind kind, Expression part)
{
    if (chain.kind != kind)
        chain = Expression(kind, std::vector<Expression> { std::move(chain) });
    chain.parts.push_back(std::move(part));
}

bool mentionsI(const Expression& e)
{
    return (e.kind == Kind::Constant && e.text == "i") || std::any_of(e.parts.begin(), e.parts.end(), mentionsI);
}

// A bar over a complex number means its conjugate, over anything else (a segment, a mean) nothing.
Expression conjugated(Expression inner)
{
    const bool isVariable = inner.kind == Kind::Symbol && (inner.text == "z" || inner.text == "w");
    if (isVariable)
        inner.text = "conjugate of " + inner.text;
    if (isVariable || !mentionsI(inner))
        return inner;
    std::vector<Expression> arguments;
    arguments.push_back(std::move(inner));
    return function("conj", std::move(arguments));
}

// The bound variable of a sum gets a name that no text can have, so that sums over k and over j have the same form.
void renameIndex(Expression& e, const std::string& from, const std::string& to)
{
    const bool isIndex = (e.kind == Kind::Symbol || e.kind == Kind::Constant) && e.text == from;
    if (isIndex)
        e = Expression(Kind::Symbol, to);
    for (Expression& part : e.parts)
        renameIndex(part, from, to);
}

int seriesDepth(const Expression& e)
{
    int deepest = 0;
    for (const Expression& part : e.parts)
        deepest = std::max(deepest, seriesDepth(part));
    return deepest + (e.kind == Kind::Function && (e.text == "sum" || e.text == "prod") ? 1 : 0);
}

bool takesMany(std::string_view name) { return name == "max" || name == "min" || name == "gcd" || name == "lcm"; }

} // namespace

Expression Parser::parseCommand()
{
    const std::string name = peek().text;
    if (name == "begin")
        return parseEnvironment();
    take();
    if (name == "frac" || name == "dfrac" || name == "tfrac" || name == "cfrac" || name == "nicefrac" || name == "sfrac")
        return parseFraction();
    if (name == "sqrt" || name == "cbrt")
        return parseRoot();
    if (name == "binom" || name == "dbinom" || name == "tbinom")
        return parseBinomial();
    if (name == "lfloor")
        return parseDelimited("lfloor", "rfloor", "floor");
    if (name == "lceil")
        return parseDelimited("lceil", "rceil", "ceil");
    if (name == "langle")
        return parseDelimited("langle", "rangle", "<>");
    if (name == "sum" || name == "prod")
        return parseSeries(name);
    if (isFunctionName(name))
        return parseFunction(name);
    if (contains(kAccents, name)) {
        Expression inner = parseArgument();
        return name == "overline" || name == "bar" ? conjugated(std::move(inner)) : inner;
    }
    if (contains(kMarks, name))
        return parseFactor();
    return parseNamedConstant(name);
}

Expression Parser::parseNamedConstant(const std::string& name)
{
    if (name == "pi")
        return Expression(Kind::Constant, name);
    if (name == "top" || name == "intercal") // of a transposed matrix
        return Expression(Kind::Symbol, "T");
    if (name == "infty")
        return Expression(Kind::Infinity);
    if (name == "emptyset" || name == "varnothing")
        return Expression(Kind::NamedSet, "");
    if (startsWith(name, "mathbb") && name.size() == 7)
        return Expression(Kind::NamedSet, name.substr(6));
    if (isGreekName(name))
        return Expression(Kind::Symbol, name);
    throw Unreadable("the unknown command \\" + name);
}

Expression Parser::parseFraction()
{
    Expression above = parseArgument();
    Expression below = parseArgument();
    return binary(Kind::Quotient, std::move(above), std::move(below));
}

// \sqrt{x}, \sqrt[3]{x}, \sqrt3, \sqrt 37, \sqrt x
Expression Parser::parseRoot()
{
    const bool isCube = m_tokens[m_at - 1].text == "cbrt";
    Expression degree = number(isCube ? 3 : 2);
    if (isSign('[') && !isCube) {
        take();
        degree = parseSum();
        expectSign(']');
    }
    Expression radicand = peek().type == TokenType::Number ? parseNumber() : parseArgument();
    return binary(Kind::Root, std::move(radicand), std::move(degree));
}

Expression Parser::parseBinomial()
{
    Expression n = parseArgument();
    Expression k = parseArgument();
    std::vector<Expression> arguments;
    arguments.push_back(std::move(n));
    arguments.push_back(std::move(k));
    return function("binom", std::move(arguments));
}

// \sum_{k=1}^{10} k^2; written out only when it is compared.
Expression Parser::parseSeries(const std::string& name)
{
    const DepthGuard guard(*this);
    std::optional<Expression> lower;
    std::optional<Expression> upper;
    while (isSign('_') || isSign('^')) {
        const bool isLower = take().text == "_";
        (isLower ? lower : upper) = takeSign('-') ? unary(Kind::Negate, parseArgument()) : parseArgument();
    }
    const bool isBounded = lower && upper && lower->kind == Kind::Relation && lower->text == "=" && lower->parts.size() == 2
        && (lower->parts[0].kind == Kind::Symbol || lower->parts[0].kind == Kind::Constant) && isScalar(lower->parts[1]) && isScalar(*upper);
    if (!isBounded)
        throw Unreadable("\\" + name + " without a first and a last index");
    Expression body = parseProduct();
    const std::string index = "index " + std::to_string(seriesDepth(body) + 1);
    renameIndex(body, lower->parts[0].text, index);
    std::vector<Expression> arguments;
    arguments.push_back(Expression(Kind::Symbol, index));
    arguments.push_back(std::move(lower->parts[1]));
    arguments.push_back(std::move(*upper));
    arguments.push_back(std::move(body));
    return function(name, std::move(arguments));
}

Expression Parser::parseFunction(const std::string& spelling)
{
    std::string name(canonicalFunction(spelling));
    Expression base;
    Expression exponent;
    bool hasBase = false;
    bool hasExponent = false;
    while (isSign('_') || isSign('^')) {
        const bool isBase = take().text == "_";
        Expression argument = !isBase && takeSign('-') ? unary(Kind::Negate, parseArgument()) : parseArgument();
        (isBase ? base : exponent) = std::move(argument);
        (isBase ? hasBase : hasExponent) = true;
    }
    std::vector<Expression> arguments;
    // "sin^2 + cos^2": everybody knows of what.
    const bool isWithoutArgument = hasExponent && !startsFactor() && !isSign('-');
    Expression argument = isWithoutArgument ? Expression(Kind::Symbol, "argument") : parseFunctionArgument();
    if (argument.kind == Kind::Bracket || argument.kind == Kind::List || (argument.kind == Kind::Set && takesMany(name)))
        arguments = std::move(argument.parts);
    else
        arguments.push_back(std::move(argument));
    if (takesMany(name))
        std::sort(arguments.begin(), arguments.end(), [](const Expression& a, const Expression& b) { return toText(a) < toText(b); });
    if (name == "sqrt" || name == "cbrt")
        return binary(Kind::Root, std::move(arguments.at(0)), number(name == "sqrt" ? 2 : 3));
    if (name == "factorial")
        return unary(Kind::Factorial, std::move(arguments.at(0)));
    if (name == "lg") {
        name = "log";
        base = number(10);
        hasBase = true;
    }
    if (hasBase && name == "log")
        arguments.push_back(std::move(base));
    const bool isInverse = hasExponent && toText(exponent) == "-1";
    const bool isTrigonometric = name == "sin" || name == "cos" || name == "tan" || name == "cot" || name == "sec" || name == "csc";
    const bool isHyperbolic = name == "sinh" || name == "cosh" || name == "tanh";
    if (isInverse && (isTrigonometric || isHyperbolic))
        return function("a" + name, std::move(arguments));
    Expression out = function(std::move(name), std::move(arguments));
    return hasExponent ? binary(Kind::Power, std::move(out), std::move(exponent)) : out;
}

// (x), or factors side by side up to the next operator or function: \sin 2x, \ln |x|, \cos\frac{\pi}{3}
Expression Parser::parseFunctionArgument()
{
    const DepthGuard guard(*this);
    if (isSign('(') || isSign('{'))
        return isSign('{') ? parseGroup() : parseBracket();
    if (peek().type == TokenType::SetOpen) // \max\{1, 5\}
        return parseSetBraces(true);
    if (takeSign('-'))
        return unary(Kind::Negate, parseFunctionArgument());
    Expression argument = parseFactor();
    while (startsFactor() && !isSign('(') && !isSign('[') && peek().type != TokenType::Word
        && !(peek().type == TokenType::Command && isFunctionName(peek().text) && peek().text != "sqrt"))
        append(argument, Kind::Product, parseFactor());
    return argument;
}

Expression Parser::parseArgument()
{
    const DepthGuard guard(*this);
    if (isSign('{'))
        return parseGroup();
    if (isSign('('))
        return parseBracket();
    if (peek().type == TokenType::Number) {
        // \frac12 and \frac1{72}: one digit is one argument; after "^" plain text means the whole number (2^10).
        Token& token = m_tokens[m_at];
        const bool isAfterPower = m_at > 0 && m_tokens[m_at - 1].type == TokenType::Sign
            && (m_tokens[m_at - 1].text == "^" || m_tokens[m_at - 1].text == "-");
        if (token.text.size() > 1 && !isAfterPower && token.text.find('.') == std::string::npos) {
            Expression digit = number(token.text.front() - '0');
            token.text.erase(0, 1);
            token.hasSpaceBefore = false;
            return digit;
        }
        return parseNumber();
    }
    // x^ny and \frac ab: one letter of a word that is no name.
    Token& token = m_tokens[m_at];
    const bool isName = token.text == "pi" || isFunctionName(token.text) || isGreekName(token.text) || numberWord(toLower(token.text)) || token.text.size() > 3;
    if (token.type == TokenType::Word && !isName) {
        const std::string name = token.text.substr(0, 1);
        token.text.erase(0, 1);
        token.type = token.text.size() == 1 ? TokenType::Letter : TokenType::Word;
        token.hasSpaceBefore = false;
        return Expression(name == "e" || name == "i" ? Kind::Constant : Kind::Symbol, name);
    }
    return parsePrimary();
}

Expression Parser::parseGroup()
{
    const DepthGuard guard(*this);
    expectSign('{');
    if (takeSign('}')) // 10{}000, an empty group
        throw Unreadable("an empty group");
    const int bars = std::exchange(m_openBars, 0);
    Expression inner = parseStatement();
    if (isCommand("over") || isCommand("choose")) {
        const bool isFraction = take().text == "over";
        Expression below = parseStatement();
        if (isFraction) {
            inner = binary(Kind::Quotient, std::move(inner), std::move(below));
        } else {
            std::vector<Expression> arguments;
            arguments.push_back(std::move(inner));
            arguments.push_back(std::move(below));
            inner = function("binom", std::move(arguments));
        }
    }
    m_openBars = bars;
    expectSign('}');
    return inner;
}

Expression Parser::parseDelimited(std::string_view open, std::string_view close, std::string_view functionName)
{
    const DepthGuard guard(*this);
    const int bars = std::exchange(m_openBars, 0);
    Expression inner = parseAnswer();
    m_openBars = bars;
    if (!isCommand(close))
        throw Unreadable("\\" + std::string(open) + " without \\" + std::string(close));
    take();
    if (functionName == "<>") { // a vector <a, b>
        Expression vector(Kind::Bracket, "()");
        if (inner.kind == Kind::List)
            vector.parts = std::move(inner.parts);
        else
            vector.parts.push_back(std::move(inner));
        return vector;
    }
    std::vector<Expression> arguments;
    arguments.push_back(std::move(inner));
    return function(std::string(functionName), std::move(arguments));
}

Expression Parser::parseAbsolute()
{
    const DepthGuard guard(*this);
    expectSign('|');
    ++m_openBars;
    Expression inner = parseSum();
    --m_openBars;
    expectSign('|');
    std::vector<Expression> arguments;
    arguments.push_back(std::move(inner));
    return function("abs", std::move(arguments));
}

} // namespace midpoint::reward::math
