#include "backend/reward/math/tokens.h"

#include "backend/core/text.h"
#include "backend/reward/math/latex_commands.h"
#include "backend/reward/math/reader.h"
#include "backend/reward/math/words.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace midpoint::reward::math {

namespace {

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool isBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '~'; }

class Tokeniser {
public:
    Tokeniser(std::string_view text, const TokenOptions& options)
        : m_text(text)
        , m_options(options)
    {
    }

    std::vector<Token> run()
    {
        while (m_at < m_text.size())
            step();
        m_tokens.push_back({});
        m_tokens.back().hasSpaceBefore = m_sawSpace;
        return std::move(m_tokens);
    }

private:
    void step()
    {
        const char c = m_text[m_at];
        if (isBlank(c)) {
            m_sawSpace = true;
            ++m_at;
        } else if (isDigit(c) || (c == '.' && (isDigit(at(m_at + 1)) || isPeriodAt(m_at + 1)))) {
            readNumber();
        } else if (isLetter(c)) {
            readWord();
        } else if (c == '\\') {
            readCommand();
        } else {
            readSign();
        }
    }

    Token& add(TokenType type, std::string text)
    {
        Token token;
        token.type = type;
        token.text = std::move(text);
        token.hasSpaceBefore = std::exchange(m_sawSpace, false);
        m_tokens.push_back(std::move(token));
        return m_tokens.back();
    }

    char at(std::size_t i) const { return i < m_text.size() ? m_text[i] : '\0'; }
    bool hasAt(std::size_t i, std::string_view text) const { return m_text.substr(std::min(i, m_text.size())).starts_with(text); }

    // The length of a separator of thousands at i that is followed by exactly three digits, or 0.
    std::size_t separatorAt(std::size_t i) const
    {
        std::size_t length = 0;
        for (const std::string_view separator : { "{,}", ",\\!", "\\!,", "\\,", "\\ ", ",", " " }) {
            if (!hasAt(i, separator))
                continue;
            if (separator == "," && (!m_options.commasGroupDigits || m_depth != 0))
                continue;
            length = separator.size();
            break;
        }
        if (length == 0)
            return 0;
        const std::size_t next = i + length;
        const bool isGroup = isDigit(at(next)) && isDigit(at(next + 1)) && isDigit(at(next + 2)) && !isDigit(at(next + 3));
        return isGroup ? length : 0;
    }

    // \overline{3}: digits under a bar or a dot. \dots is none.
    bool isPeriodAt(std::size_t i) const
    {
        for (const std::string_view command : { "\\overline", "\\bar", "\\dot" }) {
            if (!hasAt(i, command))
                continue;
            i += command.size();
            while (isBlank(at(i)) || at(i) == '{')
                ++i;
            return isDigit(at(i));
        }
        return false;
    }

    void readNumber()
    {
        Token& token = add(TokenType::Number, {});
        readInteger(token);
        if (at(m_at) == '.' && isDigit(at(m_at + 1))) {
            token.text += '.';
            for (++m_at; isDigit(at(m_at)); ++m_at)
                token.text += m_text[m_at];
            readPeriod(token);
        } else if (at(m_at) == '.') {
            token.text += '.';
            ++m_at;
            readPeriod(token);
            if (token.repeating.empty()) // "12." at the end of a sentence
                token.text.pop_back();
        }
        if (at(m_at) == '.' && isDigit(at(m_at + 1)))
            throw Unreadable("a number with two decimal points");
        readExponent(token);
    }

    void readInteger(Token& token)
    {
        while (isDigit(at(m_at)))
            token.text += m_text[m_at++];
        if (token.text.empty() || token.text.size() > 3 || token.text[0] == '0')
            return;
        while (const std::size_t length = separatorAt(m_at)) {
            token.hasSeparators = token.hasSeparators || m_text[m_at] == ',';
            token.text += m_text.substr(m_at + length, 3);
            m_at += length + 3;
        }
    }

