// GPT-2's alphabet: every byte is written as one printable character, so that a vocabulary is text. 188 bytes stand for
// themselves; the others (controls, space, 0x7F..0xA0, 0xAD) become U+0100, U+0101, ... in order.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace midpoint::tokenizer {

std::string_view byteLevelCharacter(unsigned char byte); // UTF-8 of the character of this byte
std::string toByteLevel(std::string_view bytes);
// The bytes that a token's text stands for, or nothing if it contains a character outside the alphabet.
std::optional<std::string> fromByteLevel(std::string_view validText);

} // namespace midpoint::tokenizer
