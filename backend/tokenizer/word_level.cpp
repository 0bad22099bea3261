#include "backend/tokenizer/word_level.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/core/unicode.h"

#include <utility>

namespace midpoint::tokenizer {

WordLevelModel::WordLevelModel(const JsonPart& part, const Vocabulary& vocabulary, std::string file)
    : m_vocabulary(vocabulary)
    , m_file(std::move(file))
{
    // Files name an unknown token even when the vocabulary has none; then an unknown word is an error.
    m_unknown = vocabulary.find(part.textOr("unk_token", "<unk>"));
}

void WordLevelModel::encode(std::string_view piece, std::vector<TokenId>& ids) const
{
    constexpr std::size_t kShownBytes = 60;
    std::optional<TokenId> id = m_vocabulary.find(piece);
    if (!id)
        id = m_unknown;
    if (!id)
        throw Error(ErrorKind::Data, concat("the word '", excerpt(piece, kShownBytes), "' is not in the vocabulary of ", m_file,
            ", which has no unknown token; expected words of its ", m_vocabulary.size(), " tokens"));
    ids.push_back(*id);
}

} // namespace midpoint::tokenizer
