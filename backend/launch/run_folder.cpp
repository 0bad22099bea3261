#include "backend/launch/run_folder.h"

#include "backend/core/clock.h"
#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <unistd.h>
#include <utility>

namespace midpoint::launch {
namespace {

// Someone who only looks (lockHolder) holds the lock for a moment: an owner tries again for this long.
constexpr int kLockAttempts = 50;
constexpr double kLockPauseSeconds = 0.01;

std::optional<LockHolder> readHolder(int descriptor)
{
    std::array<char, 1024> text {};
    const ssize_t size = ::pread(descriptor, text.data(), text.size(), 0);
    if (size <= 0)
        return std::nullopt;
    const auto json = nlohmann::json::parse(text.begin(), text.begin() + size, nullptr, false);
    if (!json.is_object())
        return std::nullopt;
    LockHolder holder;
    holder.pid = json.value("pid", std::int64_t { 0 });
    holder.host = json.value("host", std::string());
    holder.sinceMs = json.value("since_ms", std::int64_t { 0 });
    return holder;
}

void writeHolder(int descriptor, const std::filesystem::path& path)
{
    const nlohmann::json json { { "pid", ::getpid() }, { "host", hostName() }, { "since_ms", systemClock().wallMilliseconds() } };
    const std::string text = json.dump() + "\n";
    if (::ftruncate(descriptor, 0) != 0 || ::pwrite(descriptor, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
        throw Error(ErrorKind::Io, concat(path.string(), ": cannot write the lock's holder: ", std::strerror(errno)));
}

// What lies in a folder that is not a run's; nothing if it is a run's, empty, or holds only what is made to start one.
std::optional<std::string> firstStranger(const RunFolder& folder)
{
    if (isRunFolder(folder.path()))
        return std::nullopt;
    const std::array made { folder.commands(), folder.checkpoints(), folder.heartbeats(), folder.log(0).parent_path(), folder.resolved() };
    std::error_code error;
    for (std::filesystem::directory_iterator entry(folder.path(), error), end; !error && entry != end; entry.increment(error))
        if (std::ranges::find(made, entry->path()) == made.end())
            return entry->path().filename().string();
    return std::nullopt;
}

} // namespace

RunFolder::RunFolder(std::filesystem::path path)
    : m_path(std::move(path))
{
    m_path = std::filesystem::absolute(m_path).lexically_normal();
    if (!m_path.has_filename()) // "runs/a/" names the folder a
        m_path = m_path.parent_path();
}

RunFolder RunFolder::open(const std::filesystem::path& path)
{
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored))
        throw Error(ErrorKind::Io, concat(path.string(), ": expected a run folder, found nothing there"));
    if (!std::filesystem::is_directory(path, ignored))
        throw Error(ErrorKind::Io, concat(path.string(), ": expected a run folder, found a file"));
    return RunFolder(path);
}

RunFolder RunFolder::create(const std::filesystem::path& path)
{
    const RunFolder folder { path };
    std::error_code ignored;
    if (std::filesystem::exists(folder.m_path, ignored) && !std::filesystem::is_directory(folder.m_path, ignored))
        throw Error(ErrorKind::Io, concat(folder.m_path.string(), ": expected a run folder or nothing, found a file"));
    if (const std::optional<std::string> stranger = firstStranger(folder))
        throw Error(ErrorKind::Io, concat(folder.m_path.string(), ": expected a run folder, an empty one or nothing, found a folder with '", *stranger, "'"));
    for (const auto& part : { folder.commands(), folder.checkpoints(), folder.heartbeats(), folder.log(0).parent_path() })
        createFolders(part);
    for (const auto& part : { folder.m_path, folder.commands(), folder.checkpoints(), folder.heartbeats() })
        if (::access(part.c_str(), W_OK | X_OK) != 0)
            throw Error(ErrorKind::Io, concat(part.string(), ": expected a folder that can be written, found: ", std::strerror(errno)));
    return folder;
}

std::filesystem::path RunFolder::log(std::int64_t rank) const
{
    return m_path / "log" / concat("rank", rank, ".log");
}

bool isRunFolder(const std::filesystem::path& path)
{
    std::error_code ignored;
    return std::ranges::any_of(std::array { "run.db", "run.lock", "exit.json", "config.toml" },
                               [&](const char* name) { return std::filesystem::is_regular_file(path / name, ignored); });
}

std::vector<std::filesystem::path> findRunFolders(const std::filesystem::path& root)
{
    std::vector<std::filesystem::path> found;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(root, error), end; !error && entry != end; entry.increment(error))
        if (entry->is_directory(error) && isRunFolder(entry->path()))
            found.push_back(entry->path());
    std::ranges::sort(found);
    return found;
}

RunLock::RunLock(int descriptor)
    : m_descriptor(descriptor)
{
}

RunLock::~RunLock()
{
    if (m_descriptor >= 0)
        ::close(m_descriptor);
}

RunLock::RunLock(RunLock&& other) noexcept
    : m_descriptor(std::exchange(other.m_descriptor, -1))
{
}

RunLock& RunLock::operator=(RunLock&& other) noexcept
{
    std::swap(m_descriptor, other.m_descriptor);
    return *this;
}

RunLock RunLock::acquire(const RunFolder& folder)
{
    const auto path = folder.lock();
    RunLock lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    if (lock.m_descriptor < 0)
        throw Error(ErrorKind::Io, concat(path.string(), ": cannot make the run's lock: ", std::strerror(errno)));
    for (int attempt = 0; ::flock(lock.m_descriptor, LOCK_EX | LOCK_NB) != 0; ++attempt) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            throw Error(ErrorKind::Io, concat(path.string(), ": cannot lock the run: ", std::strerror(errno)));
        if (attempt >= kLockAttempts) {
            const auto holder = readHolder(lock.m_descriptor).value_or(LockHolder());
            throw Error(ErrorKind::Resource,
                        concat(path.string(), ": expected a run that nobody uses, found it in use by process ", holder.pid, " on ",
                               holder.host.empty() ? "an unknown host" : holder.host, "; stop that process or choose another run folder"));
        }
        systemClock().sleepFor(kLockPauseSeconds);
    }
    writeHolder(lock.m_descriptor, path);
    return lock;
}

std::optional<LockHolder> lockHolder(const RunFolder& folder)
{
    const int descriptor = ::open(folder.lock().c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return std::nullopt;
    const bool isHeld = ::flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    auto holder = isHeld ? std::optional(readHolder(descriptor).value_or(LockHolder())) : std::nullopt;
    ::close(descriptor);
    return holder;
}

std::optional<LockHolder> lastLockHolder(const RunFolder& folder)
{
    const int descriptor = ::open(folder.lock().c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return std::nullopt;
    auto holder = readHolder(descriptor);
    ::close(descriptor);
    return holder;
}

std::string hostName()
{
    std::array<char, 256> name {};
    if (::gethostname(name.data(), name.size() - 1) != 0)
        return "localhost";
    return name.data();
}

} // namespace midpoint::launch
