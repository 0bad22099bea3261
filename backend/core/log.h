// The log sink that the backend writes to. It prints nothing by itself: a command decides where lines go.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace midpoint {

enum class LogLevel { Debug, Info, Warning, Error };

class LogSink {
public:
    virtual ~LogSink() = default;
    virtual void write(LogLevel level, std::string_view message) = 0; // thread-safe; one line without its end

    void debug(std::string_view message) { write(LogLevel::Debug, message); }
    void info(std::string_view message) { write(LogLevel::Info, message); }
    void warning(std::string_view message) { write(LogLevel::Warning, message); }
    void error(std::string_view message) { write(LogLevel::Error, message); }
};

// A line as the sinks below write it, without its time; nothing for other text.
struct LogLine {
    LogLevel level = LogLevel::Info;
    std::string_view text; // a part of the line
};
std::optional<LogLine> parseLogLine(std::string_view line);

std::unique_ptr<LogSink> makeNullSink();
// Lines "2026-01-31 12:00:00.123 info message" on stderr, or appended to a file and flushed (throws Error{Io}).
std::unique_ptr<LogSink> makeStderrSink(LogLevel lowest);
std::unique_ptr<LogSink> makeFileSink(const std::string& path, LogLevel lowest);

} // namespace midpoint
