#include "backend/store/database.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/store/records.h"

#include <cerrno>
#include <cstring>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

namespace midpoint::store {
namespace {

std::filesystem::path besides(const std::filesystem::path& file, const char* suffix)
{
    return file.string() + suffix;
}

const char* adviceFor(int code)
{
    switch (code) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return "; another process holds it: close that process or try again";
    case SQLITE_FULL:
        return "; the disk is full: free space and try again";
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
        return "; check that the folder and the file can be written";
    case SQLITE_CORRUPT:
        return "; the file is damaged or cut short: take a copy from a backup or a snapshot";
    case SQLITE_NOTADB:
        return "; expected an SQLite database, found another kind of file";
    case SQLITE_IOERR:
        return "; reading or writing the disk failed";
    default:
        return "";
    }
}

std::string percentEncoded(const std::filesystem::path& path)
{
    std::string out;
    for (const char c : path.string()) {
        if (c == '%' || c == '?' || c == '#') {
            constexpr std::string_view kDigits = "0123456789abcdef";
            out += '%';
            out += kDigits[static_cast<unsigned char>(c) >> 4];
            out += kDigits[static_cast<unsigned char>(c) & 15];
        } else {
            out += c;
        }
    }
    return out;
}

std::int64_t pragmaNumber(SQLite::Database& database, const char* pragma)
{
    SQLite::Statement query(database, pragma);
    return query.executeStep() ? query.getColumn(0).getInt64() : 0;
}

[[noreturn]] void failKind(const std::filesystem::path& path, const FileKind& kind, std::int64_t found)
{
    throw Error(ErrorKind::Store, concat(path.string(), ": expected a Midpoint ", kind.what, " (application id ",
                                         kind.applicationId, "), found application id ", found));
}

[[noreturn]] void failVersion(const std::filesystem::path& path, const FileKind& kind, std::int64_t found)
{
    throw Error(ErrorKind::Store,
                concat(path.string(), ": expected a ", kind.what, " of schema version ", kind.version, " or older, found version ",
                       found, "; it was written by a newer Midpoint: update this program"));
}

} // namespace

void failStore(const std::filesystem::path& path, std::string_view action, const SQLite::Exception& cause)
{
    throw Error(ErrorKind::Store, concat(path.string(), ": cannot ", action, ": ", cause.what(), adviceFor(cause.getErrorCode())));
}

bool isBusy(const SQLite::Exception& cause)
{
    return cause.getErrorCode() == SQLITE_BUSY || cause.getErrorCode() == SQLITE_LOCKED;
}

WriteTransaction::WriteTransaction(SQLite::Database& database, const Patience& patience)
    : m_database(database)
    , m_patience(patience)
{
    retryBusy(m_patience, m_database.getFilename(), "begin a transaction", [&] { m_database.exec("BEGIN IMMEDIATE"); });
    m_isOpen = true;
}

WriteTransaction::~WriteTransaction()
{
    // A full disk may have rolled back already, so the answer does not matter.
    if (m_isOpen)
        m_database.tryExec("ROLLBACK");
}

void WriteTransaction::commit()
{
    retryBusy(m_patience, m_database.getFilename(), "commit", [&] { m_database.exec("COMMIT"); });
    m_isOpen = false;
}

