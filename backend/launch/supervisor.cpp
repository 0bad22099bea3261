#include "backend/launch/supervisor.h"

#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"
#include "backend/launch/heartbeat.h"
#include "backend/launch/process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace midpoint::launch {
namespace {

constexpr double kForever = 1e18;
constexpr int kPollMs = 1000; // an upper bound only: signals and output wake it
constexpr std::size_t kReasonBytes = 500;

// While it lives, stop signals and the death of children are read from a descriptor instead of being delivered.
class SignalQueue {
public:
    SignalQueue()
    {
        sigset_t set;
        sigemptyset(&set);
        for (const int number : { SIGINT, SIGTERM, SIGCHLD })
            sigaddset(&set, number);
        struct sigaction hangup {};
        ::sigaction(SIGHUP, nullptr, &hangup);
        if (hangup.sa_handler != SIG_IGN) // under nohup it stays ignored
            sigaddset(&set, SIGHUP);
        ::pthread_sigmask(SIG_BLOCK, &set, &m_before);
        struct sigaction ignore {};
        ignore.sa_handler = SIG_IGN;
        ::sigaction(SIGPIPE, &ignore, &m_pipeBefore); // a closed terminal must not end the supervisor
        m_descriptor = OwnedDescriptor(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
        if (!m_descriptor.isOpen())
            throw Error(ErrorKind::Resource, concat("cannot watch for signals: ", std::strerror(errno)));
    }
    ~SignalQueue()
    {
        ::sigaction(SIGPIPE, &m_pipeBefore, nullptr);
        ::pthread_sigmask(SIG_SETMASK, &m_before, nullptr);
    }
    SignalQueue(const SignalQueue&) = delete;
    SignalQueue& operator=(const SignalQueue&) = delete;

    int descriptor() const { return m_descriptor.value(); }
    // How many requests to stop came since the last call.
    int takeStops()
    {
        int stops = 0;
        signalfd_siginfo info {};
        while (::read(m_descriptor.value(), &info, sizeof info) == static_cast<ssize_t>(sizeof info))
            stops += info.ssi_signo == SIGCHLD ? 0 : 1;
        return stops;
    }

private:
    sigset_t m_before {};
    struct sigaction m_pipeBefore {};
    OwnedDescriptor m_descriptor;
};

// log/rank<r>.log: whole lines; of a redrawn line (a progress bar's '\r') only its last form.
class RankLog {
public:
    explicit RankLog(const std::filesystem::path& path)
        : m_descriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644))
    {
        if (!m_descriptor.isOpen())
            throw Error(ErrorKind::Io, concat(path.string(), ": cannot open the log: ", std::strerror(errno)));
    }
    // `pending` is the unfinished line of one stream. Returns what was written.
    std::string add(std::string& pending, std::string_view bytes) const
    {
        pending += bytes;
        std::string lines;
        std::size_t begin = 0;
        for (std::size_t end = pending.find('\n'); end != std::string::npos; end = pending.find('\n', begin)) {
            lines += lastForm(std::string_view(pending).substr(begin, end - begin));
            lines += '\n';
            begin = end + 1;
        }
        pending.erase(0, begin);
        if (const std::size_t redraw = pending.find_last_of('\r'); redraw != std::string::npos && redraw + 1 < pending.size())
            pending.erase(0, redraw + 1);
        write(lines);
        return lines;
    }
    void flush(std::string& pending) const
    {
        if (!pending.empty())
            add(pending, "\n");
    }

private:
    static std::string_view lastForm(std::string_view line)
    {
        while (!line.empty() && line.back() == '\r')
            line.remove_suffix(1);
        const std::size_t redraw = line.find_last_of('\r');
        return redraw == std::string_view::npos ? line : line.substr(redraw + 1);
    }
    void write(std::string_view text) const
    {
        while (!text.empty()) {
            const ssize_t count = ::write(m_descriptor.value(), text.data(), text.size());
            if (count <= 0)
                return; // a full disk must not stop the training that still has room for its checkpoint
            text.remove_prefix(static_cast<std::size_t>(count));
        }
    }

