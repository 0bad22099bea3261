#include "backend/store/project_store.h"

#include "backend/store/database.h"
#include "backend/store/schema.h"

namespace midpoint::store {
namespace {

const char* const kAllRuns = "SELECT run, note, starred, color FROM runs";
const char* const kAllTags = "SELECT run, tag FROM tags";
const char* const kPutRun = "INSERT OR REPLACE INTO runs(run, note, starred, color) VALUES(?, ?, ?, ?)";
const char* const kPutTag = "INSERT OR IGNORE INTO tags(run, tag) VALUES(?, ?)";
const char* const kForgetRun = "DELETE FROM runs WHERE run = ?";
const char* const kForgetTags = "DELETE FROM tags WHERE run = ?";
const char* const kRenameRun = "UPDATE OR REPLACE runs SET run = ?2 WHERE run = ?1";
const char* const kRenameTags = "UPDATE OR REPLACE tags SET run = ?2 WHERE run = ?1";
const char* const kSetting = "SELECT value FROM settings WHERE key = ?";
const char* const kPutSetting = "INSERT OR REPLACE INTO settings(key, value) VALUES(?, ?)";
const char* const kRemoveSetting = "DELETE FROM settings WHERE key = ?";
const char* const kDrafts = "SELECT name, text, changed_ms FROM drafts ORDER BY changed_ms DESC, name";
const char* const kPutDraft = "INSERT OR REPLACE INTO drafts(name, text, changed_ms) VALUES(?, ?, ?)";
const char* const kRemoveDraft = "DELETE FROM drafts WHERE name = ?";

} // namespace

class ProjectStore::Impl {
public:
    Impl(const std::filesystem::path& file, const Clock& clock)
        : m_clock(clock)
        , m_patience { &clock, 5.0 }
        , m_file(file)
        , m_database(openForWriting(file, kProjectDatabase, kProjectSchema, projectMigrations(), m_patience))
    {
    }
    ~Impl()
    {
        try {
            leaveDeleteMode(*m_database, { &m_clock, 0.0 });
        } catch (const std::exception&) {
            return; // the file stays in WAL mode, complete
        }
    }

    template <typename Action>
    void write(std::string_view what, Action&& action)
    {
        WriteTransaction transaction(*m_database, m_patience);
        guarded(m_file, what, action);
        transaction.commit();
    }

    template <typename Read>
    auto read(std::string_view what, Read&& action)
    {
        return guarded(m_file, what, action);
    }

    void run(const char* sql, std::string_view first) { run(sql, first, {}, 1); }
    void run(const char* sql, std::string_view first, std::string_view second) { run(sql, first, second, 2); }

    SQLite::Database& database() { return *m_database; }
    const Clock& clock() const { return m_clock; }

private:
    void run(const char* sql, std::string_view first, std::string_view second, int count)
    {
        SQLite::Statement statement(*m_database, sql);
        statement.bind(1, std::string(first));
        if (count > 1)
            statement.bind(2, std::string(second));
        statement.exec();
    }

    const Clock& m_clock;
    Patience m_patience;
    std::filesystem::path m_file;
    std::unique_ptr<SQLite::Database> m_database;
};

ProjectStore::ProjectStore(const std::filesystem::path& file, const Clock& clock)
    : m_impl(std::make_unique<Impl>(file, clock))
{
}

ProjectStore::~ProjectStore() = default;

std::map<std::string, RunNotes> ProjectStore::allNotes() const
{
    return m_impl->read("read the notes", [&] {
        std::map<std::string, RunNotes> all;
        SQLite::Statement runs(m_impl->database(), kAllRuns);
        while (runs.executeStep()) {
            RunNotes& notes = all[runs.getColumn(0).getString()];
            notes.note = runs.getColumn(1).getString();
            notes.isStarred = runs.getColumn(2).getInt() != 0;
            notes.color = runs.getColumn(3).getInt64();
        }
        SQLite::Statement tags(m_impl->database(), kAllTags);
        while (tags.executeStep())
            all[tags.getColumn(0).getString()].tags.insert(tags.getColumn(1).getString());
        return all;
    });
}

RunNotes ProjectStore::notes(std::string_view run) const
{
    const auto all = allNotes();
    const auto found = all.find(std::string(run));
    return found == all.end() ? RunNotes() : found->second;
}

void ProjectStore::setNotes(std::string_view run, const RunNotes& notes)
{
    m_impl->write("store the notes", [&] {
        SQLite::Statement put(m_impl->database(), kPutRun);
        put.bind(1, std::string(run));
        put.bind(2, notes.note);
        put.bind(3, notes.isStarred ? 1 : 0);
        put.bind(4, notes.color);
        put.exec();
        m_impl->run(kForgetTags, run);
        for (const std::string& tag : notes.tags)
            m_impl->run(kPutTag, run, tag);
    });
}

void ProjectStore::renameRun(std::string_view from, std::string_view to)
{
    m_impl->write("rename a run", [&] {
        m_impl->run(kForgetTags, to);
        m_impl->run(kRenameRun, from, to);
        m_impl->run(kRenameTags, from, to);
    });
}

void ProjectStore::forgetRun(std::string_view run)
{
    m_impl->write("forget a run", [&] {
        m_impl->run(kForgetRun, run);
        m_impl->run(kForgetTags, run);
    });
}

std::optional<std::string> ProjectStore::setting(std::string_view key) const
{
    return m_impl->read("read a setting", [&]() -> std::optional<std::string> {
        SQLite::Statement query(m_impl->database(), kSetting);
        query.bind(1, std::string(key));
        if (!query.executeStep())
            return std::nullopt;
        return std::string(blobOf(query.getColumn(0)));
    });
}

void ProjectStore::setSetting(std::string_view key, std::string_view value)
{
    m_impl->write("store a setting", [&] {
        SQLite::Statement put(m_impl->database(), kPutSetting);
        put.bind(1, std::string(key));
        bindBlob(put, 2, value);
        put.exec();
    });
}

void ProjectStore::removeSetting(std::string_view key)
{
    m_impl->write("remove a setting", [&] { m_impl->run(kRemoveSetting, key); });
}

std::vector<Draft> ProjectStore::drafts() const
{
    return m_impl->read("read the drafts", [&] {
        std::vector<Draft> rows;
        SQLite::Statement query(m_impl->database(), kDrafts);
        while (query.executeStep())
            rows.push_back({ query.getColumn(0).getString(), query.getColumn(1).getString(), query.getColumn(2).getInt64() });
        return rows;
    });
}

void ProjectStore::saveDraft(std::string_view name, std::string_view text)
{
    m_impl->write("store a draft", [&] {
        SQLite::Statement put(m_impl->database(), kPutDraft);
        put.bind(1, std::string(name));
        put.bind(2, std::string(text));
        put.bind(3, m_impl->clock().wallMilliseconds());
        put.exec();
    });
}

void ProjectStore::removeDraft(std::string_view name)
{
    m_impl->write("remove a draft", [&] { m_impl->run(kRemoveDraft, name); });
}

} // namespace midpoint::store
