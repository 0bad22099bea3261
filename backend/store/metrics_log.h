// metrics.jsonl: one flat JSON object per line and step, the keys of run.db plus global_step and wall_time (seconds). Numbers are
// the shortest text that reads back as the same double; what JSON cannot say (NaN, infinities) is null.
#pragma once

#include "backend/store/records.h"

#include <filesystem>
#include <span>
#include <string>

namespace midpoint::store {

std::string metricsLine(std::int64_t step, std::int64_t wallMs, std::span<const Metric> metrics); // with its newline

// Appends whole lines; a failed write leaves the file as it was. Throws Error{Io}.
class MetricsLog {
public:
    explicit MetricsLog(const std::filesystem::path& path);
    ~MetricsLog();
    MetricsLog(const MetricsLog&) = delete;
    MetricsLog& operator=(const MetricsLog&) = delete;

    void append(std::string_view line);
    void sync();

private:
    std::filesystem::path m_path;
    int m_descriptor = -1;
};

} // namespace midpoint::store