    OwnedDescriptor m_descriptor;
};

struct Rank {
    std::int64_t number = 0;
    ChildProcess process;
    RankLog log;
    std::string pendingOutput;
    std::string pendingErrors;
    std::string lastErrors; // the end of standard error: the reason if there is no better one
};

std::int64_t freePort()
{
    const OwnedDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    if (!socket.isOpen() || ::bind(socket.value(), plain, size) != 0 || ::getsockname(socket.value(), plain, &size) != 0)
        throw Error(ErrorKind::Resource, concat("cannot find a free port for the ranks: ", std::strerror(errno)));
    return ntohs(address.sin_port);
}

std::int64_t terminalColumns()
{
    constexpr std::int64_t kUsual = 80;
    winsize size {};
    return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsual;
}

// The last line that can be the reason of a failure: no message about what goes well.
std::string lastComplaint(std::string_view text)
{
    std::string found;
    for (const std::string& line : split(text, '\n')) {
        const std::optional<LogLine> message = parseLogLine(line);
        if (!message.has_value() && !line.empty())
            found = line;
        else if (message.has_value() && message->level >= LogLevel::Warning)
            found = message->text;
    }
    return found;
}

// One run, from the start of its ranks to the end of the last.
class Supervision {
public:
    Supervision(const SupervisorOptions& options, const RunFolder& folder, LogSink& log, const Clock& clock)
        : m_options(options)
        , m_folder(folder)
        , m_log(log)
        , m_clock(clock)
    {
    }

    ExitRecord run()
    {
        startRanks();
        while (!allEnded()) {
            wait();
            if (const int stops = m_signals.takeStops(); stops > 0)
                requestStop(stops);
            for (Rank& rank : m_ranks)
                readOutput(rank);
            reap();
            if (m_clock.steadySeconds() >= m_killAt)
                killAll();
        }
        for (Rank& rank : m_ranks) {
            readOutput(rank);
            rank.log.flush(rank.pendingOutput);
            rank.log.flush(rank.pendingErrors);
        }
        return makeRecord();
    }

private:
    void startRanks()
    {
        const std::int64_t port = m_options.masterPort != 0 ? m_options.masterPort : freePort();
        for (std::int64_t rank = 0; rank < m_options.ranks; ++rank) {
            std::vector<std::string> command = m_options.rankCommand;
            for (std::string& part : command) {
                if (part == "{run}")
                    part = m_folder.path().string();
                if (part == "{rank}")
                    part = std::to_string(rank);
            }
            const Environment environment {
                { "RANK", std::to_string(rank) },
                { "LOCAL_RANK", std::to_string(rank) },
                { "WORLD_SIZE", std::to_string(m_options.ranks) },
                { "LOCAL_WORLD_SIZE", std::to_string(m_options.ranks) },
                { "MASTER_ADDR", m_options.masterAddress },
                { "MASTER_PORT", std::to_string(port) },
                { "MIDPOINT_RUN", m_folder.path().string() },
                { "MIDPOINT_PROGRESS", m_hasTerminal ? "bar" : "lines" },
                { "MIDPOINT_COLUMNS", std::to_string(terminalColumns()) },
            };
            RankLog log(m_folder.log(rank));
            try {
                m_ranks.push_back({ rank, ChildProcess(command, environment), std::move(log), {}, {}, {} });
            } catch (...) {
                killAll();
                throw;
            }
            m_log.debug(concat("rank ", rank, " is process ", m_ranks.back().process.pid()));
        }
    }

    bool allEnded() const
    {
        return std::ranges::all_of(m_ranks, [](const Rank& rank) { return rank.process.hasEnded(); });
    }

