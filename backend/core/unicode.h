// Unicode for text that comes from outside: validity, normal forms and the few character classes that tokenizers and
// prompt sets need. Strings are UTF-8 everywhere; only single characters are code points.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace midpoint {

// The text with every maximal ill-formed part replaced by U+FFFD (Unicode 15, section 3.9, "U+FFFD substitution of
// maximal subparts"; what Rust's from_utf8_lossy and Python's errors="replace" do).
std::string toValidUtf8(std::string_view bytes);
bool isValidUtf8(std::string_view bytes);

// The character at `position` of valid UTF-8, and how many bytes the one that starts with `lead` has.
char32_t characterAt(std::string_view validText, std::size_t position);
std::size_t characterLength(char lead);
void appendCharacter(std::string& text, char32_t character);

enum class NormalForm { NFC, NFD, NFKC, NFKD };
std::string normalize(std::string_view validText, NormalForm form);
std::string toLowerUnicode(std::string_view validText); // character by character, without context

bool isWhitespace(char32_t character);    // White_Space
bool isNumeric(char32_t character);       // Nd, Nl, No
bool isPunctuation(char32_t character);   // P*, and every ASCII character that is neither letter, digit, space nor control
bool isWordCharacter(char32_t character); // \w of UTS #18: letters, marks, decimal digits, connectors, joiners

// The first `bytes` bytes of a text or a little less, so that no character is cut; with "..." if something is missing.
std::string excerpt(std::string_view text, std::size_t bytes);

} // namespace midpoint
