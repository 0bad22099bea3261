#include "backend/reward/math/parser.h"

#include "backend/core/text.h"
#include "backend/reward/math/parser_depth.h"
#include "backend/reward/math/words.h"

#include <algorithm>
#include <array>

namespace midpoint::reward::math {

namespace {

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& list, std::string_view name)
{
    return std::find(list.begin(), list.end(), name) != list.end();
}

bool isPlainInteger(const Expression& e) { return e.kind == Kind::Number && e.decimals < 0 && e.value.isInteger(); }

// f' and 5': a derivative and minutes or feet. On anything else the sign has no meaning.
void addPrime(Expression& e)
{
    if (e.kind == Kind::Symbol)
        e.text += "'";
    else if (e.kind != Kind::Number)
        throw Unreadable("a prime on something that is no symbol");
}

// The power of ten of "million" and of "million dollars", which follow a number.
std::optional<int> scaleOf(const Token& token)
{
    if (token.type != TokenType::Word && token.type != TokenType::Text)
        return std::nullopt;
    const std::string words = toLower(trim(token.text));
    return scaleWord(std::string_view(words).substr(0, words.find(' ')));
}

// What a minus sign takes something away from as from a set, and not as from a number.
bool isSetOfNumbers(const Expression& e) { return e.kind == Kind::NamedSet || e.kind == Kind::Set || e.kind == Kind::Difference; }

// A number, or the unit that was dropped after one: another number behind it belongs to no product ("3 hours 20").
bool endsQuantity(const Token& token)
{
    return token.type == TokenType::Number || token.type == TokenType::Word || token.type == TokenType::Text
        || token.type == TokenType::Degree;
}

} // namespace

Expression Parser::parseSum()
{
    const DepthGuard guard(*this);
    Expression sum = parseUnary();
    bool isSum = false; // a bracketed sum is one term
    while (true) {
        if (isSign('+') || isSign('-')) {
            const bool isMinus = take().text == "-";
            Expression term = parseProduct();
            if (isMinus && !isSum && isSetOfNumbers(sum) && isSetOfNumbers(term)) { // \mathbb{R} - \{0\}
                sum = binary(Kind::Difference, std::move(sum), std::move(term));
                continue;
            }
            if (isMinus)
                term = unary(Kind::Negate, std::move(term));
            if (!isSum)
                sum = Expression(Kind::Sum, std::vector<Expression> { std::move(sum) });
            isSum = true;
            sum.parts.push_back(std::move(term));
        } else if (isCommand("pm") || isCommand("mp")) {
            const std::string order = take().text == "pm" ? "+-" : "-+";
            sum = binary(Kind::PlusMinus, std::move(sum), parseProduct());
            sum.text = order;
            isSum = false;
        } else {
            return sum;
        }
    }
}

Expression Parser::parseUnary()
{
    const DepthGuard guard(*this);
    if (takeSign('-'))
        return unary(Kind::Negate, parseProduct());
    if (takeSign('+'))
        return parseProduct();
    if (isCommand("pm") || isCommand("mp")) {
        const std::string order = take().text == "pm" ? "+-" : "-+";
        Expression out = unary(Kind::PlusMinus, parseProduct());
        out.text = order;
        return out;
    }
    return parseProduct();
}

// 7 3/4 and 7\frac{3}{4}: a whole number, then a fraction of whole numbers with nothing but a blank between. Improper ones too:
// nobody writes 1\frac{8}{7} for a product.
bool Parser::isMixedNumber(const Expression& whole, std::size_t fractionStart, const Expression& fraction) const
{
    if (!isPlainInteger(whole) || fraction.kind != Kind::Quotient || fractionStart == 0)
        return false;
    if (m_tokens[fractionStart - 1].type != TokenType::Number)
        return false;
    return isPlainInteger(fraction.parts[0]) && isPlainInteger(fraction.parts[1]) && fraction.parts[0].value.sign() > 0;
}

