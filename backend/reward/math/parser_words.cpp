#include "backend/reward/math/parser.h"

#include "backend/core/text.h"
#include "backend/reward/math/number_words.h"
#include "backend/reward/math/words.h"

#include <algorithm>

namespace midpoint::reward::math {

namespace {

bool isTextual(const Token& token) { return token.type == TokenType::Word || token.type == TokenType::Text; }

// Digits beyond 9 in a base, as they are written: 1F, 3AB
bool areUpperDigits(std::string_view text)
{
    return std::all_of(text.begin(), text.end(), [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); });
}

} // namespace

bool Parser::isWordAhead(std::string_view lowerCase, std::size_t ahead) const
{
    return isTextual(peek(ahead)) && toLower(trim(peek(ahead).text)) == lowerCase;
}

// Words from here on that make a number. Of a \\text{} all words must belong to it, or be units behind it.
std::optional<Expression> Parser::takeNumberPhrase()
{
    constexpr std::size_t kMostWords = 24;
    std::vector<std::string> words;
    std::vector<std::size_t> ends; // by word, the token behind it
    const bool isText = peek().type == TokenType::Text;
    if (isText) {
        words = wordsOf(peek().text);
        ends.assign(words.size(), m_at + 1);
    }
    for (std::size_t i = m_at; !isText && i < m_tokens.size() && words.size() < kMostWords; ++i) {
        const Token& token = m_tokens[i];
        const bool isHyphen = token.type == TokenType::Sign && token.text == "-" && i > m_at && !token.hasSpaceBefore
            && m_tokens[i + 1].type == TokenType::Word && !m_tokens[i + 1].hasSpaceBefore;
        const bool isArticle = token.type == TokenType::Letter && token.text == "a";
        if (isHyphen)
            continue;
        if (token.type != TokenType::Word && !isArticle)
            break;
        words.push_back(toLower(token.text));
        ends.push_back(i + 1);
    }
    const auto phrase = readNumberPhrase(words);
    if (!phrase)
        return std::nullopt;
    const bool isAllRead = std::all_of(words.begin() + static_cast<std::ptrdiff_t>(phrase->words), words.end(),
        [](const std::string& word) { return isUnit(word); });
    if (isText && !isAllRead)
        return std::nullopt;
    m_at = ends[phrase->words - 1];
    return phrase->value.sign() < 0 ? unary(Kind::Negate, number(Rational() - phrase->value)) : number(phrase->value);
}

// The "and a half" of 2 and a half.
std::optional<Expression> Parser::takeFractionInWords()
{
    const std::size_t start = m_at;
    if (peek().type != TokenType::Word || !isWordAhead("and"))
        return std::nullopt;
    ++m_at;
    auto part = takeNumberPhrase();
    const bool isFraction = part && part->kind == Kind::Number && part->value.sign() > 0 && part->value < Rational(1);
    if (isFraction)
        return part;
    m_at = start;
    return std::nullopt;
}

// The "rd" of 3rd.
void Parser::takeOrdinalSuffix(const std::string& digits)
{
    if (peek().type != TokenType::Word || peek().hasSpaceBefore)
        return;
    const bool isTeen = digits.size() > 1 && digits[digits.size() - 2] == '1';
    const char last = isTeen ? '0' : digits.back();
    if (peek().text == (last == '1' ? "st" : last == '2' ? "nd" : last == '3' ? "rd" : "th"))
        ++m_at;
}

// 1A_{16}, FF_{16}: digits and capitals with nothing between them, and a base above ten that has all of these digits.
std::optional<Expression> Parser::takeDigitsWithLetters()
{
    std::string digits;
    std::size_t i = m_at;
    bool hasLetters = false;
    for (; i < m_tokens.size(); ++i) {
        const Token& token = m_tokens[i];
        const bool isLetters = token.type == TokenType::Word || token.type == TokenType::Letter || token.type == TokenType::Text;
        if ((!isLetters && token.type != TokenType::Number) || (i > m_at && token.hasSpaceBefore) || !areUpperDigits(token.text))
            break;
        hasLetters = hasLetters || isLetters;
        digits += token.text;
    }
    if (!hasLetters || digits.size() < 2 || m_tokens[i].type != TokenType::Sign || m_tokens[i].text != "_")
        return std::nullopt;
    const std::size_t inner = i + (m_tokens[i + 1].text == "{" ? 2 : 1);
    const bool hasBase = inner < m_tokens.size() && m_tokens[inner].type == TokenType::Number && m_tokens[inner].text.size() == 2;
    const long base = hasBase ? std::strtol(m_tokens[inner].text.c_str(), nullptr, 10) : 0;
    const char largest = *std::max_element(digits.begin(), digits.end());
    if (base < 11 || base > 36 || largest - 'A' + 10 >= base)
        return std::nullopt;
    const bool hasDigit = std::any_of(digits.begin(), digits.end(), [](char c) { return c <= '9'; });
    if (!hasDigit && base != 16) // AB_{12} is the product of A and B_12
        return std::nullopt;
    m_at = i;
    Expression out = number(0); // parseSubscript makes it a number with a base
    out.text = std::move(digits);
    return out;
}

Expression Parser::parseText()
{
    if (auto phrase = takeNumberPhrase())
        return std::move(*phrase);
    if (auto digits = takeDigitsWithLetters())
        return std::move(*digits);
    const std::string word(trim(take().text));
    if (qualifiesWhatFollows(wordsOf(word)))
        throw Unreadable("a number that is said to be more, less or another: '" + word + "'");
    if (startsFactor() || peek().type == TokenType::Text || isSign('-')) // "\\text{Area: } 5": a label
        return parseUnary();
    return Expression(Kind::Text, canonicalPhrase(toLower(word)));
}

