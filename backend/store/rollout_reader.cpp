#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/store/database.h"
#include "backend/store/rollout_payload.h"
#include "backend/store/rollout_store.h"

namespace midpoint::store {
namespace {

const char* const kSteps = "SELECT DISTINCT step FROM groups ORDER BY step";
const char* const kPromptsAt = "SELECT DISTINCT prompt FROM groups WHERE step = ? ORDER BY prompt";
const char* const kGroup = "SELECT id, step, prompt, birth_step, purpose, replayed, payload FROM groups WHERE id = ?";
const char* const kGroupsAt = "SELECT id, step, prompt, birth_step, purpose, replayed, payload FROM groups WHERE step = ? "
                              "AND (?2 IS NULL OR prompt = ?2) ORDER BY id";
const char* const kRolloutsOf
    = "SELECT sample, verdict, finish, reward, advantage, extracted FROM rollouts WHERE group_id = ? ORDER BY sample";
const char* const kFind
    = "SELECT g.id, r.sample, g.step, g.birth_step, g.prompt, g.purpose, g.replayed, r.verdict, r.finish, r.reward, r.advantage, "
      "r.tokens, r.extracted FROM groups g JOIN rollouts r ON r.group_id = g.id "
      "WHERE g.step BETWEEN ?1 AND ?2 AND (?3 IS NULL OR g.prompt = ?3) AND (?4 IS NULL OR r.verdict = ?4) "
      "AND (?5 IS NULL OR r.finish = ?5) AND (?6 IS NULL OR g.purpose = ?6) AND (?7 IS NULL OR g.replayed = ?7) "
      "ORDER BY g.step DESC, g.id, r.sample";
const char* const kPayload = "SELECT payload FROM groups WHERE id = ?";

template <typename Value>
void bindOptional(SQLite::Statement& query, int index, const std::optional<Value>& value)
{
    if (value)
        query.bind(index, static_cast<std::int64_t>(*value));
    else
        query.bind(index);
}

RolloutSummary readSummary(SQLite::Statement& query)
{
    RolloutSummary row;
    row.groupId = query.getColumn(0).getInt64();
    row.sample = query.getColumn(1).getInt64();
    row.step = query.getColumn(2).getInt64();
    row.birthStep = query.getColumn(3).getInt64();
    row.promptIndex = query.getColumn(4).getInt64();
    row.purpose = static_cast<Purpose>(query.getColumn(5).getInt());
    row.isReplayed = query.getColumn(6).getInt() != 0;
    row.verdict = static_cast<Verdict>(query.getColumn(7).getInt());
    row.finish = static_cast<FinishReason>(query.getColumn(8).getInt());
    row.reward = realOrMissing(query.getColumn(9));
    row.advantage = realOrMissing(query.getColumn(10));
    row.tokens = query.getColumn(11).getInt64();
    row.extracted = query.getColumn(12).getString();
    return row;
}

// The texts of the group looked at last: the rollouts of a group come one after the other.
class TextSearch {
public:
    TextSearch(SQLite::Database& database, std::string_view what, std::string_view needle)
        : m_query(database, kPayload)
        , m_what(what)
        , m_needle(toLower(needle))
    {
    }
    bool matches(const RolloutSummary& row)
    {
        if (m_needle.empty())
            return true;
        if (row.groupId != m_group) {
            m_group = row.groupId;
            m_query.tryReset();
            m_query.bind(1, m_group);
            m_texts.clear();
            if (m_query.executeStep())
                m_texts = textsOf(blobOf(m_query.getColumn(0)), m_what);
        }
        const auto sample = static_cast<std::size_t>(row.sample);
        return sample < m_texts.size() && toLower(m_texts[sample]).find(m_needle) != std::string::npos;
    }

private:
    SQLite::Statement m_query;
    std::string m_what;
    std::string m_needle;
    std::int64_t m_group = 0;
    std::vector<std::string> m_texts;
};

StoredGroup readGroup(SQLite::Database& database, SQLite::Statement& query, const std::filesystem::path& path)
{
    StoredGroup group;
    group.id = query.getColumn(0).getInt64();
    group.step = query.getColumn(1).getInt64();
    group.promptIndex = query.getColumn(2).getInt64();
    group.birthStep = query.getColumn(3).getInt64();
    group.purpose = static_cast<Purpose>(query.getColumn(4).getInt());
    group.isReplayed = query.getColumn(5).getInt() != 0;
    unpackGroup(blobOf(query.getColumn(6)), concat(path.string(), ": group ", group.id), group);
    SQLite::Statement rollouts(database, kRolloutsOf);
    rollouts.bind(1, group.id);
    while (rollouts.executeStep()) {
        const auto sample = static_cast<std::size_t>(rollouts.getColumn(0).getInt64());
        if (sample >= group.rollouts.size())
            throw Error(ErrorKind::Store, concat(path.string(), ": expected ", group.rollouts.size(), " rollouts in group ", group.id,
                                                 ", found sample ", sample));
        StoredRollout& one = group.rollouts[sample];
        one.rollout.verdict = static_cast<Verdict>(rollouts.getColumn(1).getInt());
        one.rollout.finish = static_cast<FinishReason>(rollouts.getColumn(2).getInt());
        one.rollout.reward = realOrMissing(rollouts.getColumn(3));
        one.advantage = realOrMissing(rollouts.getColumn(4));
        one.rollout.extracted = rollouts.getColumn(5).getString();
    }
    return group;
}

} // namespace

class RolloutReader::Impl {
public:
    explicit Impl(const std::filesystem::path& path)
        : source(path, kRolloutDatabase)
    {
    }
    ReadSource source;
};

RolloutReader::RolloutReader(const std::filesystem::path& path)
    : m_impl(std::make_unique<Impl>(path))
{
}

RolloutReader::~RolloutReader() = default;

bool RolloutReader::exists(const std::filesystem::path& path)
{
    std::error_code ignored;
    return std::filesystem::is_regular_file(path, ignored) || std::filesystem::is_regular_file(path / kRolloutDatabase.name, ignored);
}

std::vector<std::int64_t> RolloutReader::steps() const
{
    return m_impl->source.withConnection("read its steps", [](SQLite::Database& database) {
        std::vector<std::int64_t> steps;
        SQLite::Statement query(database, kSteps);
        while (query.executeStep())
            steps.push_back(query.getColumn(0).getInt64());
        return steps;
    });
}

std::vector<std::int64_t> RolloutReader::promptsAt(std::int64_t step) const
{
    return m_impl->source.withConnection("read its prompts", [&](SQLite::Database& database) {
        std::vector<std::int64_t> prompts;
        SQLite::Statement query(database, kPromptsAt);
        query.bind(1, step);
        while (query.executeStep())
            prompts.push_back(query.getColumn(0).getInt64());
        return prompts;
    });
}

std::vector<RolloutSummary> RolloutReader::find(const RolloutFilter& filter, std::stop_token stop) const
{
    return m_impl->source.withConnection("search it", [&](SQLite::Database& database) {
        SQLite::Statement query(database, kFind);
        query.bind(1, filter.step.value_or(filter.fromStep.value_or(INT64_MIN)));
        query.bind(2, filter.step.value_or(filter.toStep.value_or(INT64_MAX)));
        bindOptional(query, 3, filter.promptIndex);
        bindOptional(query, 4, filter.verdict);
        bindOptional(query, 5, filter.finish);
        bindOptional(query, 6, filter.purpose);
        bindOptional(query, 7, filter.isReplayed);
        TextSearch search(database, m_impl->source.path().string(), filter.text);
        std::vector<RolloutSummary> rows;
        std::size_t skipped = 0;
        while (rows.size() < filter.limit && query.executeStep()) {
            if (stop.stop_requested())
                throw Error(ErrorKind::Cancelled, "the search was stopped");
            RolloutSummary row = readSummary(query);
            if (!search.matches(row))
                continue;
            if (skipped < filter.offset)
                ++skipped;
            else
                rows.push_back(std::move(row));
        }
        return rows;
    });
}

std::vector<StoredGroup> RolloutReader::groups(std::int64_t step, std::optional<std::int64_t> promptIndex) const
{
    return m_impl->source.withConnection("read the rollouts of a step", [&](SQLite::Database& database) {
        std::vector<StoredGroup> groups;
        SQLite::Statement query(database, kGroupsAt);
        query.bind(1, step);
        bindOptional(query, 2, promptIndex);
        while (query.executeStep())
            groups.push_back(readGroup(database, query, m_impl->source.path()));
        return groups;
    });
}

std::optional<StoredGroup> RolloutReader::group(std::int64_t groupId) const
{
    return m_impl->source.withConnection("read a group", [&](SQLite::Database& database) -> std::optional<StoredGroup> {
        SQLite::Statement query(database, kGroup);
        query.bind(1, groupId);
        if (!query.executeStep())
            return std::nullopt;
        return readGroup(database, query, m_impl->source.path());
    });
}

} // namespace midpoint::store
