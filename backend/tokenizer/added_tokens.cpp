#include "backend/tokenizer/added_tokens.h"

#include "backend/core/text.h"
#include "backend/core/unicode.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace midpoint::tokenizer {
namespace {

std::size_t startOfCharacterBefore(std::string_view text, std::size_t position)
{
    do
        --position;
    while ((static_cast<unsigned char>(text[position]) & 0xC0) == 0x80);
    return position;
}

bool isWholeWord(std::string_view text, std::size_t begin, std::size_t end)
{
    const bool wordBefore = begin > 0 && isWordCharacter(characterAt(text, startOfCharacterBefore(text, begin)));
    const bool wordAfter = end < text.size() && isWordCharacter(characterAt(text, end));
    return !wordBefore && !wordAfter;
}

std::size_t skipSpaceBack(std::string_view text, std::size_t begin, std::size_t lowest)
{
    while (begin > lowest && isWhitespace(characterAt(text, startOfCharacterBefore(text, begin))))
        begin = startOfCharacterBefore(text, begin);
    return begin;
}

std::size_t skipSpace(std::string_view text, std::size_t end)
{
    while (end < text.size() && isWhitespace(characterAt(text, end)))
        end += characterLength(text[end]);
    return end;
}

} // namespace

AddedToken readAddedToken(const JsonPart& part)
{
    AddedToken token;
    const std::int64_t id = part.at("id").asInteger();
    if (id < 0 || id > std::numeric_limits<TokenId>::max())
        part.at("id").failExpected("a token id");
    token.id = static_cast<TokenId>(id);
    token.content = part.at("content").asText();
    token.isSpecial = part.flagOr("special", false);
    token.isSingleWord = part.flagOr("single_word", false);
    token.stripsLeft = part.flagOr("lstrip", false);
    token.stripsRight = part.flagOr("rstrip", false);
    token.isNormalized = part.flagOr("normalized", !token.isSpecial);
    return token;
}

void AddedTokenSearch::add(AddedToken token, std::string searchedText)
{
    if (searchedText.empty())
        return;
    std::vector<Entry>& entries = m_byFirstByte[static_cast<unsigned char>(searchedText.front())];
    const auto place = std::find_if(entries.begin(), entries.end(),
        [&](const Entry& entry) { return entry.searchedText.size() < searchedText.size(); });
    entries.insert(place, Entry { std::move(token), std::move(searchedText) });
}

const AddedTokenSearch::Entry* AddedTokenSearch::longestAt(std::string_view text, std::size_t position) const
{
    for (const Entry& entry : m_byFirstByte[static_cast<unsigned char>(text[position])])
        if (text.compare(position, entry.searchedText.size(), entry.searchedText) == 0)
            return &entry;
    return nullptr;
}

std::vector<TextPart> AddedTokenSearch::split(std::string_view text) const
{
    std::vector<TextPart> parts;
    std::size_t done = 0;
    for (std::size_t position = 0; position < text.size();) {
        const Entry* entry = longestAt(text, position);
        if (entry == nullptr) {
            ++position;
            continue;
        }
        std::size_t begin = position;
        std::size_t end = position + entry->searchedText.size();
        position = end; // a match that is no whole word still uses up its text
        if (entry->token.isSingleWord && !isWholeWord(text, begin, end))
            continue;
        if (entry->token.stripsLeft)
            begin = skipSpaceBack(text, begin, done);
        if (entry->token.stripsRight)
            end = skipSpace(text, end);
        if (done < begin)
            parts.push_back({ text.substr(done, begin - done), nullptr });
        parts.push_back({ text.substr(begin, end - begin), &entry->token });
        done = end;
    }
    if (done < text.size())
        parts.push_back({ text.substr(done), nullptr });
    return parts;
}

} // namespace midpoint::tokenizer
