#include "backend/core/files.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

namespace midpoint {
namespace {

[[noreturn]] void failIo(const std::filesystem::path& path, const char* action)
{
    throw Error(ErrorKind::Io, concat(path.string(), ": cannot ", action, ": ", std::strerror(errno)));
}

class Descriptor {
public:
    Descriptor(const std::filesystem::path& path, int flags, const char* action)
        : m_value(::open(path.c_str(), flags | O_CLOEXEC, 0644))
    {
        if (m_value < 0)
            failIo(path, action);
    }
    ~Descriptor() { ::close(m_value); }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int value() const { return m_value; }

private:
    int m_value;
};

std::string toHex(const XXH128_hash_t& hash)
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, hash);
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string out;
    for (const unsigned char byte : canonical.digest) {
        out += kDigits[byte >> 4];
        out += kDigits[byte & 15];
    }
    return out;
}

} // namespace

std::string readFile(const std::filesystem::path& path)
{
    const Descriptor file(path, O_RDONLY, "read");
    struct stat info {};
    if (::fstat(file.value(), &info) != 0)
        failIo(path, "read");
    if (S_ISDIR(info.st_mode)) {
        errno = EISDIR;
        failIo(path, "read");
    }
    std::string content;
    content.reserve(static_cast<std::size_t>(info.st_size));
    std::array<char, 1 << 16> buffer;
    while (true) {
        const ssize_t count = ::read(file.value(), buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            failIo(path, "read");
        if (count == 0)
            return content;
        content.append(buffer.data(), static_cast<std::size_t>(count));
    }
}

void writeFileAtomically(const std::filesystem::path& path, std::string_view content)
{
    const std::filesystem::path beside = path.string() + ".writing." + std::to_string(::getpid());
    try {
        const Descriptor file(beside, O_WRONLY | O_CREAT | O_TRUNC, "write");
        while (!content.empty()) {
            const ssize_t count = ::write(file.value(), content.data(), content.size());
            if (count < 0 && errno == EINTR)
                continue;
            if (count < 0)
                failIo(path, "write");
            content.remove_prefix(static_cast<std::size_t>(count));
        }
        if (::fsync(file.value()) != 0)
            failIo(path, "write");
        if (::rename(beside.c_str(), path.c_str()) != 0)
            failIo(path, "write");
    } catch (...) {
        ::unlink(beside.c_str());
        throw;
    }
    syncFolder(path.has_parent_path() ? path.parent_path() : ".");
}

void syncFile(const std::filesystem::path& path)
{
    const Descriptor file(path, O_RDONLY, "sync");
    if (::fsync(file.value()) != 0)
        failIo(path, "sync");
}

void syncFolder(const std::filesystem::path& folder)
{
    const Descriptor file(folder, O_RDONLY | O_DIRECTORY, "sync");
    if (::fsync(file.value()) != 0 && errno != EINVAL) // some network file systems cannot sync a folder
        failIo(folder, "sync");
}

void createFolders(const std::filesystem::path& folder)
{
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error)
        throw Error(ErrorKind::Io, concat(folder.string(), ": cannot create the folder: ", error.message()));
}

std::string checksum(std::string_view bytes) { return toHex(XXH3_128bits(bytes.data(), bytes.size())); }

std::string checksumFile(const std::filesystem::path& path)
{
    const Descriptor file(path, O_RDONLY, "read");
    const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(), &XXH3_freeState);
    XXH3_128bits_reset(state.get());
    std::string buffer(1 << 20, '\0');
    while (true) {
        const ssize_t count = ::read(file.value(), buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            failIo(path, "read");
        if (count == 0)
            return toHex(XXH3_128bits_digest(state.get()));
        XXH3_128bits_update(state.get(), buffer.data(), static_cast<std::size_t>(count));
    }
}

std::int64_t stableId(std::string_view bytes)
{
    return static_cast<std::int64_t>(XXH3_64bits(bytes.data(), bytes.size()) >> 1);
}

} // namespace midpoint
