// Cuts an answer in LaTeX or plain text into tokens. Layout (\left, \,, \displaystyle), currency signs and dollar signs
// disappear here; letters from Unicode are turned into their LaTeX commands first.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace midpoint::reward::math {

enum class TokenType : unsigned char {
    Number,   // digits = without separators, with decimal point; `repeating` = digits of the period
    Letter,   // one letter
    Word,     // two or more letters of plain text
    Command,  // \name, without the backslash
    Text,     // content of \text{...} and the like
    Sign,     // one character: + - * / ^ _ ( ) [ ] { } , ; : = < > ! % | & '
    SetOpen,  // \{
    SetClose, // \}
    RowBreak, // "\\"
    Degree,   // ^\circ
    End,
};

struct Token {
    TokenType type = TokenType::End;
    std::string text;      // the character, name, word or digits
    std::string repeating; // Number: the period of a repeating decimal
    long exponent = 0;     // Number: power of ten of "2.5e-3"
    bool hasSpaceBefore = false;
    bool hasSeparators = false; // Number: written with commas between thousands
    bool isUpright = false;     // Letter: out of \text{} or \mathrm{}
};

struct TokenOptions {
    bool commasGroupDigits = true; // "1,234" outside of brackets is one number
};

// Throws Unreadable (reader.h) for what cannot be a token. `answer` is bounded by the caller.
std::vector<Token> tokenise(std::string_view answer, const TokenOptions& options);

std::string asciiMathematics(std::string_view text); // Unicode signs as LaTeX commands

} // namespace midpoint::reward::math
