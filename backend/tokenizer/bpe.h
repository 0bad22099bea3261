// Byte-pair encoding: the characters of a piece are merged pairwise, always the pair with the best rank first, the leftmost
// of equals (Sennrich et al., "Neural machine translation of rare words with subword units", ACL 2016, algorithm 1).
#pragma once

#include "backend/tokenizer/token_model.h"

#include <array>
#include <memory>
#include <mutex>
#include <string>

namespace midpoint::tokenizer {

// Ids of pieces that were encoded before. Bounded; shared by threads in shards, so that they rarely wait for each other.
class PieceCache {
public:
    bool appendIfKnown(std::string_view piece, std::vector<TokenId>& ids) const;
    void remember(std::string_view piece, const TokenId* ids, std::size_t count) const;

private:
    struct TextHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view> {}(text); }
    };
    struct Shard {
        std::mutex mutex; // guards known
        std::unordered_map<std::string, std::vector<TokenId>, TextHash, std::equal_to<>> known;
    };
    Shard& shardOf(std::string_view piece) const;

    static constexpr std::size_t kShards = 16;
    std::unique_ptr<std::array<Shard, kShards>> m_shards = std::make_unique<std::array<Shard, kShards>>();
};

class BpeModel : public TokenModel {
public:
    // The vocabulary outlives the model. Throws Error{Model} for parts that are not supported and for broken merges.
    BpeModel(const JsonPart& part, const Vocabulary& vocabulary);
    void encode(std::string_view piece, std::vector<TokenId>& ids) const override;

private:
    struct Merge {
        std::int32_t rank = 0;
        TokenId id = 0;
    };
    void readMerges(const JsonPart& merges);
    void addMerge(const JsonPart& where, const std::string& left, const std::string& right, std::int32_t rank);
    const Merge* findMerge(TokenId left, TokenId right) const;
    std::vector<TokenId> startSymbols(std::string_view piece) const;
    void mergePiece(std::string_view piece, std::vector<TokenId>& ids) const;

    const Vocabulary& m_vocabulary;
    std::unordered_map<std::uint64_t, Merge> m_merges; // by both ids
    std::optional<TokenId> m_unknown;
    bool m_fusesUnknown = false;
    bool m_ignoresMerges = false;
    PieceCache m_cache;
};

} // namespace midpoint::tokenizer
