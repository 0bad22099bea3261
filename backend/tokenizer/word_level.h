// Every piece is one token of the vocabulary, or the unknown token.
#pragma once

#include "backend/tokenizer/token_model.h"

#include <string>

namespace midpoint::tokenizer {

class WordLevelModel : public TokenModel {
public:
    // The vocabulary outlives the model.
    WordLevelModel(const JsonPart& part, const Vocabulary& vocabulary, std::string file);
    // Throws Error{Data} for a word that is not in the vocabulary when there is no unknown token.
    void encode(std::string_view piece, std::vector<TokenId>& ids) const override;

private:
    const Vocabulary& m_vocabulary;
    std::optional<TokenId> m_unknown;
    std::string m_file;
};

} // namespace midpoint::tokenizer
