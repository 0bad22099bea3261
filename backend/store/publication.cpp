#include "backend/store/publication.h"

#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"
#include "backend/store/database.h"

#include <SQLiteCpp/Backup.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <sqlite3.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace midpoint::store {
namespace {

struct NetworkMagic {
    std::uint32_t magic; // statfs f_type
    const char* name;
};
constexpr std::array kNetworkMagics {
    NetworkMagic { 0x6969, "nfs" },         NetworkMagic { 0xff534d42, "cifs" },   NetworkMagic { 0xfe534d42, "smb2" },
    NetworkMagic { 0x517b, "smb" },         NetworkMagic { 0x0bd00bd0, "lustre" }, NetworkMagic { 0x47504653, "gpfs" },
    NetworkMagic { 0x19830326, "beegfs" },  NetworkMagic { 0x00c36400, "ceph" },   NetworkMagic { 0x5346414f, "afs" },
    NetworkMagic { 0x01021997, "9p" },      NetworkMagic { 0x65735546, "fuse" },   NetworkMagic { 0xaad7aaea, "panfs" },
    NetworkMagic { 0x013111a8, "ibrix" },   NetworkMagic { 0x73757245, "coda" },
};

// How far a run database has come: resumes begin segments, segments grow by steps.
struct Extent {
    std::int64_t segment = 0;
    std::int64_t step = 0;
    auto operator<=>(const Extent&) const = default;
};

Extent extentOf(const std::filesystem::path& file)
{
    std::error_code ignored;
    if (!std::filesystem::exists(file, ignored))
        return {};
    return guarded(file, "see how far it has come", [&] {
        SQLite::Database database(file.string(), SQLite::OPEN_READONLY, 2000);
        SQLite::Statement query(database, "SELECT (SELECT coalesce(max(id), 0) FROM segments), (SELECT coalesce(max(step), 0) FROM steps)");
        query.executeStep();
        return Extent { query.getColumn(0).getInt64(), query.getColumn(1).getInt64() };
    });
}

void removeDatabase(const std::filesystem::path& file)
{
    std::error_code ignored;
    for (const char* ending : { "", "-wal", "-shm", "-journal" })
        std::filesystem::remove(concat(file.string(), ending), ignored);
}

} // namespace

std::string networkFileSystem(const std::filesystem::path& folder)
{
    struct statfs info {};
    if (::statfs(folder.c_str(), &info) != 0)
        throw Error(ErrorKind::Io, concat(folder.string(), ": cannot ask for its file system: ", std::strerror(errno)));
    for (const NetworkMagic& known : kNetworkMagics)
        if (static_cast<std::uint32_t>(info.f_type) == known.magic)
            return known.name;
    return {};
}

std::filesystem::path databaseFolderFor(const std::filesystem::path& runFolder, const std::filesystem::path& scratch)
{
    if (scratch.empty() && networkFileSystem(runFolder).empty())
        return runFolder;
    const auto absolute = std::filesystem::weakly_canonical(runFolder);
    const auto base = scratch.empty() ? std::filesystem::temp_directory_path() : scratch;
    return base / concat("midpoint-run-", ::getuid(), "-", checksum(absolute.string()));
}

void publishDatabase(const std::filesystem::path& source, const std::filesystem::path& target, std::int64_t asOfMs)
{
    // Beside the source first: the backup then never runs over the network.
    const std::filesystem::path local = concat(source.string(), ".publishing");
    const std::filesystem::path beside = concat(target.string(), ".publishing");
    std::error_code ignored;
    std::filesystem::remove(local, ignored);
    guarded(source, "publish it", [&] {
        SQLite::Database from(source.string(), SQLite::OPEN_READONLY, 2000);
        SQLite::Database to(local.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
        SQLite::Backup backup(to, from);
        while (backup.executeStep(-1) != SQLITE_DONE) { }
        to.exec("PRAGMA journal_mode=DELETE");
        if (to.tableExists("meta")) {
            SQLite::Statement stamp(to, "INSERT OR REPLACE INTO meta VALUES('published_ms', ?)");
            stamp.bind(1, std::to_string(asOfMs));
            stamp.exec();
        }
    });
    std::error_code error;
    std::filesystem::copy_file(local, beside, std::filesystem::copy_options::overwrite_existing, error);
    if (!error) {
        syncFile(beside);
        std::filesystem::rename(beside, target, error);
    }
    std::filesystem::remove(local, ignored);
    if (error) {
        std::filesystem::remove(beside, ignored);
        throw Error(ErrorKind::Store, concat(target.string(), ": cannot publish the database here: ", error.message()));
    }
}

void prepareLocalDatabases(const std::filesystem::path& local, const std::filesystem::path& runFolder)
{
    createFolders(local);
    const auto ownOf = [&](const FileKind& kind) { return local / kind.name; };
    const auto publishedOf = [&](const FileKind& kind) { return runFolder / kind.name; };
    std::error_code error;
    const bool isStale = !std::filesystem::exists(publishedOf(kRunDatabase), error) || extentOf(ownOf(kRunDatabase)) < extentOf(publishedOf(kRunDatabase));
    for (const FileKind& kind : { kRunDatabase, kRolloutDatabase }) {
        if (isStale)
            removeDatabase(ownOf(kind));
        if (std::filesystem::exists(ownOf(kind), error) || !std::filesystem::exists(publishedOf(kind), error))
            continue;
        std::filesystem::copy_file(publishedOf(kind), ownOf(kind), error);
        if (error)
            throw Error(ErrorKind::Store, concat(ownOf(kind).string(), ": cannot copy the published database here: ", error.message()));
    }
}

Publisher::Publisher(std::filesystem::path source, std::filesystem::path target, double everySeconds, const Clock& clock)
    : m_source(std::move(source))
    , m_target(std::move(target))
    , m_everySeconds(everySeconds)
    , m_clock(clock)
{
}

void Publisher::publishIfDue()
{
    if (m_clock.steadySeconds() >= m_next)
        publish();
}

void Publisher::publish()
{
    if (m_source == m_target)
        return;
    constexpr double kShareOfTime = 0.02;
    const double begin = m_clock.steadySeconds();
    publishDatabase(m_source, m_target, m_clock.wallMilliseconds());
    const double end = m_clock.steadySeconds();
    m_next = end + std::max(m_everySeconds, (end - begin) / kShareOfTime);
}

void Publisher::end()
{
    if (m_source == m_target)
        return;
    publish();
    removeDatabase(m_source);
    std::error_code notEmpty;
    std::filesystem::remove(m_source.parent_path(), notEmpty); // the other database of the run may still be there
}

} // namespace midpoint::store
