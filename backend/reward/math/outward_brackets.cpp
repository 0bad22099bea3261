#include "backend/reward/math/outward_brackets.h"

namespace midpoint::reward::math {

namespace {

char signOf(const Token& token) { return token.type == TokenType::Sign ? token.text.front() : '\0'; }

bool isSquare(char c) { return c == '[' || c == ']'; }

// After an interval there is its end, another set, or a separator; never an operand.
bool mayFollowInterval(const Token& token)
{
    switch (token.type) {
    case TokenType::End:
    case TokenType::Text:
    case TokenType::Word:
    case TokenType::SetClose:
    case TokenType::RowBreak:
        return true;
    case TokenType::Command:
        return token.text == "cup" || token.text == "cap" || token.text == "setminus" || token.text == "backslash"
            || token.text == "lor" || token.text == "vee";
    case TokenType::Sign:
        return token.text == "," || token.text == ";" || token.text == ")" || token.text == "}";
    default:
        return false;
    }
}

// The square bracket that ends "a, b" after the one at `open`, or 0: two ends with one separator, nothing unbalanced.
std::size_t intervalEnd(const std::vector<Token>& tokens, std::size_t open)
{
    int depth = 0;
    int separators = 0;
    for (std::size_t i = open + 1; i < tokens.size(); ++i) {
        const char c = signOf(tokens[i]);
        if (c == '(' || c == '{')
            ++depth;
        else if (c == ')' || c == '}')
            --depth;
        if (depth < 0)
            return 0;
        if (depth > 0)
            continue;
        if (c == ',' || c == ';')
            ++separators;
        if (isSquare(c)) {
            const bool hasTwoEnds = separators == 1 && signOf(tokens[open + 1]) != ',' && signOf(tokens[i - 1]) != ',';
            return hasTwoEnds ? i : 0;
        }
    }
    return 0;
}

} // namespace

void straightenBrackets(std::vector<Token>& tokens)
{
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        if (!isSquare(signOf(tokens[i])))
            continue;
        const std::size_t end = intervalEnd(tokens, i);
        if (end == 0)
            continue;
        const bool isOutward = signOf(tokens[i]) == ']' || signOf(tokens[end]) == '[';
        if (!isOutward || mayFollowInterval(tokens[end + 1])) {
            if (signOf(tokens[i]) == ']')
                tokens[i].text = "(";
            if (signOf(tokens[end]) == '[')
                tokens[end].text = ")";
            i = end;
        }
    }
}

} // namespace midpoint::reward::math
