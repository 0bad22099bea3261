#include "backend/tokenizer/bpe.h"

#include "backend/core/text.h"
#include "backend/core/unicode.h"

#include <queue>
#include <tuple>
#include <utility>

namespace midpoint::tokenizer {
namespace {

constexpr std::size_t kCachedPieceBytes = 128;   // longer pieces hardly come again
constexpr std::size_t kCachedPiecesPerShard = 4096;
constexpr std::int32_t kNone = -1;

std::uint64_t pairKey(TokenId left, TokenId right)
{
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
}

// A symbol in the doubly linked list of what is left of a piece. A symbol that was merged into its left neighbour has id kNone.
struct Symbol {
    TokenId id = kNone;
    std::int32_t previous = kNone;
    std::int32_t next = kNone;
};

// A merge that was possible when it was queued; it is stale if one of the two symbols has changed since.
struct Candidate {
    std::int32_t rank = 0;
    std::int32_t position = 0;
    TokenId merged = 0;
    TokenId left = 0;
    TokenId right = 0;
};

struct IsWorse {
    bool operator()(const Candidate& a, const Candidate& b) const
    {
        return std::tie(a.rank, a.position) > std::tie(b.rank, b.position);
    }
};

void refuse(const JsonPart& part, std::string_view key)
{
    if (const auto found = part.find(key); found && found->value() != "" && found->value() != false && found->value() != 0)
        found->failUnsupported(found->value().dump(), "models without it");
}

} // namespace

PieceCache::Shard& PieceCache::shardOf(std::string_view piece) const
{
    // Other bits than the table's own buckets use.
    return (*m_shards)[(TextHash {}(piece) >> 48) % kShards];
}

bool PieceCache::appendIfKnown(std::string_view piece, std::vector<TokenId>& ids) const
{
    if (piece.size() > kCachedPieceBytes)
        return false;
    Shard& shard = shardOf(piece);
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.known.find(piece);
    if (found == shard.known.end())
        return false;
    ids.insert(ids.end(), found->second.begin(), found->second.end());
    return true;
}

void PieceCache::remember(std::string_view piece, const TokenId* ids, std::size_t count) const
{
    if (piece.size() > kCachedPieceBytes)
        return;
    Shard& shard = shardOf(piece);
    const std::lock_guard lock(shard.mutex);
    if (shard.known.size() < kCachedPiecesPerShard)
        shard.known.emplace(piece, std::vector<TokenId>(ids, ids + count));
}

BpeModel::BpeModel(const JsonPart& part, const Vocabulary& vocabulary)
    : m_vocabulary(vocabulary)
    , m_fusesUnknown(part.flagOr("fuse_unk", false))
    , m_ignoresMerges(part.flagOr("ignore_merges", false))
{
    for (const char* key : { "dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback" })
        refuse(part, key);
    if (const auto unknown = part.find("unk_token")) {
        m_unknown = vocabulary.find(unknown->asText());
        if (!m_unknown)
            unknown->fail(concat("the unknown token '", unknown->asText(), "' is not in model.vocab"));
    }
    readMerges(part.at("merges"));
}

void BpeModel::readMerges(const JsonPart& merges)
{
    if (!merges.value().is_array())
        merges.failExpected("an array of merges");
    m_merges.reserve(merges.value().size());
    std::int32_t rank = 0;
    for (const nlohmann::json& merge : merges.value()) {
        if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
            addMerge(merges, merge[0].get_ref<const std::string&>(), merge[1].get_ref<const std::string&>(), rank);
        } else if (const auto halves = split(merge.is_string() ? merge.get_ref<const std::string&>() : std::string(), ' ');
                   halves.size() == 2) {
            addMerge(merges, halves[0], halves[1], rank);
        } else {
            merges.fail(concat("merge ", rank, ": expected two token texts, found ", merge.dump()));
        }
        ++rank;
    }
}

void BpeModel::addMerge(const JsonPart& where, const std::string& left, const std::string& right, std::int32_t rank)
{
    const auto leftId = m_vocabulary.find(left);
    const auto rightId = m_vocabulary.find(right);
    const auto mergedId = m_vocabulary.find(left + right);
    if (!leftId || !rightId || !mergedId)
        where.fail(concat("merge ", rank, " ('", left, "' + '", right, "'): '", !leftId ? left : !rightId ? right : left + right,
            "' is not in model.vocab"));
    m_merges.insert_or_assign(pairKey(*leftId, *rightId), Merge { rank, *mergedId });
}

const BpeModel::Merge* BpeModel::findMerge(TokenId left, TokenId right) const
{
    const auto found = m_merges.find(pairKey(left, right));
    return found == m_merges.end() ? nullptr : &found->second;
}

void BpeModel::encode(std::string_view piece, std::vector<TokenId>& ids) const
{
    if (m_cache.appendIfKnown(piece, ids))
        return;
    const std::size_t begin = ids.size();
    const auto whole = m_ignoresMerges ? m_vocabulary.find(piece) : std::nullopt;
    if (whole)
        ids.push_back(*whole);
    else
        mergePiece(piece, ids);
    m_cache.remember(piece, ids.data() + begin, ids.size() - begin);
}

// One symbol per character; an unknown character becomes the unknown token, or nothing if the model has none.
std::vector<TokenId> BpeModel::startSymbols(std::string_view piece) const
{
    std::vector<TokenId> symbols;
    symbols.reserve(piece.size());
    bool previousIsUnknown = false;
    for (std::size_t i = 0; i < piece.size(); i += characterLength(piece[i])) {
        const auto id = m_vocabulary.find(piece.substr(i, characterLength(piece[i])));
        if (id)
            symbols.push_back(*id);
        else if (m_unknown && !(m_fusesUnknown && previousIsUnknown))
            symbols.push_back(*m_unknown);
        previousIsUnknown = !id;
    }
    return symbols;
}

void BpeModel::mergePiece(std::string_view piece, std::vector<TokenId>& ids) const
{
    const std::vector<TokenId> start = startSymbols(piece);
    const auto count = static_cast<std::int32_t>(start.size());
    std::vector<Symbol> symbols(start.size());
    std::priority_queue<Candidate, std::vector<Candidate>, IsWorse> queue;
    const auto symbol = [&](std::int32_t index) -> Symbol& { return symbols[static_cast<std::size_t>(index)]; };
    const auto enqueue = [&](std::int32_t left, std::int32_t right) {
        if (left == kNone || right == kNone)
            return;
        if (const Merge* merge = findMerge(symbol(left).id, symbol(right).id))
            queue.push({ merge->rank, left, merge->id, symbol(left).id, symbol(right).id });
    };
    for (std::int32_t i = 0; i < count; ++i)
        symbol(i) = { start[static_cast<std::size_t>(i)], i - 1, i + 1 < count ? i + 1 : kNone };
    for (std::int32_t i = 0; i + 1 < count; ++i)
        enqueue(i, i + 1);

    while (!queue.empty()) {
        const Candidate best = queue.top();
        queue.pop();
        Symbol& left = symbol(best.position);
        if (left.id != best.left || left.next == kNone || symbol(left.next).id != best.right)
            continue;
        Symbol& right = symbol(left.next);
        left.id = best.merged;
        left.next = right.next;
        right.id = kNone;
        if (left.next != kNone)
            symbol(left.next).previous = best.position;
        enqueue(left.previous, best.position);
        enqueue(best.position, left.next);
    }
    for (std::int32_t i = count > 0 ? 0 : kNone; i != kNone; i = symbol(i).next)
        ids.push_back(symbol(i).id);
}

} // namespace midpoint::tokenizer
