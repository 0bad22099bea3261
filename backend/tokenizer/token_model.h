// The "model" part of tokenizer.json: a piece of text to token ids. Implementations are immutable and thread-safe.
#pragma once

#include "backend/tokenizer/vocabulary.h"

#include <string_view>
#include <vector>

namespace midpoint::tokenizer {

class TokenModel {
public:
    virtual ~TokenModel() = default;
    virtual void encode(std::string_view piece, std::vector<TokenId>& ids) const = 0; // appends
};

} // namespace midpoint::tokenizer
