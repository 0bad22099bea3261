// Text to token ids and back, as a Hugging Face tokenizer.json says: byte-level BPE and word-level models. Equal to the
// `tokenizers` library with add_special_tokens=False: special tokens are recognised in the text, none are added.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace midpoint {

enum class SkipSpecial { No, Yes };

struct SpecialToken {
    std::int32_t id = 0;
    std::string text;
};

// Immutable and thread-safe; copies share everything.
class Tokenizer {
public:
    // A tokenizer.json, or a folder with one. Throws Error{Io} or Error{Model} naming file, part, found and supported.
    static Tokenizer load(const std::filesystem::path& path);

    // Ill-formed UTF-8 is read as U+FFFD. Throws Error{Data} for a word that a word-level vocabulary does not have.
    std::vector<std::int32_t> encode(std::string_view text) const;
    // Always valid UTF-8. Ids without a token (a model's padded vocabulary) give nothing.
    std::string decode(std::span<const std::int32_t> ids, SkipSpecial skipSpecial = SkipSpecial::Yes) const;

    std::optional<std::int32_t> tokenToId(std::string_view token) const;
    std::optional<std::string> idToToken(std::int32_t id) const; // as in the vocabulary, "Ġthe"
    // The bytes that this token adds to a decoded text, for display; perhaps half a character. Empty for an unused id.
    std::string tokenBytes(std::int32_t id) const;
    bool isSpecial(std::int32_t id) const;

    std::int64_t vocabularySize() const; // highest id + 1: what a model's embedding must at least have
    const std::vector<SpecialToken>& specialTokens() const;
    const std::filesystem::path& file() const;

private:
    struct Parts;
    explicit Tokenizer(std::shared_ptr<const Parts> parts);
    std::shared_ptr<const Parts> m_parts;
};

} // namespace midpoint
