// Added tokens ("<|im_start|>", "<tool_call>"): found in the text before the model sees what lies between them.
#pragma once

#include "backend/tokenizer/vocabulary.h"

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace midpoint::tokenizer {

struct AddedToken {
    TokenId id = 0;
    std::string content;
    bool isSpecial = false;    // left out by decode(skipSpecial)
    bool isSingleWord = false; // only between non-word characters
    bool stripsLeft = false;   // takes the white space before it
    bool stripsRight = false;  // takes the white space after it
    bool isNormalized = false; // searched in the normalised text
};

AddedToken readAddedToken(const JsonPart& part);

// A piece of text, or an added token in its place.
struct TextPart {
    std::string_view text;
    const AddedToken* token = nullptr;
};

// Finds a set of tokens in a text: the leftmost match, the longest of those that begin there.
class AddedTokenSearch {
public:
    void add(AddedToken token, std::string searchedText);
    std::vector<TextPart> split(std::string_view validText) const; // no empty texts

private:
    struct Entry {
        AddedToken token;
        std::string searchedText;
    };
    const Entry* longestAt(std::string_view text, std::size_t position) const;

    std::array<std::vector<Entry>, 256> m_byFirstByte; // longest first
};

} // namespace midpoint::tokenizer