// "10 m/s": letters that are a unit only together, after a number and a blank.
bool Parser::skipSpeed()
{
    const auto isLetter = [this](std::string_view letter, std::size_t ahead) {
        return peek(ahead).type == TokenType::Letter && peek(ahead).text == letter;
    };
    const bool isSpeed = m_at > 0 && m_tokens[m_at - 1].type == TokenType::Number && peek().hasSpaceBefore && isLetter("m", 0)
        && isSign('/', 1) && isLetter("s", 2) && (peek(3).type == TokenType::End || isSign('^', 3));
    if (!isSpeed)
        return false;
    m_at += 3;
    if (takeSign('^'))
        parseArgument();
    return true;
}

// Units are dropped after an operand: "cm", "\text{ square units}", "km/h", "cm^2". Words that are no units too, if long.
bool Parser::skipUnits()
{
    const Token& token = peek();
    for (const std::string_view word : { "and", "or", "to", "mod" })
        if (isWordAhead(word))
            return false;
    if (skipSpeed() || skipUnitFraction())
        return true;
    const bool isText = token.type == TokenType::Text;
    const bool isMinutes = token.type == TokenType::Word && token.text == "min" && m_at > 0 && m_tokens[m_at - 1].type == TokenType::Number
        && !isSign('(', 1) && !isSign('{', 1) && peek(1).type != TokenType::SetOpen; // "45 min"
    const bool isWord = isMinutes || (token.type == TokenType::Word && (isUnit(token.text) || (token.text.size() >= 4 && !isFunctionName(token.text)))
        && !isFunctionName(token.text));
    if (!isText && !isWord)
        return false;
    const std::string word = toLower(trim(token.text));
    if (qualifiesWhatPrecedes(wordsOf(word)))
        throw Unreadable("a number '" + word + "'");
    for (const std::string_view condition : { "if", "for", "where", "when", "with", "such that", "for all", "unless" })
        if (word == condition)
            throw Unreadable("a condition");
    take();
    if (isSign('/') && (peek(1).type == TokenType::Word || peek(1).type == TokenType::Letter || peek(1).type == TokenType::Text)) {
        take();
        take();
    }
    if (isSign('^')) { // cm^2, \text{cm}^{3}
        take();
        takeSign('-');
        parseArgument();
    }
    return true;
}

// \frac{\text{miles}}{\text{hour}}: upright words and letters above and below.
bool Parser::skipUnitFraction()
{
    if (!isCommand("frac") && !isCommand("dfrac") && !isCommand("tfrac"))
        return false;
    std::size_t i = m_at + 1;
    for (int part = 0; part < 2; ++part) {
        if (i >= m_tokens.size() || m_tokens[i].type != TokenType::Sign || m_tokens[i].text != "{")
            return false;
        bool hasUnit = false;
        for (++i; i < m_tokens.size() && m_tokens[i].text != "}"; ++i) {
            const Token& token = m_tokens[i];
            const bool isPower = token.type == TokenType::Number || (token.type == TokenType::Sign && token.text == "^");
            if (!token.isUpright && !(hasUnit && isPower))
                return false;
            hasUnit = hasUnit || token.isUpright;
        }
        if (!hasUnit || i++ >= m_tokens.size())
            return false;
    }
    m_at = i;
    return true;
}

// A word of plain text: a function, a known name, a number word, or letters side by side.
Expression Parser::parseWord()
{
    if (auto phrase = takeNumberPhrase())
        return std::move(*phrase);
    if (auto digits = takeDigitsWithLetters())
        return std::move(*digits);
    const std::string word = take().text;
    const std::string lower = toLower(word);
    if (word == "pi" || word == "Pi" || word == "PI")
        return Expression(Kind::Constant, "pi");
    if (lower == "infinity" || lower == "inf" || word == "oo")
        return Expression(Kind::Infinity);
    if (word == "sqrt" || word == "cbrt" || isFunctionName(word))
        return parseFunction(std::string(word));
    if ((lower == "minus" || lower == "negative") && peek().type == TokenType::Number)
        return unary(Kind::Negate, parseFactor());
    if ((isCurrency(word) && peek().type == TokenType::Number) || (isHedge(lower) && startsFactor()))
        return parseFactor();
    if (isGreekName(word) && word.size() > 2)
        return Expression(Kind::Symbol, word);
    if (lower == "yes" || lower == "no" || lower == "odd" || lower == "all" || lower == "dne") {
        if (peek().type == TokenType::Word || peek().type == TokenType::Text) // "no real solution"
            throw Unreadable("words");
        return Expression(Kind::Text, lower);
    }
    if (word.size() > 3)
        throw Unreadable("the word '" + word + "'");
    Expression product(Kind::Product);
    for (const char letter : word) {
        const std::string name(1, letter);
        product.parts.push_back(Expression(name == "e" || name == "i" ? Kind::Constant : Kind::Symbol, name));
    }
    if (isSign('_') || isSign('^')) { // "xy^2": the exponent belongs to the last letter
        Expression last = std::move(product.parts.back());
        product.parts.pop_back();
        while (isSign('_') || isSign('^'))
            last = isSign('_') ? parseSubscript(std::move(last)) : parsePower(std::move(last));
        product.parts.push_back(std::move(last));
    }
    return product;
}

} // namespace midpoint::reward::math
