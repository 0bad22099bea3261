#include "backend/store/metrics_log.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace midpoint::store {
namespace {

[[noreturn]] void failIo(const std::filesystem::path& path, const char* action)
{
    throw Error(ErrorKind::Io, concat(path.string(), ": cannot ", action, ": ", std::strerror(errno)));
}

} // namespace

std::string metricsLine(std::int64_t step, std::int64_t wallMs, std::span<const Metric> metrics)
{
    constexpr double kMsPerSecond = 1000.0;
    std::string line = concat("{\"global_step\":", step, ",\"wall_time\":", shortest(static_cast<double>(wallMs) / kMsPerSecond));
    for (const Metric& metric : metrics) {
        line += ',';
        line += nlohmann::json(metric.name).dump();
        line += ':';
        line += std::isfinite(metric.value) ? shortest(metric.value) : "null";
    }
    line += "}\n";
    return line;
}

MetricsLog::MetricsLog(const std::filesystem::path& path)
    : m_path(path)
    , m_descriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644))
{
    if (m_descriptor < 0)
        failIo(m_path, "write");
}

MetricsLog::~MetricsLog()
{
    ::close(m_descriptor);
}

void MetricsLog::append(std::string_view line)
{
    const off_t before = ::lseek(m_descriptor, 0, SEEK_END);
    while (!line.empty()) {
        const ssize_t count = ::write(m_descriptor, line.data(), line.size());
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0) {
            const int cause = errno;
            if (before >= 0 && ::ftruncate(m_descriptor, before) == 0)
                errno = cause;
            failIo(m_path, "append a line");
        }
        line.remove_prefix(static_cast<std::size_t>(count));
    }
}

void MetricsLog::sync()
{
    if (::fsync(m_descriptor) != 0)
        failIo(m_path, "sync");
}

} // namespace midpoint::store