    void wait() const
    {
        std::vector<pollfd> watched { { m_signals.descriptor(), POLLIN, 0 } };
        for (const Rank& rank : m_ranks)
            for (const int descriptor : { rank.process.output(), rank.process.errors() })
                if (descriptor >= 0)
                    watched.push_back({ descriptor, POLLIN, 0 });
        constexpr double kMsPerSecond = 1000.0;
        const double left = std::clamp((m_killAt - m_clock.steadySeconds()) * kMsPerSecond, 0.0, double(kPollMs));
        ::poll(watched.data(), watched.size(), static_cast<int>(std::ceil(left)));
    }

    void requestStop(int stops)
    {
        const double now = m_clock.steadySeconds();
        for (; stops > 0; --stops) {
            ++m_stopRequests;
            const bool isFirst = m_stopRequests == 1;
            m_log.info(isFirst ? "stop requested: the run ends after a checkpoint; once more to stop at once" : "stopping at once");
            m_killAt = std::min(m_killAt, now + (isFirst ? m_options.stopGraceSeconds : m_options.killGraceSeconds));
            for (const Rank& rank : m_ranks)
                rank.process.signal(SIGTERM);
        }
    }

    void readOutput(Rank& rank)
    {
        std::array<char, 1 << 16> buffer;
        while (rank.process.output() >= 0) {
            const ssize_t count = ::read(rank.process.output(), buffer.data(), buffer.size());
            if (count < 0)
                break;
            if (count == 0) {
                rank.process.closeOutput();
                break;
            }
            const std::string_view bytes(buffer.data(), static_cast<std::size_t>(count));
            rank.log.add(rank.pendingOutput, bytes);
            if (rank.number == 0)
                showProgress(bytes);
        }
        while (rank.process.errors() >= 0) {
            const ssize_t count = ::read(rank.process.errors(), buffer.data(), buffer.size());
            if (count < 0)
                break;
            if (count == 0) {
                rank.process.closeErrors();
                break;
            }
            const std::string_view bytes(buffer.data(), static_cast<std::size_t>(count));
            const std::string lines = rank.log.add(rank.pendingErrors, bytes);
            if (rank.number == 0)
                showMessages(lines);
            rank.lastErrors += bytes;
            if (rank.lastErrors.size() > kReasonBytes)
                rank.lastErrors.erase(0, rank.lastErrors.size() - kReasonBytes);
        }
    }

    void showProgress(std::string_view bytes) const
    {
        if (m_options.onProgress)
            return m_options.onProgress(bytes);
        while (!bytes.empty()) {
            const ssize_t count = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
            if (count <= 0)
                return; // nobody looks any more
            bytes.remove_prefix(static_cast<std::size_t>(count));
        }
    }

    // What rank 0 has to say beside its progress: data read, first batch, warnings. Other text stays in the log.
    void showMessages(std::string_view lines) const
    {
        for (const std::string& line : split(lines, '\n'))
            if (const std::optional<LogLine> message = parseLogLine(line)) {
                if (m_hasTerminal)
                    showProgress("\r\033[K"); // the bar is drawn again below the message
                m_log.write(message->level, message->text);
            }
    }

    void reap()
    {
        for (Rank& rank : m_ranks) {
            if (rank.process.hasEnded())
                continue;
            const auto end = rank.process.poll();
            if (!end)
                continue;
            m_log.debug(concat("rank ", rank.number, " ended with ", describeEnd(*end)));
            if ((end->code == 0 && end->signal == 0) || m_failedRank >= 0)
                continue;
            m_failedRank = rank.number;
            m_failure = *end;
            killAll(); // the others would wait for it in the next collective
        }
    }

    void killAll()
    {
        m_wasKilled = m_wasKilled || m_clock.steadySeconds() >= m_killAt;
        for (const Rank& rank : m_ranks)
            rank.process.killGroup();
        m_killAt = kForever;
    }

