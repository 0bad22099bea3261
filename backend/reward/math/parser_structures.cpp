#include "backend/reward/math/parser.h"

#include "backend/core/text.h"
#include "backend/reward/math/outward_brackets.h"
#include "backend/reward/math/parser_depth.h"

#include <algorithm>
#include <utility>

namespace midpoint::reward::math {

namespace {

// Operator characters of Kind::Relation by command.
char relationOf(std::string_view command)
{
    static constexpr std::pair<std::string_view, char> kRelations[] = { { "le", 'l' }, { "leq", 'l' }, { "leqslant", 'l' },
        { "leqq", 'l' }, { "ge", 'g' }, { "geq", 'g' }, { "geqslant", 'g' }, { "geqq", 'g' }, { "lt", '<' }, { "gt", '>' },
        { "ne", '!' }, { "neq", '!' }, { "in", 'e' }, { "notin", 'n' }, { "approx", '~' }, { "equiv", '=' }, { "sim", '~' },
        { "cong", '~' }, { "simeq", '~' } };
    for (const auto& [name, character] : kRelations)
        if (name == command)
            return character;
    return 0;
}

int treeDepth(const Expression& e)
{
    int deepest = 0;
    for (const Expression& part : e.parts)
        deepest = std::max(deepest, treeDepth(part));
    return deepest + 1;
}

// "x = 1, 5 (mod 6)": the modulus at the end is that of all parts.
void shareModulus(Expression& list)
{
    const Expression last = list.parts.back();
    if (last.kind != Kind::Congruence)
        return;
    const bool isShared = std::all_of(list.parts.begin(), list.parts.end() - 1, [](const Expression& part) {
        return isScalar(part) || (part.kind == Kind::Relation && part.text == "=");
    });
    for (std::size_t i = 0; isShared && i + 1 < list.parts.size(); ++i) {
        Expression& part = list.parts[i];
        std::vector<Expression> sides;
        if (part.kind == Kind::Relation)
            sides = std::move(part.parts);
        else
            sides.push_back(std::move(part));
        sides.push_back(last.parts.back());
        part = Expression(Kind::Congruence, std::move(sides));
    }
}

// "x < 1 \\cup x > 2" joins two inequalities, not the numbers 1 and x.
Expression splitAtUnion(Expression relation)
{
    const auto isInequality = [](char op) { return op == '<' || op == '>' || op == 'l' || op == 'g'; };
    if (relation.parts.size() != 3 || !isInequality(relation.text[0]) || !isInequality(relation.text[1]))
        return relation;
    Expression& middle = relation.parts[1];
    if (middle.kind != Kind::Union || !std::all_of(middle.parts.begin(), middle.parts.end(), isScalar))
        return relation;
    Expression left(Kind::Relation, relation.text.substr(0, 1));
    left.parts.push_back(std::move(relation.parts[0]));
    left.parts.push_back(std::move(middle.parts[0]));
    Expression right(Kind::Relation, relation.text.substr(1, 1));
    right.parts.push_back(std::move(middle.parts[1]));
    right.parts.push_back(std::move(relation.parts[2]));
    return binary(Kind::Choice, std::move(left), std::move(right));
}

// "x \\ne 1, 2": the name and the sign hold for what follows.
void shareInequality(Expression& list)
{
    const auto isUnequal = [](const Expression& e) { return e.kind == Kind::Relation && e.text == "!" && e.parts[0].kind == Kind::Symbol; };
    if (list.kind != Kind::List || !isUnequal(list.parts.front()))
        return;
    if (!std::all_of(list.parts.begin() + 1, list.parts.end(), [](const Expression& part) { return isScalar(part); }))
        return;
    const Expression name = list.parts.front().parts[0];
    for (std::size_t i = 1; i < list.parts.size(); ++i) {
        list.parts[i] = binary(Kind::Relation, name, std::move(list.parts[i]));
        list.parts[i].text = "!";
    }
}

enum class Separator { None, Comma, Or };

Separator separatorOf(const Token& token)
{
    if (token.type == TokenType::Sign && (token.text == "," || token.text == ";"))
        return Separator::Comma;
    if (token.type == TokenType::Command && (token.text == "land" || token.text == "wedge"))
        return Separator::Comma;
    if (token.type == TokenType::Command && (token.text == "lor" || token.text == "vee"))
        return Separator::Or;
    if (token.type == TokenType::Word || token.type == TokenType::Text) {
        const std::string word = toLower(trim(token.text));
        if (word == "and" || word == ", and")
            return Separator::Comma;
        if (word == "or" || word == ", or")
            return Separator::Or;
    }
    return Separator::None;
}

} // namespace

Parser::Parser(std::vector<Token> tokens, const ReadLimits& limits)
    : m_tokens(std::move(tokens))
    , m_limits(limits)
{
    straightenBrackets(m_tokens);
    if (m_tokens.size() > limits.maxTokens)
        throw Unreadable("longer than " + std::to_string(limits.maxTokens) + " symbols");
}

Expression Parser::parseAll()
{
    while (separatorOf(peek()) != Separator::None || peek().type == TokenType::RowBreak)
        take();
    Expression out = parseAnswer();
    while (peek().type == TokenType::RowBreak)
        take();
    if (peek().type != TokenType::End)
        throw Unreadable("'" + peek().text + "' that fits nowhere");
    if (treeDepth(out) > 4 * m_limits.maxDepth)
        throw Unreadable("a chain of more than " + std::to_string(4 * m_limits.maxDepth) + " operations");
    return out;
}

const Token& Parser::peek(std::size_t ahead) const { return m_tokens[std::min(m_at + ahead, m_tokens.size() - 1)]; }

Token Parser::take()
{
    const Token& token = peek();
    if (token.type == TokenType::End)
        throw Unreadable("the end where more is expected");
    ++m_at;
    return token;
}

bool Parser::isSign(char c, std::size_t ahead) const
{
    const Token& token = peek(ahead);
    return token.type == TokenType::Sign && token.text.front() == c;
}

bool Parser::isCommand(std::string_view name, std::size_t ahead) const
{
    const Token& token = peek(ahead);
    return token.type == TokenType::Command && token.text == name;
}

bool Parser::takeSign(char c)
{
    if (!isSign(c))
        return false;
    ++m_at;
    return true;
}

void Parser::expectSign(char c)
{
    if (!takeSign(c))
        throw Unreadable(std::string("a missing '") + c + "'");
}

bool Parser::isSeparatorAhead() const { return separatorOf(peek()) != Separator::None; }

Expression Parser::parseAnswer()
{
    const DepthGuard guard(*this);
    Expression first = parseStatement();
    if (!isSeparatorAhead())
        return first;
    Expression list(Kind::List);
    list.parts.push_back(std::move(first));
    while (isSeparatorAhead()) {
        while (isSeparatorAhead()) // ", and"
            if (separatorOf(take()) == Separator::Or)
                list.kind = Kind::Choice;
        const bool isEnd = peek().type == TokenType::End || isSign(')') || isSign(']') || isSign('}')
            || peek().type == TokenType::SetClose;
        if (isEnd) // a trailing comma
            break;
        list.parts.push_back(parseStatement());
    }
    shareModulus(list);
    shareInequality(list);
    return list.parts.size() == 1 ? Expression(std::move(list.parts.front())) : list;
}

char Parser::relationAhead() const
{
    const Token& token = peek();
    if (token.type == TokenType::Sign && (token.text == "=" || token.text == "<" || token.text == ">"))
        return token.text.front();
    if (isCommand("not") && (isSign('=', 1) || isCommand("in", 1)))
        return isSign('=', 1) ? '!' : 'n';
    if (isCommand("mid") && !m_colonSeparates) // "divides"
        return '|';
    return token.type == TokenType::Command ? relationOf(token.text) : '\0';
}

Expression Parser::parseStatement()
{
    const DepthGuard guard(*this);
    Expression relation(Kind::Relation);
    if (relationAhead() == '=' || relationAhead() == '~') // "= 5"
        take();
    relation.parts.push_back(parseSets());
    bool isCongruence = false;
    while (const char op = relationAhead()) {
        isCongruence = isCommand("equiv");
        if (isCommand("not"))
            take();
        take();
        takeSign('='); // "=="
        relation.text += op;
        relation.parts.push_back(parseSets());
    }
    Expression statement = relation.parts.size() == 1 ? Expression(std::move(relation.parts.front())) : splitAtUnion(std::move(relation));
    return withModulus(std::move(statement), isCongruence);
}

bool Parser::isModulusAhead() const
{
    return isCommand("pmod") || (isSign('(') && (isCommand("mod", 1) || isCommand("bmod", 1) || isWordAhead("mod", 1)));
}

// "x = 3 (mod 7)", "3 (mod 7)", and "x \\equiv 3 \\mod 7", where the modulus was read as an operation on the right side.
Expression Parser::withModulus(Expression statement, bool isCongruence)
{
    const bool isEquation = statement.kind == Kind::Relation && statement.parts.size() == 2 && (statement.text == "=" || statement.text == "~");
    std::vector<Expression> sides;
    if (isCongruence && isEquation && statement.parts[1].kind == Kind::Function && statement.parts[1].text == "mod") {
        Expression residue = std::move(statement.parts[1]);
        sides.push_back(std::move(statement.parts[0]));
        sides.push_back(std::move(residue.parts[0]));
        sides.push_back(std::move(residue.parts[1]));
        return Expression(Kind::Congruence, std::move(sides));
    }
    if (!isModulusAhead())
        return statement;
    if (!isEquation && !isScalar(statement))
        throw Unreadable("a modulus after something that is no number");
    const bool isBracketed = !isCommand("pmod");
    m_at += isBracketed ? 2 : 1;
    Expression modulus = isBracketed ? parseSum() : parseArgument();
    if (isBracketed)
        expectSign(')');
    if (isEquation)
        sides = std::move(statement.parts);
    else
        sides.push_back(std::move(statement));
    sides.push_back(std::move(modulus));
    return Expression(Kind::Congruence, std::move(sides));
}

Expression Parser::parseSets()
{
    const DepthGuard guard(*this);
    Expression left = parseRatio();
    while (true) {
        Kind kind = Kind::Union;
        if (isCommand("cap"))
            kind = Kind::Intersection;
        else if (isCommand("setminus") || isCommand("backslash"))
            kind = Kind::Difference;
        else if (!isCommand("cup"))
            return left;
        take();
        Expression joined(kind);
        joined.parts.push_back(std::move(left));
        joined.parts.push_back(parseRatio());
        left = std::move(joined);
    }
}

Expression Parser::parseRatio()
{
    const DepthGuard guard(*this);
    Expression first = parseResidue();
    const auto isColonAhead = [this] { return !m_colonSeparates && (isSign(':') || isCommand("colon")); };
    if (!isColonAhead() && !isWordAhead("to"))
        return first;
    Expression ratio(Kind::Ratio);
    ratio.parts.push_back(std::move(first));
    while (isColonAhead() || isWordAhead("to")) {
        take();
        ratio.parts.push_back(parseResidue());
    }
    return ratio;
}

// 17 mod 5 is 2.
Expression Parser::parseResidue()
{
    const DepthGuard guard(*this);
    Expression value = parseSum();
    while (isCommand("bmod") || isCommand("mod") || isWordAhead("mod")) {
        take();
        std::vector<Expression> arguments;
        arguments.push_back(std::move(value));
        arguments.push_back(parseProduct());
        value = function("mod", std::move(arguments));
    }
    return value;
}

// (...), [...], (...], [...): one part is grouping, more are a tuple or an interval.
Expression Parser::parseBracket()
{
    const DepthGuard guard(*this);
    std::string shape = take().text;
    const int bars = std::exchange(m_openBars, 0);
    const bool colon = std::exchange(m_colonSeparates, false);
    Expression inner = parseAnswer();
    m_openBars = bars;
    m_colonSeparates = colon;
    if (!isSign(')') && !isSign(']'))
        throw Unreadable("a bracket that is never closed");
    shape += take().text;
    if (inner.kind == Kind::List) {
        inner.kind = Kind::Bracket;
        inner.text = std::move(shape);
        return inner;
    }
    if (shape == "(]" || shape == "[)")
        throw Unreadable("brackets that do not match");
    return inner;
}

// Is the "{" ahead a set of plain text, "{1, 2}", and not a group of LaTeX?
bool Parser::braceIsSet() const
{
    int depth = 0;
    for (std::size_t i = m_at; i < m_tokens.size(); ++i) {
        const Token& token = m_tokens[i];
        if (token.type != TokenType::Sign)
            continue;
        const char c = token.text.front();
        if (c == '{' || c == '(' || c == '[')
            ++depth;
        else if (c == '}' || c == ')' || c == ']')
            --depth;
        else if (c == ',' && depth == 1)
            return true;
        if (depth == 0)
            return i == m_at + 1 && m_at + 2 >= m_tokens.size() - 1; // "{}" alone is the empty set
    }
    return false;
}

Expression Parser::parseSetBraces(bool isEscaped)
{
    const DepthGuard guard(*this);
    take();
    const auto isClosed = [&] { return isEscaped ? peek().type == TokenType::SetClose : isSign('}'); };
    const auto close = [&] {
        if (!isClosed())
            throw Unreadable("a set that is never closed");
        take();
    };
    if (isClosed()) {
        close();
        return Expression(Kind::NamedSet, "");
    }
    const int bars = std::exchange(m_openBars, 1); // so that "|" ends the first element
    const bool colon = std::exchange(m_colonSeparates, true);
    Expression first = parseStatement();
    m_colonSeparates = colon;
    m_openBars = 0;
    Expression set = finishSet(std::move(first));
    m_openBars = bars;
    close();
    return set;
}

Expression Parser::finishSet(Expression first)
{
    if (isCommand("mid") || isSign('|') || isSign(':') || isCommand("colon")) {
        take();
        Expression builder(Kind::Builder);
        builder.parts.push_back(std::move(first));
        builder.parts.push_back(parseAnswer());
        return builder;
    }
    Expression set(Kind::Set);
    set.parts.push_back(std::move(first));
    while (isSeparatorAhead()) {
        while (isSeparatorAhead())
            take();
        if (isCommand("ldots") || isCommand("dots") || isCommand("cdots"))
            throw Unreadable("a set that goes on");
        set.parts.push_back(parseStatement());
    }
    return set;
}

Expression Parser::parseEnvironment()
{
    const DepthGuard guard(*this);
    take();
    expectSign('{');
    const std::string name = take().text;
    takeSign('*');
    expectSign('}');
    static constexpr std::string_view kMatrices[]
        = { "matrix", "pmatrix", "bmatrix", "Bmatrix", "vmatrix", "Vmatrix", "smallmatrix", "array", "cases", "aligned" };
    if (std::count(std::begin(kMatrices), std::end(kMatrices), std::string_view(name)) == 0)
        throw Unreadable("the environment " + name);
    if (name == "array" && isSign('{')) // column layout
        while (!takeSign('}'))
            take();
    return parseMatrix(name);
}

Expression Parser::parseMatrix(const std::string& environment)
{
    const int bars = std::exchange(m_openBars, 0);
    Expression matrix(Kind::Matrix);
    Expression row(Kind::Row);
    while (true) {
        if (isCommand("hline")) {
            take();
        } else if (peek().type == TokenType::RowBreak) {
            take();
            matrix.parts.push_back(std::exchange(row, Expression(Kind::Row)));
        } else if (isCommand("end")) {
            break;
        } else if (!takeSign('&')) {
            row.parts.push_back(parseStatement());
            takeSign(','); // cases
        }
    }
    if (!row.parts.empty())
        matrix.parts.push_back(std::move(row));
    m_openBars = bars;
    take();
    expectSign('{');
    if (take().text != environment)
        throw Unreadable("\\begin{" + environment + "} without its end");
    takeSign('*');
    expectSign('}');
    if (matrix.parts.empty())
        throw Unreadable("an empty matrix");
    if (environment == "vmatrix") { // a determinant
        std::vector<Expression> arguments;
        arguments.push_back(std::move(matrix));
        return function("det", std::move(arguments));
    }
    const bool areStatements = environment == "cases" || environment == "aligned";
    const bool isColumn = std::all_of(matrix.parts.begin(), matrix.parts.end(),
        [](const Expression& each) { return each.parts.size() == 1 && each.parts.front().kind == Kind::Relation; });
    if (!areStatements || !isColumn)
        return matrix;
    Expression statements(Kind::List); // a system of equations
    for (Expression& each : matrix.parts)
        statements.parts.push_back(std::move(each.parts.front()));
    return statements.parts.size() == 1 ? Expression(std::move(statements.parts.front())) : statements;
}

} // namespace midpoint::reward::math