    // 0.\overline{3}, 0.1\bar6, 0.(3), 0.333..., each after the decimals.
    void readPeriod(Token& token)
    {
        for (const std::string_view command : { "\\overline", "\\bar", "\\dot" }) {
            if (!hasAt(m_at, command) || !isPeriodAt(m_at))
                continue;
            std::size_t i = m_at + command.size();
            while (isBlank(at(i)) || at(i) == '{')
                ++i;
            while (isDigit(at(i)))
                token.repeating += m_text[i++];
            m_at = at(i) == '}' ? i + 1 : i;
            if (command == "\\dot")
                readSecondDot(token);
            return;
        }
        if (at(m_at) == '(') {
            std::size_t i = m_at + 1;
            while (isDigit(at(i)))
                ++i;
            if (i > m_at + 1 && at(i) == ')') {
                token.repeating = m_text.substr(m_at + 1, i - m_at - 1);
                m_at = i + 1;
            }
            return;
        }
        for (const std::string_view dots : { "...", "\\ldots", "\\cdots", "\\dots" }) {
            if (hasAt(m_at, dots)) {
                m_at += dots.size();
                findPeriod(token);
                return;
            }
        }
    }

    // 0.\dot{1}4285\dot{7}: the dots stand on the first and the last digit of the period.
    void readSecondDot(Token& token)
    {
        std::size_t i = m_at;
        while (isDigit(at(i)))
            ++i;
        if (!hasAt(i, "\\dot"))
            return;
        std::size_t last = i + 4;
        while (isBlank(at(last)) || at(last) == '{')
            ++last;
        if (!isDigit(at(last)))
            return;
        token.repeating += m_text.substr(m_at, i - m_at);
        token.repeating += at(last);
        m_at = at(last + 1) == '}' ? last + 2 : last + 1;
    }

    // "0.1666...": the shortest period that ends the digits and stands there at least twice (three times if of length 1).
    static void findPeriod(Token& token)
    {
        const std::size_t point = token.text.find('.');
        const std::string decimals = token.text.substr(point + 1);
        for (std::size_t length = 1; length <= decimals.size() / 2; ++length) {
            const std::string period = decimals.substr(decimals.size() - length);
            std::size_t start = decimals.size();
            std::size_t count = 0;
            while (start >= length && decimals.compare(start - length, length, period) == 0) {
                start -= length;
                ++count;
            }
            if (count >= (length == 1 ? 3u : 2u)) {
                token.repeating = period;
                token.text.erase(point + 1 + start);
                return;
            }
        }
    }

    // "2.5e-3", "1E5"; "2e^x" and "2e" are products with the constant e.
    void readExponent(Token& token)
    {
        if (at(m_at) != 'e' && at(m_at) != 'E')
            return;
        std::size_t i = m_at + 1;
        const bool hasSign = at(i) == '-' || at(i) == '+';
        i += hasSign ? 1 : 0;
        const std::size_t start = i;
        while (isDigit(at(i)))
            ++i;
        if (i == start || (hasSign && at(m_at) == 'e' && token.text.find('.') == std::string::npos && at(i) != '\0'))
            return;
        if (i - start > 6)
            throw Unreadable("an exponent of more than six digits");
        std::from_chars(m_text.data() + start, m_text.data() + i, token.exponent);
        if (at(m_at + 1) == '-')
            token.exponent = -token.exponent;
        m_at = i;
    }

    void readWord()
    {
        const std::size_t start = m_at;
        while (isLetter(at(m_at)))
            ++m_at;
        const std::string_view word = m_text.substr(start, m_at - start);
        add(word.size() == 1 ? TokenType::Letter : TokenType::Word, std::string(word));
    }

