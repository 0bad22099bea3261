#include "backend/store/rollout_store.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/store/database.h"
#include "backend/store/publication.h"
#include "backend/store/rollout_payload.h"
#include "backend/store/schema.h"

namespace midpoint::store {
namespace {

const char* const kInsertGroup = "INSERT INTO groups(step, prompt, birth_step, purpose, replayed, rollouts, successes, payload) "
                                 "VALUES(?, ?, ?, ?, ?, ?, ?, ?)";
const char* const kInsertRollout
    = "INSERT INTO rollouts(group_id, sample, verdict, finish, reward, advantage, tokens, extracted) VALUES(?, ?, ?, ?, ?, ?, ?, ?)";
const char* const kUsedBytes = "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
const char* const kDeleteRollouts = "DELETE FROM rollouts WHERE group_id IN (SELECT id FROM groups WHERE step BETWEEN ? AND ?)";
const char* const kDeleteGroups = "DELETE FROM groups WHERE step BETWEEN ? AND ?";
const char* const kDropped = "SELECT value FROM counters WHERE name = 'dropped_groups'";
const char* const kAddDropped = "UPDATE counters SET value = value + ? WHERE name = 'dropped_groups'";
constexpr double kShareAfterDropping = 0.9;

} // namespace

class RolloutStore::Impl {
public:
    Impl(const std::filesystem::path& file, RolloutStoreOptions options, std::optional<std::int64_t> keepThroughStep)
        : m_file(file)
        , m_options(options)
        , m_patience { options.clock != nullptr ? options.clock : &systemClock(), options.busyDeadlineSeconds }
        , m_publisher(file, options.published.empty() ? file : options.published, options.publishEverySeconds, *m_patience.clock)
        , m_database(openForWriting(file, kRolloutDatabase, kRolloutSchema, rolloutMigrations(), m_patience))
    {
        if (!keepThroughStep)
            return;
        WriteTransaction transaction(*m_database, m_patience);
        guarded(m_file, "remove abandoned rollouts", [&] { removeSteps(*keepThroughStep + 1, INT64_MAX); });
        transaction.commit();
    }

    void append(std::int64_t step, std::span<const StoredGroup> groups)
    {
        WriteTransaction transaction(*m_database, m_patience);
        guarded(m_file, concat("store the rollouts of step ", step), [&] {
            SQLite::Statement group(*m_database, kInsertGroup);
            SQLite::Statement rollout(*m_database, kInsertRollout);
            for (const StoredGroup& item : groups)
                insert(step, item, group, rollout);
            dropOldSteps(step);
        });
        transaction.commit();
        m_publisher.publishIfDue();
    }

    std::int64_t dropped()
    {
        return guarded(m_file, "read its counters", [&] { return number(kDropped); });
    }

    void publish() { m_publisher.publish(); }

    void finish()
    {
        leaveDeleteMode(*m_database, m_patience);
        m_publisher.end();
    }

private:
    std::int64_t number(const char* sql)
    {
        SQLite::Statement query(*m_database, sql);
        return query.executeStep() ? query.getColumn(0).getInt64() : 0;
    }

    void insert(std::int64_t step, const StoredGroup& item, SQLite::Statement& group, SQLite::Statement& rollout)
    {
        std::int64_t successes = 0;
        for (const StoredRollout& one : item.rollouts)
            successes += one.rollout.isSuccess() ? 1 : 0;
        const std::string payload = packGroup(item);
        group.tryReset();
        group.bind(1, step);
        group.bind(2, item.promptIndex);
        group.bind(3, item.birthStep);
        group.bind(4, static_cast<std::int64_t>(item.purpose));
        group.bind(5, item.isReplayed ? 1 : 0);
        group.bind(6, static_cast<std::int64_t>(item.rollouts.size()));
        group.bind(7, successes);
        bindBlob(group, 8, payload);
        group.exec();
        const std::int64_t id = m_database->getLastInsertRowid();
        for (std::size_t sample = 0; sample < item.rollouts.size(); ++sample) {
            const StoredRollout& one = item.rollouts[sample];
            rollout.tryReset();
            rollout.bind(1, id);
            rollout.bind(2, static_cast<std::int64_t>(sample));
            rollout.bind(3, static_cast<std::int64_t>(one.rollout.verdict));
            rollout.bind(4, static_cast<std::int64_t>(one.rollout.finish));
            rollout.bind(5, one.rollout.reward);
            rollout.bind(6, one.advantage);
            rollout.bind(7, static_cast<std::int64_t>(one.rollout.tokens.size()));
            rollout.bindNoCopy(8, one.rollout.extracted);
            rollout.exec();
        }
    }

    // Freed pages are used again, so the file stays near the cap without being rewritten.
    void dropOldSteps(std::int64_t newest)
    {
        if (m_options.maxBytes <= 0 || number(kUsedBytes) <= m_options.maxBytes)
            return;
        const auto target = static_cast<std::int64_t>(static_cast<double>(m_options.maxBytes) * kShareAfterDropping);
        std::int64_t dropped = 0;
        while (number(kUsedBytes) > target) {
            const std::int64_t oldest = number("SELECT min(step) FROM groups");
            if (oldest >= newest)
                break; // what was just written stays
            dropped += removeSteps(oldest, oldest);
        }
        SQLite::Statement count(*m_database, kAddDropped);
        count.bind(1, dropped);
        count.exec();
    }

    std::int64_t removeSteps(std::int64_t from, std::int64_t to)
    {
        std::int64_t removed = 0;
        for (const char* sql : { kDeleteRollouts, kDeleteGroups }) {
            SQLite::Statement statement(*m_database, sql);
            statement.bind(1, from);
            statement.bind(2, to);
            removed = statement.exec();
        }
        return removed;
    }

    std::filesystem::path m_file;
    RolloutStoreOptions m_options;
    Patience m_patience;
    Publisher m_publisher;
    std::unique_ptr<SQLite::Database> m_database;
};

RolloutStore::RolloutStore(const std::filesystem::path& file, RolloutStoreOptions options, std::optional<std::int64_t> keepThroughStep)
    : m_impl(std::make_unique<Impl>(file, options, keepThroughStep))
{
}

RolloutStore::~RolloutStore() = default;
void RolloutStore::append(std::int64_t step, std::span<const StoredGroup> groups) { m_impl->append(step, groups); }
std::int64_t RolloutStore::droppedGroups() const { return m_impl->dropped(); }
void RolloutStore::publish() { m_impl->publish(); }
void RolloutStore::finish() { m_impl->finish(); }

} // namespace midpoint::store
