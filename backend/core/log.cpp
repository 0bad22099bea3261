#include "backend/core/log.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace midpoint {
namespace {

class NullSink final : public LogSink {
public:
    void write(LogLevel, std::string_view) override {}
};

class SpdlogSink final : public LogSink {
public:
    SpdlogSink(spdlog::sink_ptr sink, LogLevel lowest)
        : m_logger("midpoint", std::move(sink))
    {
        m_logger.set_pattern("%Y-%m-%d %H:%M:%S.%e %l %v");
        m_logger.set_level(toSpdlog(lowest));
        m_logger.flush_on(spdlog::level::trace);
    }
    void write(LogLevel level, std::string_view message) override
    {
        m_logger.log(toSpdlog(level), spdlog::string_view_t(message.data(), message.size()));
    }

private:
    static spdlog::level::level_enum toSpdlog(LogLevel level)
    {
        switch (level) {
        case LogLevel::Debug:
            return spdlog::level::debug;
        case LogLevel::Info:
            return spdlog::level::info;
        case LogLevel::Warning:
            return spdlog::level::warn;
        case LogLevel::Error:
            return spdlog::level::err;
        }
        return spdlog::level::info;
    }
    spdlog::logger m_logger;
};

constexpr std::size_t kTimeLength = sizeof("2026-01-31 12:00:00.123 ") - 1;

} // namespace

std::optional<LogLine> parseLogLine(std::string_view line)
{
    if (line.size() < kTimeLength || line[4] != '-' || line[10] != ' ' || line[13] != ':' || line[19] != '.' || line[kTimeLength - 1] != ' ')
        return std::nullopt;
    line.remove_prefix(kTimeLength);
    const std::size_t space = line.find(' ');
    const std::string_view level = line.substr(0, space);
    const std::string_view text = space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
    for (const auto& [name, value] : { std::pair("debug", LogLevel::Debug), std::pair("info", LogLevel::Info),
             std::pair("warning", LogLevel::Warning), std::pair("error", LogLevel::Error) })
        if (level == name)
            return LogLine { value, text };
    return std::nullopt;
}

std::unique_ptr<LogSink> makeNullSink() { return std::make_unique<NullSink>(); }

std::unique_ptr<LogSink> makeStderrSink(LogLevel lowest)
{
    return std::make_unique<SpdlogSink>(std::make_shared<spdlog::sinks::stderr_sink_mt>(), lowest);
}

std::unique_ptr<LogSink> makeFileSink(const std::string& path, LogLevel lowest)
{
    try {
        return std::make_unique<SpdlogSink>(std::make_shared<spdlog::sinks::basic_file_sink_mt>(path), lowest);
    } catch (const spdlog::spdlog_ex& error) {
        throw Error(ErrorKind::Io, concat(path, ": the log cannot be written: ", error.what()));
    }
}

} // namespace midpoint