std::unique_ptr<SQLite::Database> openForWriting(const std::filesystem::path& path, const FileKind& kind, const char* schema,
                                                 const std::vector<const char*>& migrations, const Patience& patience)
{
    auto database = guarded(path, concat("open the ", kind.what), [&] {
        return std::make_unique<SQLite::Database>(path.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    });
    retryBusy(patience, path, "switch to WAL mode", [&] {
        const std::int64_t id = pragmaNumber(*database, "PRAGMA application_id");
        const bool isEmpty = pragmaNumber(*database, "SELECT count(*) FROM sqlite_master") == 0;
        if (!isEmpty && id != kind.applicationId)
            failKind(path, kind, id);
        const std::int64_t version = pragmaNumber(*database, "PRAGMA user_version");
        if (version > kind.version)
            failVersion(path, kind, version);
        database->exec("PRAGMA journal_mode=WAL");
    });
    guarded(path, "configure the connection", [&] {
        database->exec("PRAGMA synchronous=NORMAL"); // safe against any death of the process; makeDurable() for power failures
        database->exec("PRAGMA wal_autocheckpoint=1000");
        database->exec("PRAGMA temp_store=MEMORY");
        database->exec("PRAGMA foreign_keys=OFF");
    });
    guarded(path, "create or migrate the schema", [&] {
        WriteTransaction transaction(*database, patience);
        std::int64_t version = pragmaNumber(*database, "PRAGMA user_version");
        if (version == 0) {
            database->exec(schema);
            version = kind.version;
        }
        for (; version < kind.version; ++version)
            database->exec(migrations.at(static_cast<std::size_t>(version) - 1));
        database->exec(concat("PRAGMA application_id=", kind.applicationId));
        database->exec(concat("PRAGMA user_version=", kind.version));
        transaction.commit();
    });
    return database;
}

void leaveDeleteMode(SQLite::Database& database, const Patience& patience)
{
    const std::filesystem::path path = database.getFilename();
    guarded(path, "checkpoint", [&] {
        SQLite::Statement checkpoint(database, "PRAGMA wal_checkpoint(TRUNCATE)");
        checkpoint.executeStep();
    });
    const double deadline = patience.clock->steadySeconds() + patience.deadlineSeconds;
    while (true) {
        try {
            SQLite::Statement mode(database, "PRAGMA journal_mode=DELETE");
            if (mode.executeStep() && mode.getColumn(0).getString() == "delete")
                return;
        } catch (const SQLite::Exception& cause) {
            if (!isBusy(cause))
                failStore(path, "leave WAL mode", cause);
        }
        if (patience.clock->steadySeconds() >= deadline)
            return;
        patience.clock->sleepFor(0.01);
    }
}

NumberScan::NumberScan(SQLite::Database& database, const char* sql)
    : m_database(database)
{
    const int code = sqlite3_prepare_v2(m_database.getHandle(), sql, -1, &m_statement, nullptr);
    if (code != SQLITE_OK)
        throw SQLite::Exception(m_database.getHandle(), code);
}

NumberScan::~NumberScan()
{
    sqlite3_finalize(m_statement); // reports the failure of the last step again, which next() has thrown
}

void NumberScan::bind(int index, std::int64_t value)
{
    const int code = sqlite3_bind_int64(m_statement, index, value);
    if (code != SQLITE_OK)
        throw SQLite::Exception(m_database.getHandle(), code);
}

bool NumberScan::next()
{
    const int code = sqlite3_step(m_statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        throw SQLite::Exception(m_database.getHandle(), code);
    return code == SQLITE_ROW;
}

std::int64_t NumberScan::integer(int column) const
{
    return sqlite3_column_int64(m_statement, column);
}

double NumberScan::real(int column) const
{
    return sqlite3_column_type(m_statement, column) == SQLITE_NULL ? kMissing : sqlite3_column_double(m_statement, column);
}

// What tells that a database or its log was written: cheap to take, compared as a whole.
struct ReadSource::Signature {
    struct File {
        std::uint64_t inode = 0;
        std::int64_t size = -1; // -1: not there
        std::int64_t seconds = 0;
        std::int64_t nanoseconds = 0;
        bool operator==(const File&) const = default;
    };
    File database;
    File log;
    File journal;
    bool operator==(const Signature&) const = default;

    static File of(const std::filesystem::path& path)
    {
        struct stat info {};
        if (::stat(path.c_str(), &info) != 0)
            return {};
        return { info.st_ino, info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec };
    }
    static Signature take(const std::filesystem::path& path)
    {
        return { of(path), of(besides(path, "-wal")), of(besides(path, "-journal")) };
    }
};

ReadSource::ReadSource(const std::filesystem::path& path, const FileKind& kind)
    : m_path(path)
    , m_kind(kind)
{
    std::error_code ignored;
    if (std::filesystem::is_directory(m_path, ignored))
        m_path /= kind.name;
    const auto status = std::filesystem::status(m_path, ignored);
    if (!std::filesystem::exists(status))
        throw Error(ErrorKind::Store, concat(m_path.string(), ": expected a ", kind.what, ", found nothing there"));
    if (!std::filesystem::is_regular_file(status))
        throw Error(ErrorKind::Store, concat(m_path.string(), ": expected a ", kind.what, ", found something that is no file"));
    if (::access(m_path.c_str(), R_OK) != 0)
        throw Error(ErrorKind::Store, concat(m_path.string(), ": expected a readable ", kind.what, ", found: ", std::strerror(errno)));
    withConnection("open", [&](SQLite::Database& database) { check(database); });
}

ReadSource::~ReadSource()
{
    std::error_code ignored;
    if (!m_copyFolder.empty())
        std::filesystem::remove_all(m_copyFolder, ignored);
}

void ReadSource::check(SQLite::Database& database)
{
    // sqlite_master is read first: a file that is no database or is cut short shows itself here.
    const std::int64_t tables = pragmaNumber(database, "SELECT count(*) FROM sqlite_master");
    const std::int64_t id = pragmaNumber(database, "PRAGMA application_id");
    if (tables == 0)
        throw Error(ErrorKind::Store, concat(m_path.string(), ": expected a ", m_kind.what, ", found an empty database"));
    const bool isOther = id != m_kind.applicationId;
    if (isOther && (id != m_kind.alsoIn || !database.tableExists("groups")))
        failKind(m_path, m_kind, id);
    const std::int64_t version = pragmaNumber(database, "PRAGMA user_version");
    if (!isOther && version > m_kind.version)
        failVersion(m_path, m_kind, version);
    const std::int64_t expected = pragmaNumber(database, "PRAGMA page_count") * pragmaNumber(database, "PRAGMA page_size");
    std::error_code ignored;
    const auto found = std::filesystem::file_size(m_path, ignored);
    const bool hasLog = Signature::of(besides(m_path, "-wal")).size > 0;
    if (!hasLog && static_cast<std::int64_t>(found) < expected)
        throw Error(ErrorKind::Store, concat(m_path.string(), ": the ", m_kind.what, " is cut short: expected ", expected,
                                             " bytes, found ", found, "; take a copy from a backup or a snapshot"));
}

bool ReadSource::isTransient(const SQLite::Exception& cause)
{
    const int code = cause.getErrorCode();
    return code == SQLITE_CORRUPT || code == SQLITE_CANTOPEN || code == SQLITE_IOERR || code == SQLITE_PROTOCOL || code == SQLITE_READONLY;
}

std::unique_ptr<SQLite::Database> ReadSource::open()
{
    constexpr int kBusyMs = 2000;
    const Signature now = Signature::take(m_path);
    const auto log = besides(m_path, "-wal");
    const auto shared = besides(m_path, "-shm");
    const bool hasShared = Signature::of(shared).size > 0;
    if (now.journal.size > 0)
        return openCopy(besides(m_path, "-journal"));
    if (now.log.size < 0 || (now.log.size == 0 && !hasShared)) {
        m_isSnapshot = false;
        m_asOfMs = now.database.seconds * 1000 + now.database.nanoseconds / 1'000'000;
        const std::string uri = concat("file:", percentEncoded(m_path), "?mode=ro&immutable=1");
        return std::make_unique<SQLite::Database>(uri, SQLite::OPEN_READONLY | SQLite::OPEN_URI, kBusyMs);
    }
    const bool mayShare = hasShared && ::access(shared.c_str(), R_OK | W_OK) == 0 && ::access(log.c_str(), R_OK | W_OK) == 0
        && ::access(m_path.has_parent_path() ? m_path.parent_path().c_str() : ".", W_OK) == 0;
    if (!mayShare)
        return openCopy(log);
    m_isSnapshot = false;
    m_asOfMs = now.log.seconds * 1000 + now.log.nanoseconds / 1'000'000;
    const std::string uri = concat("file:", percentEncoded(m_path), "?mode=ro");
    auto database = std::make_unique<SQLite::Database>(uri, SQLite::OPEN_READONLY | SQLite::OPEN_URI, kBusyMs);
    int isOff = 0; // a reader never folds the writer's log into the file
    sqlite3_db_config(database->getHandle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, &isOff);
    return database;
}

std::unique_ptr<SQLite::Database> ReadSource::openCopy(const std::filesystem::path& log)
{
    if (m_copyFolder.empty()) {
        std::string name = (std::filesystem::temp_directory_path() / "midpoint-copy-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr)
            throw Error(ErrorKind::Store, concat(m_path.string(), ": cannot make a private copy in ", name, ": ", std::strerror(errno)));
        m_copyFolder = name;
    }
    const auto copy = m_copyFolder / m_kind.name;
    const auto copiedLog = besides(copy, log.string().substr(m_path.string().size()).c_str());
    constexpr int kAttempts = 5; // the source may be written while it is copied
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        const Signature before = Signature::take(m_path);
        if (m_copied && *m_copied == before)
            break;
        for (const char* suffix : { "-wal", "-shm", "-journal" })
            std::filesystem::remove(besides(copy, suffix));
        std::error_code error;
        std::filesystem::copy_file(m_path, copy, std::filesystem::copy_options::overwrite_existing, error);
        if (!error)
            std::filesystem::copy_file(log, copiedLog, std::filesystem::copy_options::overwrite_existing, error);
        if (error)
            throw Error(ErrorKind::Store, concat(m_path.string(), ": cannot copy it to ", m_copyFolder.string(), ": ", error.message()));
        std::filesystem::permissions(copy, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
        std::filesystem::permissions(copiedLog, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
        m_asOfMs = systemClock().wallMilliseconds();
        m_copied = std::make_unique<Signature>(before);
        if (Signature::take(m_path) == before)
            break;
    }
    m_isSnapshot = true;
    return std::make_unique<SQLite::Database>(copy.string(), SQLite::OPEN_READWRITE, 2000);
}

bool ReadSource::changed()
{
    Signature now = Signature::take(m_path);
    if (m_seen && *m_seen == now)
        return false;
    m_seen = std::make_unique<Signature>(now);
    return true;
}

std::string_view blobOf(const SQLite::Column& column)
{
    const void* bytes = column.getBlob();
    return bytes == nullptr ? std::string_view() : std::string_view(static_cast<const char*>(bytes), static_cast<std::size_t>(column.getBytes()));
}

void bindBlob(SQLite::Statement& statement, int index, std::string_view bytes)
{
    if (bytes.empty())
        statement.bind(index, "", 0);
    else
        statement.bind(index, bytes.data(), static_cast<int>(bytes.size()));
}

double realOrMissing(const SQLite::Column& column)
{
    return column.isNull() ? kMissing : column.getDouble();
}

} // namespace midpoint::store