    ExitRecord makeRecord() const
    {
        ExitRecord record;
        record.wallMs = m_clock.wallMilliseconds();
        record.host = hostName();
        const auto beats = readHeartbeats(m_folder);
        for (const Heartbeat& beat : beats)
            record.lastStep = std::max(record.lastStep, beat.lastStep);
        const auto beatOf = [&](std::int64_t rank) {
            const auto found = std::ranges::find(beats, rank, &Heartbeat::rank);
            return found == beats.end() ? Heartbeat() : *found;
        };
        if (m_failedRank < 0) {
            const Heartbeat beat = beatOf(0);
            record.outcome = beat.outcome.value_or(m_stopRequests > 0 ? Outcome::Stopped : Outcome::Finished);
            record.reason = beat.reason;
            return record;
        }
        record.code = m_failure.signal != 0 ? 128 + m_failure.signal : m_failure.code;
        record.signal = m_failure.signal;
        // A rank that had not yet installed its handler ends by the first request itself.
        if (m_stopRequests >= 2 || (m_stopRequests == 1 && m_failure.signal == SIGTERM)) {
            record.outcome = Outcome::Stopped;
            record.reason = "stopped at once on request";
            return record;
        }
        record.outcome = Outcome::Failed;
        record.rank = m_failedRank;
        record.reason = reasonOf(beatOf(m_failedRank));
        return record;
    }

    std::string reasonOf(const Heartbeat& beat) const
    {
        if (m_wasKilled)
            return concat("it did not stop within ", shortest(m_options.stopGraceSeconds), " s and was killed");
        if (beat.outcome == Outcome::Failed && !beat.reason.empty())
            return beat.reason;
        const std::string complaint = lastComplaint(m_ranks[static_cast<std::size_t>(m_failedRank)].lastErrors);
        if (complaint.empty() || m_failure.signal == SIGKILL) // killed from outside: its own words do not say why
            return describeEnd(m_failure);
        return complaint;
    }

    const SupervisorOptions& m_options;
    const RunFolder& m_folder;
    LogSink& m_log;
    const Clock& m_clock;
    SignalQueue m_signals;
    const bool m_hasTerminal = !m_options.onProgress && ::isatty(STDOUT_FILENO) == 1;
    std::vector<Rank> m_ranks;
    int m_stopRequests = 0;
    double m_killAt = kForever;
    bool m_wasKilled = false;       // the grace after the first request ran out
    std::int64_t m_failedRank = -1; // the first that did not end with code 0
    ProcessEnd m_failure;
};

} // namespace

namespace {

// A run that failed before it made its database has nothing worth keeping; its reason has been told.
void removeFailedStart(const RunFolder& folder, LogSink& log)
{
    std::error_code error;
    if (std::filesystem::exists(folder.database(), error) || !std::filesystem::is_empty(folder.checkpoints(), error))
        return;
    std::filesystem::remove_all(folder.path(), error);
    if (error)
        log.error(concat(folder.path().string(), ": the folder of the failed start cannot be removed: ", error.message()));
}

} // namespace

ExitRecord supervise(const SupervisorOptions& options, LogSink& log, const Clock& clock)
{
    std::error_code ignored;
    const bool isOurs = !std::filesystem::exists(options.runFolder, ignored);
    const RunFolder folder = RunFolder::create(options.runFolder);
    const RunLock lock = RunLock::acquire(folder);
    removeExitRecord(folder);
    removeHeartbeats(folder);
    if (!options.configText.empty())
        writeFileAtomically(folder.config(), options.configText);
    if (!options.resolvedText.empty())
        writeFileAtomically(folder.resolved(), options.resolvedText);
    ExitRecord record;
    try {
        record = Supervision(options, folder, log, clock).run();
    } catch (const Error& cause) {
        record.outcome = Outcome::Failed;
        record.code = 1;
        record.reason = cause.what();
        record.wallMs = clock.wallMilliseconds();
        record.host = hostName();
        writeExitRecord(folder, record);
        throw;
    }
    try {
        writeExitRecord(folder, record);
    } catch (const Error& cause) {
        log.error(concat("the run's end cannot be recorded: ", cause.what())); // its outcome is still returned
    }
    if (isOurs && record.outcome == Outcome::Failed)
        removeFailedStart(folder, log);
    return record;
}

} // namespace midpoint::launch
