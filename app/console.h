// What commands share when they work for a while: progress on the terminal, a clean stop on SIGINT and SIGTERM, and the
// session that the engine wants.
#pragma once

#include "backend/config/load.h"
#include "backend/core/clock.h"
#include "backend/core/log.h"
#include "backend/engine/api.h"

#include <cstdio>
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>
#include <string>
#include <thread>

namespace midpoint::app {

enum class ProgressStyle { Bar, Lines };

// A bar on one line of a terminal, or plain lines every few seconds; the last state is always shown.
class ProgressDisplay {
public:
    ProgressDisplay(std::FILE* stream, ProgressStyle style, std::int64_t columns, const Clock& clock = systemClock());
    ~ProgressDisplay(); // ends the bar's line
    ProgressDisplay(const ProgressDisplay&) = delete;
    ProgressDisplay& operator=(const ProgressDisplay&) = delete;

    void show(const engine::Progress& progress);

private:
    std::FILE* m_stream;
    ProgressStyle m_style;
    std::int64_t m_columns;
    const Clock& m_clock;
    double m_lastShownSeconds = -1e9;
    bool m_isLineOpen = false;
};

// The first signal asks to stop; the second ends the process at once. One object at a time.
class StopSignals {
public:
    StopSignals();
    ~StopSignals();
    StopSignals(const StopSignals&) = delete;
    StopSignals& operator=(const StopSignals&) = delete;

    std::stop_token token() const { return m_source.get_token(); }

private:
    int m_pipe[2] = { -1, -1 };
    std::stop_source m_source;
    std::jthread m_thread;
};

// A session for commands other than training: messages and progress on stderr, results alone on stdout.
class CommandSession {
public:
    CommandSession();
    engine::Session& session() { return m_session; }

private:
    std::unique_ptr<LogSink> m_log;
    StopSignals m_signals;
    ProgressDisplay m_progress;
    engine::Session m_session;
};

void printWarnings(std::span<const config::Problem> warnings); // on stderr

// JSON text of the engine as it is, or as lines "key  value" for people.
void printResult(const std::string& json, bool asJson);

} // namespace midpoint::app
