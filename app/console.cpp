#include "app/console.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sys/ioctl.h>
#include <unistd.h>

namespace midpoint::app {
namespace {

// A signal handler has no argument to find its object by.
std::atomic<int> g_stopPipe = -1;
std::atomic<int> g_signalCount = 0;

void onStopSignal(int signal)
{
    if (g_signalCount.fetch_add(1) > 0)
        _exit(128 + signal);
    const char byte = 1;
    [[maybe_unused]] const auto written = ::write(g_stopPipe.load(), &byte, 1);
}

std::int64_t terminalColumns(int descriptor)
{
    winsize size {};
    constexpr std::int64_t kUsual = 80;
    return ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsual;
}

std::string plainValue(const nlohmann::json& value)
{
    if (value.is_number_float())
        return shortest(std::stod(fixed(value.get<double>(), 6)));
    std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
}

void printLines(const nlohmann::json& value, const std::string& prefix)
{
    for (const auto& [key, inner] : value.items()) {
        const std::string name = prefix.empty() ? key : prefix + "." + key;
        if (inner.is_structured() && !inner.empty() && !(inner.is_array() && inner.front().is_primitive()))
            printLines(inner, name);
        else
            std::cout << name << std::string(name.size() < 32 ? 32 - name.size() : 1, ' ') << plainValue(inner) << "\n";
    }
}

// SIG_BLOCK or SIG_UNBLOCK, for the calling thread.
void maskStopSignals(int how)
{
    sigset_t signals;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGINT);
    ::sigaddset(&signals, SIGTERM);
    ::pthread_sigmask(how, &signals, nullptr);
}

} // namespace

ProgressDisplay::ProgressDisplay(std::FILE* stream, ProgressStyle style, std::int64_t columns, const Clock& clock)
    : m_stream(stream)
    , m_style(style)
    , m_columns(columns)
    , m_clock(clock)
{
}

ProgressDisplay::~ProgressDisplay()
{
    if (m_isLineOpen)
        std::fputc('\n', m_stream);
    std::fflush(m_stream);
}

void ProgressDisplay::show(const engine::Progress& progress)
{
    constexpr double kBarSeconds = 0.1;
    constexpr double kLineSeconds = 5.0;
    const double now = m_clock.steadySeconds();
    const bool isLast = progress.total > 0 && progress.done >= progress.total;
    if (!isLast && now - m_lastShownSeconds < (m_style == ProgressStyle::Bar ? kBarSeconds : kLineSeconds))
        return;
    m_lastShownSeconds = now;
    const std::string count = progress.total > 0 ? concat(progress.done, "/", progress.total) : std::to_string(progress.done);
    if (m_style == ProgressStyle::Lines) {
        std::fprintf(m_stream, "%s  %s\n", count.c_str(), progress.text.c_str());
        std::fflush(m_stream);
        return;
    }
    constexpr std::int64_t kBarWidth = 20;
    const std::int64_t filled = progress.total > 0 ? std::min(kBarWidth, kBarWidth * progress.done / progress.total) : 0;
    std::string line = concat("[", std::string(static_cast<std::size_t>(filled), '#'),
        std::string(static_cast<std::size_t>(kBarWidth - filled), '.'), "] ", count, "  ", progress.text);
    line.resize(static_cast<std::size_t>(std::max<std::int64_t>(m_columns - 1, 1)), ' '); // also wipes a longer line before
    std::fprintf(m_stream, "\r%s", line.c_str());
    std::fflush(m_stream);
    m_isLineOpen = true;
}

StopSignals::StopSignals()
{
    if (::pipe(m_pipe) != 0)
        throw Error(ErrorKind::Resource, "cannot make a pipe for signals");
    g_stopPipe = m_pipe[1];
    g_signalCount = 0;
    m_thread = std::jthread([this] {
        maskStopSignals(SIG_UNBLOCK); // whatever the process inherited
        char byte = 0;
        while (::read(m_pipe[0], &byte, 1) == 1 && byte == 1) // until the destructor's 0: a second signal needs a thread too
            m_source.request_stop();
    });
    // That thread alone takes the signals: oneDNN's generated code points the stack register into a heap buffer, and a
    // handler running on a computing thread would write over it. Threads made from here on inherit the mask.
    maskStopSignals(SIG_BLOCK);
    struct sigaction action {};
    action.sa_handler = onStopSignal;
    action.sa_flags = SA_RESTART; // the thread keeps reading
    ::sigaction(SIGTERM, &action, nullptr);
    ::sigaction(SIGINT, &action, nullptr);
}

StopSignals::~StopSignals()
{
    std::signal(SIGTERM, SIG_DFL);
    std::signal(SIGINT, SIG_DFL);
    maskStopSignals(SIG_UNBLOCK);
    const char end = 0;
    [[maybe_unused]] const auto written = ::write(m_pipe[1], &end, 1);
    m_thread.join();
    ::close(m_pipe[0]);
    ::close(m_pipe[1]);
}

CommandSession::CommandSession()
    : m_log(makeStderrSink(LogLevel::Info))
    , m_progress(stderr, ::isatty(STDERR_FILENO) != 0 ? ProgressStyle::Bar : ProgressStyle::Lines, terminalColumns(STDERR_FILENO))
    , m_session { *m_log, m_signals.token(), [this](const engine::Progress& progress) { m_progress.show(progress); } }
{
}

void printWarnings(std::span<const config::Problem> warnings)
{
    for (const config::Problem& warning : warnings)
        std::cerr << "midpoint: warning: " << config::describe(warning) << "\n";
}

void printResult(const std::string& json, bool asJson)
{
    if (asJson)
        std::cout << json << "\n";
    else
        printLines(nlohmann::json::parse(json), "");
}

} // namespace midpoint::app