    void readCommand()
    {
        const char next = at(m_at + 1);
        if (isLetter(next)) {
            std::size_t end = m_at + 1;
            while (isLetter(at(end)))
                ++end;
            const std::string_view name = m_text.substr(m_at + 1, end - m_at - 1);
            m_at = end;
            readNamed(name);
            return;
        }
        m_at += 2;
        switch (next) {
        case '{':
            ++m_depth;
            add(TokenType::SetOpen, "{");
            return;
        case '}':
            --m_depth;
            add(TokenType::SetClose, "}");
            return;
        case '\\':
            add(TokenType::RowBreak, {});
            return;
        case '%':
            add(TokenType::Sign, "%");
            return;
        case '|':
            add(TokenType::Sign, "|");
            return;
        case '$': // currency
        case '(':
        case ')':
        case '[':
        case ']': // ends of a formula
        case '&':
        case '#':
            return;
        default: // \, \; \: \! "\ "
            m_sawSpace = true;
        }
    }

    void readNamed(std::string_view name)
    {
        if (name == "left" || name == "right" || name == "middle") {
            if (at(m_at) == '.')
                ++m_at;
        } else if (contains(kLayout, name)) {
            m_sawSpace = true;
        } else if (contains(kLayoutWithArgument, name)) {
            m_sawSpace = true;
            skipArgument();
        } else if (contains(kTextCommands, name)) {
            readText(name);
        } else if (name == "mathbb") {
            readText(name);
            m_tokens.back().type = TokenType::Command;
            m_tokens.back().text = "mathbb" + std::string(trim(m_tokens.back().text));
        } else if (name == "lbrace" || name == "lbrack") {
            add(name == "lbrace" ? TokenType::SetOpen : TokenType::Sign, name == "lbrace" ? "{" : "[");
        } else if (name == "rbrace" || name == "rbrack") {
            add(name == "rbrace" ? TokenType::SetClose : TokenType::Sign, name == "rbrace" ? "}" : "]");
        } else if (name == "lvert" || name == "rvert" || name == "vert" || name == "Vert" || name == "lVert" || name == "rVert") {
            add(TokenType::Sign, "|");
        } else if (name == "degree") {
            add(TokenType::Degree, {});
        } else if (name == "dollar" || name == "pounds" || name == "euro" || name == "textdollar") {
            return;
        } else {
            add(TokenType::Command, std::string(name));
        }
    }

    // The content of braces at the present place, which moves behind them.
    std::string_view takeBraces()
    {
        int depth = 0;
        const std::size_t start = m_at + 1;
        for (; m_at < m_text.size(); ++m_at) {
            depth += m_text[m_at] == '{' ? 1 : m_text[m_at] == '}' ? -1 : 0;
            if (depth == 0)
                break;
        }
        if (m_at == m_text.size())
            throw Unreadable("an open brace that is never closed");
        return m_text.substr(start, m_at++ - start);
    }

    void skipArgument()
    {
        while (isBlank(at(m_at)))
            ++m_at;
        if (at(m_at) == '{')
            takeBraces();
    }

    // The argument of \text and its kin: braces or one character.
    void readText(std::string_view command)
    {
        while (isBlank(at(m_at)))
            ++m_at;
        if (at(m_at) == '*') // \operatorname*
            ++m_at;
        const std::size_t start = m_at;
        std::string content;
        if (at(m_at) == '{')
            content = takeBraces();
        else if (m_at < m_text.size())
            content = m_text[m_at++];
        if (isPlainNumber(trim(content))) {
            add(TokenType::Number, std::string(trim(content)));
            return;
        }
        if (const std::string_view only = trim(content); only.size() == 1 && std::string_view(",:;").find(only) != std::string_view::npos) {
            add(TokenType::Sign, std::string(only)); // 3\text{:}00
            return;
        }
        if (contains(kMathematicalLook, command) && content.find_first_of("0123456789\\+-=^") != std::string::npos) {
            m_at = start; // "\boldsymbol{x+1}": an ordinary group
            return;
        }
        const bool isName = command == "operatorname" || command == "mathrm" || command == "text" || command == "textrm";
        const bool isFunction = isName && isFunctionName(trim(content)) && !isUnit(trim(content));
        const bool isOneLetter = content.size() == 1 && isLetter(content[0]);
        const bool isUnitLetter = isOneLetter && isName && kUnitLetters.find(content[0]) != std::string_view::npos && mayUnitFollow();
        if (isFunction || (command == "operatorname" && isFunctionName(trim(content))))
            add(TokenType::Command, std::string(trim(content)));
        else
            add(isOneLetter && !isUnitLetter ? TokenType::Letter : TokenType::Text, std::move(content)).isUpright = true;
    }

