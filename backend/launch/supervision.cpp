#include "backend/launch/supervision.h"

#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"

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
#include <sys/socket.h>
#include <unistd.h>

namespace midpoint::launch {
namespace {

constexpr double kPollSeconds = 1.0; // an upper bound only: signals, output and beats wake it
constexpr double kLooksPerDeadline = 8.0;
constexpr double kBlameSeconds = 2.0; // for the rank that is the reason to be noticed
constexpr double kExitSeconds = 30.0;
constexpr std::size_t kReasonBytes = 500;

// A listening socket with a port of its own, for the store of rank 0: no other program can come between. For other hosts it takes
// IPv6 and IPv4, where the system has both.
OwnedDescriptor bindStore(bool isLocal, std::int64_t& port)
{
    constexpr int kWaiting = 1024;
    sockaddr_in6 any6 {};
    any6.sin6_family = AF_INET6;
    sockaddr_in any4 {};
    any4.sin_family = AF_INET;
    any4.sin_addr.s_addr = htonl(isLocal ? INADDR_LOOPBACK : INADDR_ANY);
    const auto listenAt = [&](sockaddr* address, socklen_t size) {
        OwnedDescriptor socket(::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const int off = 0;
        if (address->sa_family == AF_INET6)
            ::setsockopt(socket.value(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
        const bool isListening = socket.isOpen() && ::bind(socket.value(), address, size) == 0
            && ::listen(socket.value(), kWaiting) == 0 && ::getsockname(socket.value(), address, &size) == 0;
        return isListening ? std::move(socket) : OwnedDescriptor();
    };
    if (!isLocal)
        if (OwnedDescriptor socket = listenAt(reinterpret_cast<sockaddr*>(&any6), sizeof any6); socket.isOpen()) {
            port = ntohs(any6.sin6_port);
            return socket;
        }
    OwnedDescriptor socket = listenAt(reinterpret_cast<sockaddr*>(&any4), sizeof any4);
    if (!socket.isOpen())
        throw Error(ErrorKind::Resource, concat("cannot find a free port for the ranks: ", std::strerror(errno)));
    port = ntohs(any4.sin_port);
    return socket;
}

std::int64_t terminalColumns()
{
    constexpr std::int64_t kUsual = 80;
    winsize size {};
    return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kUsual;
}

} // namespace

Supervision::Supervision(
    const SupervisorOptions& options, const RunFolder& folder, std::filesystem::path resolved, LogSink& log, const Clock& clock)
    : m_options(options)
    , m_folder(folder)
    , m_resolved(std::move(resolved))
    , m_log(log)
    , m_clock(clock)
{
}

ExitRecord Supervision::run()
{
    meetHosts();
    startRanks();
    while (!isOver()) {
        wait();
        if (const int stops = m_signals.takeStops(); stops > 0)
            requestStop(stops, true);
        obeyHosts();
        for (Rank& rank : m_ranks) {
            readOutput(rank);
            readBeats(rank);
        }
        reap();
        lookForSilence();
        decide();
        if (m_clock.steadySeconds() >= m_killAt)
            killAll();
        announceEnd();
    }
    for (Rank& rank : m_ranks) {
        readOutput(rank);
        rank.log.flush(rank.pendingOutput);
        rank.log.flush(rank.pendingErrors);
    }
    return makeRecord();
}

void Supervision::meetHosts()
{
    m_worldSize = m_options.ranks;
    if (m_options.foreign) {
        m_firstRank = m_options.foreign->environment.rank;
        m_worldSize = m_options.foreign->environment.worldSize;
        return;
    }
    const bool isLocal = m_options.nodes == 1;
    if (m_options.node == 0 && (!isLocal || m_worldSize > 1))
        m_store = bindStore(isLocal, m_storePort);
    if (isLocal)
        return;
    NodeOptions hosts;
    hosts.nodes = m_options.nodes;
    hosts.node = m_options.node;
    hosts.ranks = m_options.ranks;
    hosts.masterAddress = m_options.masterAddress;
    hosts.masterPort = m_options.masterPort;
    hosts.version = m_options.version;
    hosts.configHash = m_options.configHash;
    hosts.rendezvousSeconds = m_options.rendezvousSeconds;
    hosts.livenessSeconds = m_options.livenessSeconds;
    hosts.storePort = m_storePort;
    m_hosts = std::make_unique<NodeChannel>(hosts, m_clock);
    m_firstRank = m_hosts->meeting().firstRank;
    m_worldSize = m_hosts->meeting().worldSize;
    m_storePort = m_hosts->meeting().storePort;
    m_log.info(concat(m_options.nodes, " hosts have met, ", m_worldSize, " ranks"));
}

void Supervision::startRanks()
{
    for (std::int64_t local = 0; local < m_options.ranks; ++local) {
        try {
            m_ranks.push_back(startRank(local, local == 0 ? m_store.value() : -1));
        } catch (...) {
            killAll();
            throw;
        }
        m_log.debug(concat("rank ", m_ranks.back().number, " is process ", m_ranks.back().process.pid()));
    }
    m_store.reset(); // rank 0 has it now; it must not stay open when that one is gone
}

Supervision::Rank Supervision::startRank(std::int64_t local, int storeDescriptor) const
{
    const std::int64_t number = m_firstRank + local;
    std::vector<std::string> command = m_options.rankCommand;
    for (std::string& part : command) {
        if (part == "{run}")
            part = m_folder.path().string();
        if (part == "{rank}")
            part = std::to_string(number);
    }
    Pipe beats = makePipe();
    ::fcntl(beats.read.value(), F_SETFL, O_NONBLOCK);
    ::fcntl(beats.write.value(), F_SETFL, O_NONBLOCK); // a rank never waits for its supervisor
    std::vector<int> inherited { beats.write.value() };
    if (storeDescriptor >= 0)
        inherited.push_back(storeDescriptor);
    RankLog log(m_folder.log(number));
    return { .number = number, .process = ChildProcess(command, environmentFor(local, storeDescriptor, beats.write.value()), inherited),
        .log = std::move(log), .beats = std::move(beats.read) };
}

Environment Supervision::environmentFor(std::int64_t local, int storeDescriptor, int beatDescriptor) const
{
    const std::int64_t number = m_firstRank + local;
    RankEnvironment place;
    place.rank = number;
    place.localRank = local;
    place.worldSize = m_worldSize;
    place.localWorldSize = m_options.ranks;
    place.masterAddress = m_options.masterAddress;
    place.masterPort = m_storePort;
    place.holdsStore = number == 0;
    if (m_options.foreign)
        place = m_options.foreign->environment;
    return {
        { "RANK", std::to_string(place.rank) },
        { "LOCAL_RANK", std::to_string(place.localRank) },
        { "WORLD_SIZE", std::to_string(place.worldSize) },
        { "LOCAL_WORLD_SIZE", std::to_string(place.localWorldSize) },
        { "MASTER_ADDR", place.masterAddress },
        { "MASTER_PORT", std::to_string(place.masterPort) },
        { "MIDPOINT_HOLDS_STORE", place.holdsStore ? "1" : "0" },
        { "MIDPOINT_STORE_FD", storeDescriptor >= 0 ? std::to_string(storeDescriptor) : "" },
        { "MIDPOINT_BEAT_FD", std::to_string(beatDescriptor) },
        { "MIDPOINT_ATTEMPT", place.attempt },
        { "MIDPOINT_CONFIG_HASH", m_options.configHash },
        { "MIDPOINT_RESOLVED", m_resolved.string() },
        { "MIDPOINT_RUN", m_folder.path().string() },
        { "MIDPOINT_PROGRESS", m_hasTerminal ? "bar" : "lines" },
        { "MIDPOINT_COLUMNS", std::to_string(terminalColumns()) },
    };
}

bool Supervision::isOver() const
{
    if (!std::ranges::all_of(m_ranks, [](const Rank& rank) { return rank.process.hasEnded(); }) || (m_consequence && !m_failure))
        return false;
    if (m_hosts == nullptr || m_failure)
        return true;
    return m_options.node == 0 ? std::ssize(m_endedHosts) == m_options.nodes - 1 : m_mayEnd;
}

double Supervision::longestWait() const { return std::min(kPollSeconds, m_options.livenessSeconds / kLooksPerDeadline); }

void Supervision::wait() const
{
    std::vector<pollfd> watched { { m_signals.descriptor(), POLLIN, 0 } };
    for (const Rank& rank : m_ranks)
        for (const int descriptor : { rank.process.output(), rank.process.errors(), rank.beats.value() })
            if (descriptor >= 0)
                watched.push_back({ descriptor, POLLIN, 0 });
    if (m_hosts != nullptr)
        for (const int descriptor : m_hosts->descriptors())
            watched.push_back({ descriptor, POLLIN, 0 });
    constexpr double kMsPerSecond = 1000.0;
    const double now = m_clock.steadySeconds();
    const double left = std::clamp(std::min(m_killAt, m_decideAt) - now, 0.0, longestWait());
    ::poll(watched.data(), watched.size(), static_cast<int>(std::ceil(left * kMsPerSecond)));
}

void Supervision::requestStop(int stops, bool isOwn)
{
    const double now = m_clock.steadySeconds();
    for (; stops > 0; --stops) {
        ++m_stopRequests;
        const bool isFirstRequest = m_stopRequests == 1;
        m_log.info(isFirstRequest ? "stop requested: the run ends after a checkpoint; once more to stop at once" : "stopping at once");
        m_killAt = std::min(m_killAt, now + (isFirstRequest ? m_options.stopGraceSeconds : m_options.killGraceSeconds));
        for (const Rank& rank : m_ranks)
            rank.process.signal(SIGTERM);
        if (m_hosts != nullptr && (isOwn || m_options.node == 0))
            m_hosts->send(NodeMessage::Kind::Stop);
    }
}

void Supervision::obeyHosts()
{
    if (m_hosts == nullptr)
        return;
    for (const NodeMessage& message : m_hosts->receive())
        switch (message.kind) {
        case NodeMessage::Kind::Stop:
            if (m_options.node == 0 || m_stopRequests == 0) // the first host passes an own request back to where it came from
                requestStop(1, false);
            break;
        case NodeMessage::Kind::Ended:
            m_endedHosts.insert(message.node);
            break;
        case NodeMessage::Kind::Failed:
            if (!m_endedHosts.contains(message.node) && !m_mayEnd)
                fail(message.record, false);
            break;
        case NodeMessage::Kind::End:
            m_mayEnd = true;
            break;
        }
}

void Supervision::readOutput(Rank& rank)
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

void Supervision::showProgress(std::string_view bytes) const
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
void Supervision::showMessages(std::string_view lines) const
{
    for (const std::string& line : split(lines, '\n'))
        if (const std::optional<LogLine> message = parseLogLine(line)) {
            if (m_hasTerminal)
                showProgress("\r\033[K"); // the bar is drawn again below the message
            m_log.write(message->level, message->text);
        }
}

void Supervision::readBeats(Rank& rank)
{
    std::array<char, 1 << 12> buffer;
    ssize_t count = 0;
    while (rank.beats.isOpen() && (count = ::read(rank.beats.value(), buffer.data(), buffer.size())) > 0)
        rank.pendingBeats.append(buffer.data(), static_cast<std::size_t>(count));
    if (rank.beats.isOpen() && count == 0)
        rank.beats.reset();
    for (std::size_t end = rank.pendingBeats.find('\n'); end != std::string::npos; end = rank.pendingBeats.find('\n')) {
        if (auto beat = beatFromText(rank.pendingBeats.substr(0, end))) {
            rank.last = std::move(*beat);
            rank.lastSign = m_clock.steadySeconds();
        }
        rank.pendingBeats.erase(0, end + 1);
    }
}

void Supervision::reap()
{
    for (Rank& rank : m_ranks) {
        if (rank.process.hasEnded())
            continue;
        if (const auto end = rank.process.poll())
            ended(rank, *end);
    }
}

// A rank that is stopped, or whose process hangs, beats no more; one that computes or waits does.
void Supervision::lookForSilence()
{
    const double now = m_clock.steadySeconds();
    // Time in which this process did not run (a machine that is halted, a session that is stopped) says nothing about the ranks:
    // they may not have run either, and it has only just looked again.
    const double missed = m_lastLook > 0.0 ? now - m_lastLook - 2.0 * longestWait() : 0.0;
    m_lastLook = now;
    for (Rank& rank : m_ranks) {
        if (missed > 0.0 && rank.lastSign > 0.0)
            rank.lastSign += missed;
        // One that has said how it ended beats no more, while the libraries in its process are still being taken down.
        const double patience = rank.last.outcome ? std::max(kExitSeconds, m_options.livenessSeconds) : m_options.livenessSeconds;
        if (rank.process.hasEnded() || rank.isLost || rank.lastSign == 0.0 || now - rank.lastSign <= patience)
            continue;
        rank.isLost = true;
        ExitRecord record = describeFailure(rank, { 1, 0 });
        record.reason = concat("rank ", rank.number, " on ", rank.last.host, " gave no sign of life for ",
            shortest(m_options.livenessSeconds), " s, last at ", placeOf(rank.last), "; ", rank.process.state());
        recordDeath(m_folder, rank.last, record.reason);
        fail(record, true);
        rank.process.killGroup();
    }
}

void Supervision::ended(Rank& rank, const ProcessEnd& end)
{
    readBeats(rank);
    readOutput(rank);
    m_log.debug(concat("rank ", rank.number, " ended with ", describeEnd(end)));
    if ((end.code == 0 && end.signal == 0) || m_failure)
        return;
    const Heartbeat beat = lastBeat(rank);
    const ExitRecord record = describeFailure(rank, end);
    if (record.outcome == Outcome::Failed && beat.pid != 0 && !beat.outcome)
        recordDeath(m_folder, beat, record.reason);
    if (!beat.lostPeer)
        return fail(record, true);
    if (!m_consequence) {
        m_consequence = record;
        m_decideAt = m_clock.steadySeconds() + std::max(kBlameSeconds, m_options.livenessSeconds * 1.5);
        m_killAt = std::min(m_killAt, m_decideAt + m_options.failGraceSeconds);
    }
}

// Ranks whose connections broke end at once; the one that is the reason may be noticed later, also by another supervisor.
void Supervision::decide()
{
    if (!m_consequence || m_failure)
        return;
    if (const auto reason = failureInFiles())
        fail(*reason, true);
    else if (m_clock.steadySeconds() >= m_decideAt)
        fail(*m_consequence, true);
}

void Supervision::fail(const ExitRecord& record, bool isOwn)
{
    if (m_failure)
        return;
    m_failure = record;
    m_decideAt = kForever;
    if (record.outcome == Outcome::Failed && m_worldSize > 1)
        m_log.error(record.rank >= 0 ? concat("rank ", record.rank, " on ", record.host, " failed: ", record.reason) : record.reason);
    if (m_hosts != nullptr && (isOwn || m_options.node == 0))
        m_hosts->send(NodeMessage::Kind::Failed, record);
    // The others find out by themselves when they next wait for it, and then close their files.
    m_killAt = std::min(m_killAt, m_clock.steadySeconds() + (m_worldSize > 1 ? m_options.failGraceSeconds : 0.0));
}

void Supervision::killAll()
{
    m_wasKilled = m_wasKilled || (m_stopRequests > 0 && !m_failure && !m_consequence);
    for (const Rank& rank : m_ranks)
        rank.process.killGroup();
    m_killAt = kForever;
}

void Supervision::announceEnd()
{
    if (m_hosts == nullptr || m_isEndSaid || m_failure || m_consequence)
        return;
    if (!std::ranges::all_of(m_ranks, [](const Rank& rank) { return rank.process.hasEnded(); }))
        return;
    if (m_options.node == 0 && std::ssize(m_endedHosts) < m_options.nodes - 1)
        return;
    m_isEndSaid = true;
    m_hosts->send(m_options.node == 0 ? NodeMessage::Kind::End : NodeMessage::Kind::Ended);
}

} // namespace midpoint::launch