Expression Parser::parseProduct()
{
    const DepthGuard guard(*this);
    // A sign may follow an operator: 3 * -2.
    Expression product = isSign('-') || isSign('+') ? parseUnary() : parseFactor();
    bool isProduct = false;
    const auto multiply = [&](Expression factor) {
        if (!isProduct)
            product = Expression(Kind::Product, std::vector<Expression> { std::move(product) });
        isProduct = true;
        product.parts.push_back(std::move(factor));
    };
    while (true) {
        if (isSign('*') || isCommand("times") || isCommand("cdot") || isCommand("ast") || isTimesLetter()) {
            take();
            if (m_tokens[m_at - 2].type == TokenType::Text && peek().type == TokenType::Text && skipUnits())
                continue; // "3 \text{ kg} \cdot \text{m/s}"
            multiply(isSign('-') || isSign('+') ? parseUnary() : parseFactor());
        } else if (isSign('/') || isCommand("div")) {
            take();
            Expression below = isSign('-') || isSign('+') ? parseUnary() : parseFactor();
            product = binary(Kind::Quotient, std::move(product), std::move(below));
            isProduct = false;
        } else if (isWordAhead("of")) {
            take(); // "77 % of 250"
            multiply(parseFactor());
        } else if (isWordAhead("times") && peek(1).type == TokenType::Number) {
            take();
            multiply(parseFactor());
        } else if (const auto scale = scaleOf(peek())) {
            take();
            multiply(number(Rational::powerOfTen(static_cast<ulong>(*scale))));
        } else if (skipUnits()) {
            continue;
        } else if (startsFactor()) {
            const std::size_t start = m_at;
            const bool isPlainFraction = peek().type == TokenType::Number && isSign('/', 1)
                && peek(2).type == TokenType::Number && isPlainInteger(product);
            Expression factor = parseFactor();
            if (isPlainFraction) {
                take();
                factor = binary(Kind::Quotient, std::move(factor), parseFactor());
            } else if (m_tokens[start].type == TokenType::Number && endsQuantity(m_tokens[start - 1])) {
                throw Unreadable("two numbers side by side");
            }
            // 33 1/3 %: the sign belongs to the mixed number.
            const bool isMarked = factor.kind == Kind::Percent || factor.kind == Kind::Degree;
            if (isMixedNumber(product, start, isMarked ? factor.parts[0] : factor)) {
                Expression mixed = binary(Kind::Sum, std::move(product), isMarked ? std::move(factor.parts[0]) : std::move(factor));
                product = isMarked ? unary(factor.kind, std::move(mixed)) : std::move(mixed);
                isProduct = false;
            } else {
                multiply(std::move(factor));
            }
        } else {
            return product;
        }
    }
}

// The letter in 3 x 10^8.
bool Parser::isTimesLetter() const
{
    return peek().type == TokenType::Letter && peek().text == "x" && m_at > 0 && m_tokens[m_at - 1].type == TokenType::Number
        && peek(1).type == TokenType::Number && peek(1).text == "10" && isSign('^', 2);
}

bool Parser::startsFactor() const
{
    const Token& token = peek();
    switch (token.type) {
    case TokenType::Number:
    case TokenType::Letter:
    case TokenType::SetOpen:
        return token.type != TokenType::SetOpen;
    case TokenType::Word:
        return !isWordAhead("and") && !isWordAhead("or") && !isWordAhead("to") && !isWordAhead("mod");
    case TokenType::Command: {
        static constexpr auto kOperators = std::to_array<std::string_view>({ "times", "cdot", "div", "pm", "mp", "cup", "cap",
            "setminus", "in", "notin", "le", "leq", "leqslant", "leqq", "ge", "geq", "geqslant", "geqq", "ne", "neq", "lt", "gt",
            "approx", "equiv", "sim", "cong", "to", "rightarrow", "Rightarrow", "implies", "iff", "Leftrightarrow", "mid", "end",
            "rfloor", "rceil", "rangle", "over", "choose", "not", "ldots", "dots", "cdots", "land", "lor", "wedge", "vee",
            "subset", "subseteq", "backslash", "hline", "colon", "pmod", "bmod", "mod" });
        return !contains(kOperators, token.text);
    }
    case TokenType::Sign:
        if (isModulusAhead())
            return false;
        return token.text == "(" || token.text == "[" || token.text == "{" || (token.text == "|" && m_openBars == 0);
    default:
        return false;
    }
}

