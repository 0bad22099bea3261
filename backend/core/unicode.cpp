#include "backend/core/unicode.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace midpoint {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

unsigned byteAt(std::string_view text, std::size_t position) { return static_cast<unsigned char>(text[position]); }

// Length of the well-formed character at `position` (Unicode 15, table 3-7), or 0 with the length of the maximal
// ill-formed part in `illFormed`.
std::size_t wellFormedLength(std::string_view text, std::size_t position, std::size_t& illFormed)
{
    const unsigned lead = byteAt(text, position);
    illFormed = 1;
    if (lead < 0x80)
        return 1;
    const std::size_t length = lead >= 0xC2 && lead <= 0xDF ? 2 : (lead & 0xF0) == 0xE0 ? 3 : lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
    unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    for (std::size_t i = 1; i < length; ++i) {
        if (position + i >= text.size() || byteAt(text, position + i) < low || byteAt(text, position + i) > high)
            return 0;
        illFormed = i + 1;
        low = 0x80;
        high = 0xBF;
    }
    return length;
}

utf8proc_category_t categoryOf(char32_t character)
{
    return utf8proc_category(static_cast<utf8proc_int32_t>(character));
}

// No character below U+0300 combines with another or is changed by NFC.
bool isPlainlyComposed(std::string_view text)
{
    return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0xCC; });
}

bool isAscii(std::string_view text)
{
    return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

} // namespace

bool isValidUtf8(std::string_view bytes)
{
    std::size_t illFormed = 0;
    for (std::size_t i = 0; i < bytes.size();) {
        const std::size_t length = wellFormedLength(bytes, i, illFormed);
        if (length == 0)
            return false;
        i += length;
    }
    return true;
}

std::string toValidUtf8(std::string_view bytes)
{
    std::string out;
    out.reserve(bytes.size());
    std::size_t illFormed = 0;
    for (std::size_t i = 0; i < bytes.size();) {
        const std::size_t length = wellFormedLength(bytes, i, illFormed);
        out += length > 0 ? bytes.substr(i, length) : kReplacement;
        i += length > 0 ? length : illFormed;
    }
    return out;
}

std::size_t characterLength(char lead)
{
    const auto byte = static_cast<unsigned char>(lead);
    return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

char32_t characterAt(std::string_view validText, std::size_t position)
{
    const std::size_t length = characterLength(validText[position]);
    MIDPOINT_ASSERT(position + length <= validText.size(), "the text must be valid UTF-8");
    const unsigned lead = byteAt(validText, position);
    char32_t character = length == 1 ? lead : lead & (0x7Fu >> length);
    for (std::size_t i = 1; i < length; ++i)
        character = (character << 6) | (byteAt(validText, position + i) & 0x3Fu);
    return character;
}

void appendCharacter(std::string& text, char32_t character)
{
    utf8proc_uint8_t bytes[4];
    const auto length = utf8proc_encode_char(static_cast<utf8proc_int32_t>(character), bytes);
    text.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(length));
}

std::string normalize(std::string_view validText, NormalForm form)
{
    const bool composes = form == NormalForm::NFC || form == NormalForm::NFKC;
    const bool isCompatible = form == NormalForm::NFKC || form == NormalForm::NFKD;
    if (form == NormalForm::NFC ? isPlainlyComposed(validText) : isAscii(validText))
        return std::string(validText);

    int options = UTF8PROC_STABLE | (composes ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE);
    if (isCompatible)
        options |= UTF8PROC_COMPAT;
    utf8proc_uint8_t* mapped = nullptr;
    const utf8proc_ssize_t length = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(validText.data()),
        static_cast<utf8proc_ssize_t>(validText.size()), &mapped, static_cast<utf8proc_option_t>(options));
    const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(mapped, &std::free);
    if (length < 0)
        throw Error(ErrorKind::Data, concat("cannot bring a text of ", validText.size(), " bytes into a Unicode normal form: ",
            utf8proc_errmsg(length)));
    return std::string(reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(length));
}

std::string toLowerUnicode(std::string_view validText)
{
    constexpr char32_t kCapitalIWithDot = 0x130; // the one character whose lower case is two: i and a combining dot
    constexpr std::string_view kSmallIWithDot = "i\xCC\x87";
    std::string out;
    out.reserve(validText.size());
    for (std::size_t i = 0; i < validText.size(); i += characterLength(validText[i])) {
        const char32_t character = characterAt(validText, i);
        if (character == kCapitalIWithDot)
            out += kSmallIWithDot;
        else
            appendCharacter(out, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(character))));
    }
    return out;
}

bool isWhitespace(char32_t c)
{
    return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A)
        || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool isNumeric(char32_t character)
{
    const utf8proc_category_t category = categoryOf(character);
    return category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO;
}

bool isPunctuation(char32_t c)
{
    if (c < 0x80)
        return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
    const utf8proc_category_t category = categoryOf(c);
    return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

bool isWordCharacter(char32_t c)
{
    constexpr char32_t kZeroWidthNonJoiner = 0x200C;
    constexpr char32_t kZeroWidthJoiner = 0x200D;
    const utf8proc_category_t category = categoryOf(c);
    return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NL) || category == UTF8PROC_CATEGORY_PC
        || c == kZeroWidthNonJoiner || c == kZeroWidthJoiner || (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149)
        || (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189); // enclosed letters
}

std::string excerpt(std::string_view text, std::size_t bytes)
{
    if (text.size() <= bytes)
        return toValidUtf8(text);
    while (bytes > 0 && (byteAt(text, bytes) & 0xC0) == 0x80)
        --bytes;
    return toValidUtf8(text.substr(0, bytes)) + "...";
}

} // namespace midpoint
