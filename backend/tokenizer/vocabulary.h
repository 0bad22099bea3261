// Token texts and their ids, as a tokenizer.json writes them.
#pragma once

#include "backend/tokenizer/json_part.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace midpoint::tokenizer {

using TokenId = std::int32_t;

class Vocabulary {
public:
    explicit Vocabulary(const JsonPart& part); // the object text -> id; throws Error{Model}

    void add(std::string text, TokenId id); // an added token; the text is new or keeps its id
    std::optional<TokenId> find(std::string_view text) const;
    const std::string* text(TokenId id) const; // null if there is no such token
    std::int64_t size() const { return static_cast<std::int64_t>(m_texts.size()); } // highest id + 1

private:
    struct TextHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view> {}(text); }
    };
    std::unordered_map<std::string, TokenId, TextHash, std::equal_to<>> m_ids;
    std::vector<const std::string*> m_texts; // keys of m_ids by id; null where an id is not used
};

} // namespace midpoint::tokenizer
