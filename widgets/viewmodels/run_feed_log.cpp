// SPDX-License-Identifier: GPL-3.0-or-later
// The reader thread follows the text logs of a run.
#include "widgets/viewmodels/run_feed.h"

#include "backend/core/text.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>

namespace midpoint::gui {

namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kLogTailBytes = 4'000'000;

} // namespace

LogLine parseLogLine(std::string text, std::int64_t rank)
{
    LogLine line;
    line.rank = rank;
    // YYYY-MM-DD HH:MM:SS.mmm level message
    constexpr std::size_t kStampLength = 23;
    std::tm time {};
    int milliseconds = 0;
    char level[16] = {};
    int consumed = 0;
    if (text.size() > kStampLength
        && std::sscanf(text.c_str(), "%4d-%2d-%2d %2d:%2d:%2d.%3d %15s%n", &time.tm_year, &time.tm_mon, &time.tm_mday, &time.tm_hour,
               &time.tm_min, &time.tm_sec, &milliseconds, level, &consumed)
            == 8) {
        time.tm_year -= 1900;
        time.tm_mon -= 1;
        time.tm_isdst = -1;
        line.wallMs = static_cast<std::int64_t>(std::mktime(&time)) * 1000 + milliseconds;
        const std::string word = toLower(level);
        line.level = word.starts_with("err") ? store::EventLevel::Error
            : word.starts_with("warn")       ? store::EventLevel::Warning
                                             : store::EventLevel::Info;
        line.text = std::string(trim(std::string_view(text).substr(static_cast<std::size_t>(consumed))));
        return line;
    }
    const std::string lower = toLower(text.substr(0, 200));
    if (lower.find("error") != std::string::npos || lower.find("terminate called") != std::string::npos)
        line.level = store::EventLevel::Error;
    else if (lower.find("warning") != std::string::npos)
        line.level = store::EventLevel::Warning;
    line.text = std::move(text);
    return line;
}

std::int64_t progressStep(const std::string& text)
{
    long long step = 0;
    long long total = 0;
    int consumed = 0;
    const bool isProgress = std::sscanf(text.c_str(), "%lld/%lld%n", &step, &total, &consumed) == 2 && text[static_cast<std::size_t>(consumed)] == ' ' && step >= 0 && step <= total;
    return isProgress ? step : -1;
}

// A line of progress has no time of its own, but its step has.
void RunFeed::dateProgress(LogLine& line)
{
    const std::int64_t step = line.wallMs == 0 ? progressStep(line.text) : -1;
    if (step < 0 || !m_reader)
        return;
    line.step = step;
    if (m_stepTimes.empty() || m_stepTimes.back().step < step)
        m_stepTimes = m_reader->steps();
    const auto found = std::lower_bound(m_stepTimes.begin(), m_stepTimes.end(), step, [](const store::StepTime& time, std::int64_t wanted) { return time.step < wanted; });
    if (found != m_stepTimes.end() && found->step == step)
        line.wallMs = found->wallMs;
}

void RunFeed::followLog(bool on)
{
    const bool wasOn = m_followsLog;
    m_followsLog = on;
    if (on && !wasOn) {
        m_logTails.clear();
        readLog();
    }
}

void RunFeed::readLog()
{
    if (!m_isFolder)
        return;
    const bool isFirst = m_logTails.empty();
    std::error_code error;
    for (fs::directory_iterator it(m_path / "log", error), end; !error && it != end; it.increment(error)) {
        const std::string name = it->path().filename().string();
        const bool isKnown = std::any_of(m_logTails.begin(), m_logTails.end(), [&](const LogTail& tail) { return tail.file == it->path(); });
        if (isKnown || !name.ends_with(".log"))
            continue;
        LogTail tail;
        tail.file = it->path();
        tail.rank = name.starts_with("rank") ? std::atoll(name.c_str() + 4) : 0;
        const std::uintmax_t size = fs::file_size(tail.file, error);
        tail.offset = !error && size > kLogTailBytes ? size - kLogTailBytes : 0;
        m_logTails.push_back(tail);
    }
    auto lines = std::make_shared<std::vector<LogLine>>();
    for (LogTail& tail : m_logTails) {
        const std::uintmax_t size = fs::file_size(tail.file, error);
        if (error || size == tail.offset)
            continue;
        if (size < tail.offset)
            tail.offset = 0; // the file was replaced
        std::ifstream in(tail.file, std::ios::binary);
        in.seekg(static_cast<std::streamoff>(tail.offset));
        std::string chunk(static_cast<std::size_t>(size - tail.offset), '\0');
        in.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
        chunk.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
        tail.offset += chunk.size();
        std::vector<std::string> pieces = split(tail.rest + chunk, '\n');
        tail.rest = pieces.back();
        pieces.pop_back();
        for (std::string& piece : pieces) {
            // A progress bar overwrites its line: only its last form counts.
            const std::size_t carriage = piece.find_last_of('\r', piece.empty() || piece.back() != '\r' ? std::string::npos : piece.size() - 2);
            lines->push_back(parseLogLine(carriage == std::string::npos ? std::move(piece) : piece.substr(carriage + 1), tail.rank));
            guarded(tr("The times of the steps cannot be read"), [&] { dateProgress(lines->back()); });
        }
    }
    if (!lines->empty() || isFirst)
        Q_EMIT logRead(lines, isFirst);
}

} // namespace midpoint::gui
