// Databases on network file systems. SQLite's write-ahead log needs shared memory and locks of one host, so on NFS and the like a
// run's databases live on rank 0's local disk and a consistent copy is put into the run folder every few seconds.
#pragma once

#include "backend/core/clock.h"

#include <cstdint>
#include <filesystem>
#include <string>

namespace midpoint::store {

// The file system's name ("nfs", "lustre", ...) if `folder` lies on a network file system, else empty. Throws Error{Io}.
std::string networkFileSystem(const std::filesystem::path& folder);

// Where the databases of this run are written: a folder under `scratch` whose name depends on the run folder's path alone, so that
// a resume finds it again. Without `scratch`: the run folder itself, or, when that lies on a network file system, the same under
// the temporary folder.
std::filesystem::path databaseFolderFor(const std::filesystem::path& runFolder, const std::filesystem::path& scratch = {});

// Copies a database that may be in use to `target`: backup API into a file beside, DELETE mode, rename. A reader of `target` sees
// the old file or the new one. Throws Error{Store}.
void publishDatabase(const std::filesystem::path& source, const std::filesystem::path& target, std::int64_t asOfMs);

// Makes `local` ready for the databases of the run: what lies there is removed if it is older than what the run folder has,
// because the run went on elsewhere in between or was begun anew, and then the published copies are taken. Throws Error{Store, Io}.
void prepareLocalDatabases(const std::filesystem::path& local, const std::filesystem::path& runFolder);

// A database that is written in one place and seen in another. Nothing to do where both are the same.
class Publisher {
public:
    Publisher(std::filesystem::path source, std::filesystem::path target, double everySeconds, const Clock& clock);

    void publishIfDue(); // at most every so many seconds, and in at most 2 % of the time
    void publish();
    void end();          // publishes, and removes what was written locally, with its folder once that is empty: the database is closed

private:
    std::filesystem::path m_source;
    std::filesystem::path m_target;
    double m_everySeconds;
    const Clock& m_clock;
    double m_next = 0.0;
};

} // namespace midpoint::store