Expression Parser::parseFactor()
{
    const DepthGuard guard(*this);
    Expression factor = parsePrimary();
    while (true) {
        if (isSign('!') && isSign('!', 1)) { // 7!! = 7 * 5 * 3 * 1, which is not (7!)!
            m_at += 2;
            if (isSign('!'))
                throw Unreadable("three factorial signs");
            std::vector<Expression> arguments;
            arguments.push_back(std::move(factor));
            factor = function("doublefactorial", std::move(arguments));
        } else if (takeSign('!')) {
            factor = unary(Kind::Factorial, std::move(factor));
        } else if (takeSign('%')) {
            factor = unary(Kind::Percent, std::move(factor));
        } else if (peek().type == TokenType::Degree) {
            take();
            factor = unary(Kind::Degree, parseAngle(std::move(factor)));
            if (peek().type == TokenType::Letter && (peek().text == "C" || peek().text == "F"))
                take(); // temperatures
        } else if (takeSign('\'')) {
            addPrime(factor);
        } else if (isSign('_')) {
            factor = parseSubscript(std::move(factor));
        } else if (isSign('^')) {
            factor = parsePower(std::move(factor));
        } else if (isWordAhead("percent")) {
            take();
            factor = unary(Kind::Percent, std::move(factor));
        } else {
            return factor;
        }
    }
}

// The signs of minutes (1) or seconds (2) that stand at `at`: ', '', ^\prime, ^{\prime\prime}. `end` is moved behind them.
std::size_t Parser::primesAhead(std::size_t at, std::size_t& end) const
{
    const auto isAt = [this](std::size_t i, TokenType type, std::string_view text) {
        return i < m_tokens.size() && m_tokens[i].type == type && m_tokens[i].text == text;
    };
    std::size_t count = 0;
    if (isAt(at, TokenType::Sign, "^")) {
        const bool isGroup = isAt(at + 1, TokenType::Sign, "{");
        std::size_t i = at + (isGroup ? 2 : 1);
        for (; isAt(i, TokenType::Command, "prime"); ++i)
            ++count;
        end = isGroup && isAt(i, TokenType::Sign, "}") ? i + 1 : i;
        return count;
    }
    for (end = at; isAt(end, TokenType::Sign, "'"); ++end)
        ++count;
    return count;
}

// 30 degrees 15' 36'': what follows the degree sign is added to the degrees.
Expression Parser::parseAngle(Expression degrees)
{
    long unit = 60;
    for (const std::size_t marks : { 1u, 2u }) {
        std::size_t end = 0;
        if (peek().type == TokenType::Number && primesAhead(m_at + 1, end) == marks) {
            Expression part = binary(Kind::Quotient, parseNumber(), number(unit));
            degrees = binary(Kind::Sum, std::move(degrees), std::move(part));
            m_at = end;
        }
        unit *= 60;
    }
    return degrees;
}

Expression Parser::parsePower(Expression base)
{
    take();
    const std::size_t inner = isSign('{') ? 1 : 0;
    if (peek(inner).type == TokenType::Text && toLower(trim(peek(inner).text)) == "th" && base.kind == Kind::Number) {
        m_at += inner == 0 ? 1 : 2; // 5^{\text{th}}
        if (inner == 1)
            expectSign('}');
        return base;
    }
    if (isSign('{') && isCommand("prime", 1) && isSign('}', 2)) {
        m_at += 3;
        addPrime(base);
        return base;
    }
    if (isCommand("prime")) {
        take();
        addPrime(base);
        return base;
    }
    Expression exponent;
    if (takeSign('-'))
        exponent = unary(Kind::Negate, parseArgument());
    else
        exponent = parseArgument();
    if (isSign('^')) // 2^3^2 in plain text
        exponent = parsePower(std::move(exponent));
    return binary(Kind::Power, std::move(base), std::move(exponent));
}

// The text of {...} or of one token after "_".
std::string Parser::subscriptText()
{
    if (!takeSign('{'))
        return take().text;
    std::string out;
    for (int depth = 1; depth > 0;) {
        if (peek().type == TokenType::End)
            throw Unreadable("an open brace that is never closed");
        depth += isSign('{') ? 1 : isSign('}') ? -1 : 0;
        const Token token = take();
        if (depth > 0)
            out += token.text;
    }
    return out;
}

