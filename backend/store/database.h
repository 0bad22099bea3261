// Internal to backend/store: how SQLite files are opened for writing and for reading, and how its errors become Error{Store}.
#pragma once

#include "backend/core/clock.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace midpoint::store {

// What a file claims to be: PRAGMA application_id and user_version.
struct FileKind {
    std::int32_t applicationId = 0;
    std::int32_t version = 0;   // newest schema version this program knows
    const char* what = "";      // "run database", for messages
    const char* name = "";      // default file name in a run folder
    std::int32_t alsoIn = 0;    // application id of another kind of file that may hold these tables too: a snapshot
};

inline constexpr FileKind kRunDatabase { 0x4d50524e, 1, "run database", "run.db" };
inline constexpr FileKind kRolloutDatabase { 0x4d50524f, 1, "rollout database", "rollouts.db", kRunDatabase.applicationId };
inline constexpr FileKind kProjectDatabase { 0x4d505052, 1, "project database", "project.db" };
inline constexpr FileKind kTimeToTargetDatabase { 0x4d505054, 1, "time-to-target result", "results.db" };

// Throws Error{Store}: path, what was being done, what SQLite says and what to do.
[[noreturn]] void failStore(const std::filesystem::path& path, std::string_view action, const SQLite::Exception& cause);

// Runs an action and turns SQLite's exceptions into Error{Store}.
template <typename Action>
auto guarded(const std::filesystem::path& path, std::string_view what, Action&& action)
{
    try {
        return action();
    } catch (const SQLite::Exception& cause) {
        failStore(path, what, cause);
    }
}

// How long a locked database is waited for.
struct Patience {
    const Clock* clock = nullptr;
    double deadlineSeconds = 10.0;
};

bool isBusy(const SQLite::Exception& cause);

// Repeats an action that finds the database locked, until the deadline; then the lock is the error.
template <typename Action>
auto retryBusy(const Patience& patience, const std::filesystem::path& path, std::string_view what, Action&& action)
{
    constexpr double kPauseSeconds = 0.01;
    const double deadline = patience.clock->steadySeconds() + patience.deadlineSeconds;
    while (true) {
        try {
            return action();
        } catch (const SQLite::Exception& cause) {
            if (!isBusy(cause) || patience.clock->steadySeconds() >= deadline)
                failStore(path, what, cause);
        }
        patience.clock->sleepFor(kPauseSeconds);
    }
}

// One write transaction: begins immediate (waiting for a lock), rolls back unless committed.
class WriteTransaction {
public:
    WriteTransaction(SQLite::Database& database, const Patience& patience);
    ~WriteTransaction();
    WriteTransaction(const WriteTransaction&) = delete;
    WriteTransaction& operator=(const WriteTransaction&) = delete;
    void commit();

private:
    SQLite::Database& m_database;
    Patience m_patience;
    bool m_isOpen = false;
};

// Creates or opens for writing, in WAL mode. A file of another kind or of a newer schema is an error.
// `schema` is executed in a new file; `migrations[v - 1]` takes an old file from version v to v + 1.
std::unique_ptr<SQLite::Database> openForWriting(const std::filesystem::path& path, const FileKind& kind, const char* schema,
                                                 const std::vector<const char*>& migrations, const Patience& patience);
// Checkpoints the WAL into the file and leaves DELETE mode; if a reader stays in the way past the deadline, WAL mode stays.
void leaveDeleteMode(SQLite::Database& database, const Patience& patience);

// A query over millions of rows of numbers: SQLiteCpp's columns share ownership of the statement, which costs most of such a scan.
class NumberScan {
public:
    NumberScan(SQLite::Database& database, const char* sql);
    ~NumberScan();
    NumberScan(const NumberScan&) = delete;
    NumberScan& operator=(const NumberScan&) = delete;
    void bind(int index, std::int64_t value); // from 1
    bool next();
    std::int64_t integer(int column) const;   // from 0
    double real(int column) const;            // NULL is NaN

private:
    SQLite::Database& m_database;
    sqlite3_stmt* m_statement = nullptr;
};

// A database file as a reader sees it. open() gives a connection for one read:
//   - nothing beside the file: immutable, no locks, no files made;
//   - a write-ahead log that this process may share: read-only beside the writer;
//   - a log or journal that it may not touch (copied, read-only folder): a private copy, renewed when the source changes.
class ReadSource {
public:
    ReadSource(const std::filesystem::path& path, const FileKind& kind); // file, or the folder that holds kind.name
    ~ReadSource();
    ReadSource(const ReadSource&) = delete;
    ReadSource& operator=(const ReadSource&) = delete;

    // Runs `read(SQLite::Database&)` on a fresh connection.
    template <typename Read>
    auto withConnection(std::string_view what, Read&& read)
    {
        return guarded(m_path, what, [&] {
            try {
                const auto connection = open();
                return read(*connection);
            } catch (const SQLite::Exception& cause) {
                // A writer may start or end between looking and reading: look again, once.
                if (!isTransient(cause))
                    throw;
            }
            const auto connection = open();
            return read(*connection);
        });
    }

    const std::filesystem::path& path() const { return m_path; }
    bool isSnapshot() const { return m_isSnapshot; }
    std::int64_t asOfMs() const { return m_asOfMs; }
    bool changed();

private:
    struct Signature;
    std::unique_ptr<SQLite::Database> open();
    std::unique_ptr<SQLite::Database> openCopy(const std::filesystem::path& log);
    void check(SQLite::Database& database);
    static bool isTransient(const SQLite::Exception& cause);

    std::filesystem::path m_path;
    FileKind m_kind;
    std::filesystem::path m_copyFolder; // empty until a private copy was needed
    std::unique_ptr<Signature> m_copied; // of the source when it was copied
    std::unique_ptr<Signature> m_seen;   // at the last changed()
    bool m_isSnapshot = false;
    std::int64_t m_asOfMs = 0;
};

// A blob column as bytes.
std::string_view blobOf(const SQLite::Column& column);
void bindBlob(SQLite::Statement& statement, int index, std::string_view bytes);
double realOrMissing(const SQLite::Column& column); // NULL is NaN: SQLite stores no NaN

} // namespace midpoint::store