    // After 5, after \frac{2}{7}\, and 2\pi\, and after the N\cdot of N\cdot m an upright letter is a unit.
    bool mayUnitFollow() const
    {
        if (m_tokens.empty())
            return false;
        const Token& last = m_tokens.back();
        const bool isUnitProduct = last.type == TokenType::Command && last.text == "cdot" && m_tokens.size() > 1
            && m_tokens[m_tokens.size() - 2].type == TokenType::Text;
        const bool isOperandEnd = (last.type == TokenType::Sign && last.text == "}") || (last.type == TokenType::Command && last.text == "pi");
        return last.type == TokenType::Number || isUnitProduct || (isOperandEnd && m_sawSpace);
    }

    static bool isPlainNumber(std::string_view text)
    {
        return !text.empty() && isDigit(text.front()) && isDigit(text.back()) && std::count(text.begin(), text.end(), '.') <= 1
            && text.find_first_not_of("0123456789.") == std::string_view::npos;
    }

    void readSign()
    {
        const char c = m_text[m_at];
        if (c == '^' && readDegree())
            return;
        ++m_at;
        switch (c) {
        case '(':
        case '[':
            ++m_depth;
            break;
        case ')':
        case ']':
            --m_depth;
            break;
        case '$':
            m_sawSpace = true;
            return;
        case '"': // seconds, inches
            add(TokenType::Sign, "'");
            add(TokenType::Sign, "'");
            return;
        case '.': // the end of a sentence
            if (at(m_at) == '.')
                throw Unreadable("an ellipsis");
            m_sawSpace = true;
            return;
        case '*':
            if (at(m_at) == '*') { // Python's power
                ++m_at;
                add(TokenType::Sign, "^");
                return;
            }
            break;
        case '+':
            if (hasAt(m_at, "/-")) {
                m_at += 2;
                add(TokenType::Command, "pm");
                return;
            }
            break;
        case '<':
        case '>':
        case '!':
            if (at(m_at) == '=') {
                ++m_at;
                add(TokenType::Command, c == '<' ? "le" : c == '>' ? "ge" : "ne");
                return;
            }
            break;
        default:
            break;
        }
        if (std::string_view("+-*/^_()[]{},;:=<>!%|&'").find(c) == std::string_view::npos)
            throw Unreadable("an unknown sign");
        add(TokenType::Sign, std::string(1, c));
    }

    // "^\circ", "^{\circ}", "^{\degree}", and after a number also "^o" and "^\text{o}".
    bool readDegree()
    {
        std::size_t i = m_at + 1;
        while (isBlank(at(i)))
            ++i;
        const bool isGroup = at(i) == '{';
        while (isGroup && (isBlank(at(i)) || at(i) == '{'))
            ++i;
        const bool isAfterNumber = !m_tokens.empty() && m_tokens.back().type == TokenType::Number;
        for (const std::string_view mark : { "\\circ", "\\degree", "\\text{o}", "\\mathrm{o}", "o" }) {
            const bool isLetterO = mark.find('o') != std::string_view::npos;
            if (!hasAt(i, mark) || (isLetterO && !isAfterNumber) || (mark == "o" && isLetter(at(i + 1))))
                continue;
            i += mark.size();
            while (isGroup && at(i) == ' ')
                ++i;
            m_at = isGroup && at(i) == '}' ? i + 1 : i;
            add(TokenType::Degree, {});
            return true;
        }
        return false;
    }

    std::string_view m_text;
    TokenOptions m_options;
    std::size_t m_at = 0;
    int m_depth = 0; // of round, square and set brackets
    bool m_sawSpace = false;
    std::vector<Token> m_tokens;
};

} // namespace

std::vector<Token> tokenise(std::string_view answer, const TokenOptions& options)
{
    return Tokeniser(answer, options).run();
}

} // namespace midpoint::reward::math
