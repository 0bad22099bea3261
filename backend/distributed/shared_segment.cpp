#include "backend/distributed/shared_segment.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace midpoint::distributed {
namespace {

Error systemError(const std::string& what) { return { ErrorKind::Resource, concat(what, ": ", std::strerror(errno)) }; }

std::uint64_t& markOf(std::byte* segment) { return *reinterpret_cast<std::uint64_t*>(segment); }

} // namespace

SharedSegment::SharedSegment(OwnedDescriptor file, std::size_t bytes)
    : m_file(std::move(file))
    , m_bytes(bytes)
{
    void* data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, m_file.value(), 0);
    if (data == MAP_FAILED)
        throw systemError(concat("cannot map ", bytes, " bytes of shared memory"));
    m_data = static_cast<std::byte*>(data);
}

SharedSegment SharedSegment::make(std::size_t bytes)
{
    OwnedDescriptor file(::memfd_create("midpoint-ranks", MFD_CLOEXEC));
    const std::size_t all = kHeadBytes + bytes;
    if (file.value() < 0 || ::ftruncate(file.value(), static_cast<off_t>(all)) != 0)
        throw systemError(concat("cannot make ", all, " bytes of shared memory"));
    SharedSegment segment(std::move(file), all);
    std::random_device random;
    markOf(segment.m_data) = (static_cast<std::uint64_t>(random()) << 32) | random();
    return segment;
}

SharedSegment SharedSegment::open(const std::string& description)
{
    std::istringstream words(description);
    std::int64_t process = 0;
    int number = -1;
    std::uint64_t mark = 0;
    if (!(words >> process >> number >> mark))
        throw Error(ErrorKind::Internal, concat("shared memory: expected process, descriptor and mark, found '", description, "'"));
    const std::string path = concat("/proc/", process, "/fd/", number);
    OwnedDescriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    struct stat status {};
    if (file.value() < 0 || ::fstat(file.value(), &status) != 0)
        throw systemError(concat("cannot open shared memory through ", path));
    const Error isOther(ErrorKind::Resource, concat(path, " is not the shared memory of this run"));
    if (status.st_size <= static_cast<off_t>(kHeadBytes))
        throw isOther;
    SharedSegment segment(std::move(file), static_cast<std::size_t>(status.st_size));
    if (markOf(segment.m_data) != mark)
        throw isOther;
    segment.m_file.reset();
    return segment;
}

SharedSegment::SharedSegment(SharedSegment&& other) noexcept
    : m_file(std::move(other.m_file))
    , m_data(std::exchange(other.m_data, nullptr))
    , m_bytes(other.m_bytes)
{
}

SharedSegment::~SharedSegment()
{
    if (m_data != nullptr)
        ::munmap(m_data, m_bytes);
}

std::string SharedSegment::description() const { return concat(::getpid(), " ", m_file.value(), " ", markOf(m_data)); }

std::string memoryPlace()
{
    std::string boot;
    std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
    std::error_code error;
    const auto space = [&](const char* name) { return std::filesystem::read_symlink(concat("/proc/self/ns/", name), error).string(); };
    return concat(boot, " ", space("pid"), " ", space("net"));
}

} // namespace midpoint::distributed