Expression Parser::parseSubscript(Expression base)
{
    take();
    std::string index(trim(subscriptText()));
    if (index.empty())
        throw Unreadable("an empty subscript");
    if (base.kind == Kind::Number) { // 1204_9, 55_{8}, 11_{\text{two}}, 200203_{-4}
        const auto named = numberWord(toLower(index));
        const bool isDigits = index.size() <= 3 && index.find_first_not_of("-0123456789") == std::string::npos;
        const long value = named ? *named : isDigits ? std::strtol(index.c_str(), nullptr, 10) : 0;
        if (value < -36 || value > 36 || (value > -2 && value < 2 && value != 1) || base.decimals >= 0)
            throw Unreadable("a number with a subscript that is no base");
        base.kind = Kind::Based;
        base.base = static_cast<std::int32_t>(value);
        if (base.text.empty())
            base.text = base.value.text();
        return base;
    }
    if (base.kind != Kind::Symbol && base.kind != Kind::Constant)
        throw Unreadable("a subscript on something that is no symbol");
    base.kind = Kind::Symbol; // e_1 and i_1 are no constants
    base.text += "_" + index;
    return base;
}

Expression Parser::parsePrimary()
{
    const DepthGuard guard(*this);
    switch (peek().type) {
    case TokenType::Number:
        return parseNumber();
    case TokenType::Letter:
        return parseLetter();
    case TokenType::Word:
        return parseWord();
    case TokenType::Text:
        return parseText();
    case TokenType::Command:
        return parseCommand();
    case TokenType::SetOpen:
        return parseSetBraces(true);
    case TokenType::Sign:
        break;
    case TokenType::SetClose:
    case TokenType::RowBreak:
    case TokenType::Degree:
    case TokenType::End:
        throw Unreadable(peek().type == TokenType::End ? "the end where a number or symbol is expected"
                                                       : "a sign where a number or symbol is expected");
    }
    if (isSign('{'))
        return braceIsSet() ? parseSetBraces(false) : parseGroup();
    if (isSign('(') || isSign('['))
        return parseBracket();
    if (isSign('|'))
        return parseAbsolute();
    throw Unreadable("'" + peek().text + "' where a number or symbol is expected");
}

Expression Parser::parseNumber()
{
    if (auto digits = takeDigitsWithLetters())
        return std::move(*digits);
    const Token token = take();
    const std::size_t point = token.text.find('.');
    std::string digits = token.text;
    std::size_t decimals = 0;
    if (point != std::string::npos) {
        decimals = digits.size() - point - 1;
        digits.erase(point, 1);
    }
    Expression out = number(Rational::fromDigits(digits.empty() ? "0" : digits));
    if (!token.repeating.empty()) { // 0.a(b) = (ab - a) / (10^|a| (10^|b| - 1))
        const Rational whole = Rational::fromDigits(digits + token.repeating);
        const Rational scale = Rational::powerOfTen(decimals) * (Rational::powerOfTen(token.repeating.size()) - Rational(1));
        out.value = (whole - out.value) / scale;
        return out;
    }
    if (decimals > 0) {
        out.value = out.value / Rational::powerOfTen(decimals);
        out.decimals = static_cast<std::int32_t>(decimals);
        out.text = token.text.front() == '.' ? "0" + token.text : token.text;
    } else if (digits.size() > 1 && digits.front() == '0') {
        out.text = digits; // 007_8, 09:38
    }
    if (token.exponent != 0) {
        const Rational power = Rational::powerOfTen(static_cast<ulong>(std::min(std::labs(token.exponent), 5000L)));
        if (std::labs(token.exponent) > 5000)
            throw Unreadable("a power of ten beyond 5000");
        out.value = token.exponent > 0 ? out.value * power : out.value / power;
        out.decimals = -1;
        out.text.clear();
    }
    if (point == std::string::npos && token.exponent == 0) {
        takeOrdinalSuffix(digits);
        if (auto part = takeFractionInWords())
            return binary(Kind::Sum, std::move(out), std::move(*part));
    }
    return out;
}

Expression Parser::parseLetter()
{
    if (peek().text == "a" && peek(1).type == TokenType::Word) // "a third"
        if (auto phrase = takeNumberPhrase())
            return std::move(*phrase);
    const std::string name = take().text;
    if (name == "e" || name == "i")
        return Expression(Kind::Constant, name);
    return Expression(Kind::Symbol, name);
}

} // namespace midpoint::reward::math
