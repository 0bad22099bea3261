#include "backend/tokenizer/byte_level.h"

#include "backend/core/unicode.h"

#include <array>

namespace midpoint::tokenizer {
namespace {

constexpr char32_t kFirstShifted = 0x100;
constexpr std::size_t kAlphabetEnd = 0x144; // 256 + the 68 bytes that do not stand for themselves

constexpr bool standsForItself(unsigned byte)
{
    return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct Alphabet {
    std::array<std::string, 256> characters;
    std::array<int, kAlphabetEnd> bytes;

    Alphabet()
    {
        bytes.fill(-1);
        char32_t shifted = kFirstShifted;
        for (unsigned byte = 0; byte < 256; ++byte) {
            const char32_t character = standsForItself(byte) ? byte : shifted++;
            appendCharacter(characters[byte], character);
            bytes[character] = static_cast<int>(byte);
        }
    }
};

const Alphabet& alphabet()
{
    static const Alphabet instance;
    return instance;
}

} // namespace

std::string_view byteLevelCharacter(unsigned char byte) { return alphabet().characters[byte]; }

std::string toByteLevel(std::string_view bytes)
{
    const Alphabet& letters = alphabet();
    std::string out;
    out.reserve(bytes.size() * 2);
    for (const char byte : bytes)
        out += letters.characters[static_cast<unsigned char>(byte)];
    return out;
}

std::optional<std::string> fromByteLevel(std::string_view validText)
{
    const Alphabet& letters = alphabet();
    std::string out;
    out.reserve(validText.size());
    for (std::size_t i = 0; i < validText.size(); i += characterLength(validText[i])) {
        const char32_t character = characterAt(validText, i);
        if (character >= kAlphabetEnd || letters.bytes[character] < 0)
            return std::nullopt;
        out += static_cast<char>(letters.bytes[character]);
    }
    return out;
}

} // namespace midpoint::tokenizer
