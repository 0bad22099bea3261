// Databases on network file systems. SQLite's write-ahead log needs shared memory and locks of one host, so on NFS and the like a
// run's databases live on rank 0's local disk and a consistent copy is put into the run folder every few seconds.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace midpoint::store {

// The file system's name ("nfs", "lustre", ...) if `folder` lies on a network file system, else empty. Throws Error{Io}.
std::string networkFileSystem(const std::filesystem::path& folder);

// Where the databases of this run should be written: the run folder itself, or, on a network file system, a folder under `scratch`
// (default: the temporary folder) whose name depends on the run folder's path alone, so that a resume finds it again.
std::filesystem::path databaseFolderFor(const std::filesystem::path& runFolder, const std::filesystem::path& scratch = {});

// Copies a database that may be in use to `target`: backup API into a file beside, DELETE mode, rename. A reader of `target` sees
// the old file or the new one. Throws Error{Store}.
void publishDatabase(const std::filesystem::path& source, const std::filesystem::path& target, std::int64_t asOfMs);

} // namespace midpoint::store
