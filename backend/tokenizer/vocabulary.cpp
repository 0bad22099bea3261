#include "backend/tokenizer/vocabulary.h"

#include "backend/core/text.h"

#include <utility>

namespace midpoint::tokenizer {
namespace {

constexpr std::int64_t kMaximumId = 1 << 24; // far above any vocabulary; a larger id is a damaged file

} // namespace

Vocabulary::Vocabulary(const JsonPart& part)
{
    if (!part.value().is_object())
        part.failExpected("an object of token texts and ids");
    m_ids.reserve(part.value().size());
    for (const auto& [text, id] : part.value().items()) {
        if (!id.is_number_integer() || id.get<std::int64_t>() < 0 || id.get<std::int64_t>() > kMaximumId)
            part.fail(concat("token '", text, "': expected an id from 0 to ", kMaximumId, ", found ", id.dump()));
        const auto index = id.get<std::size_t>();
        if (index < m_texts.size() && m_texts[index] != nullptr)
            part.fail(concat("the id ", index, " belongs to two tokens, '", *m_texts[index], "' and '", text, "'"));
        add(text, static_cast<TokenId>(index));
    }
}

void Vocabulary::add(std::string text, TokenId id)
{
    const auto [entry, isNew] = m_ids.emplace(std::move(text), id);
    const auto index = static_cast<std::size_t>(id);
    if (index >= m_texts.size())
        m_texts.resize(index + 1, nullptr);
    if (isNew)
        m_texts[index] = &entry->first;
}

std::optional<TokenId> Vocabulary::find(std::string_view text) const
{
    const auto found = m_ids.find(text);
    return found == m_ids.end() ? std::nullopt : std::optional(found->second);
}

const std::string* Vocabulary::text(TokenId id) const
{
    return id >= 0 && id < size() ? m_texts[static_cast<std::size_t>(id)] : nullptr;
}

} // namespace midpoint::tokenizer
