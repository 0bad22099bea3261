#include "backend/launch/node_channel.h"

#include "backend/core/text.h"
#include "backend/launch/run_folder.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace midpoint::launch {
namespace {

using nlohmann::json;

constexpr const char* kProtocol = "midpoint hosts 1";
constexpr double kBeatsPerDeadline = 5.0;
constexpr std::size_t kLongestLine = 1 << 20;
constexpr double kMsPerSecond = 1000.0;

const char* nameOf(NodeMessage::Kind kind)
{
    constexpr std::array names { "stop", "ended", "failed", "end" };
    return names.at(static_cast<std::size_t>(kind));
}

json toJson(const ExitRecord& record)
{
    return { { "outcome", nameOf(record.outcome) }, { "code", record.code }, { "signal", record.signal }, { "rank", record.rank },
        { "reason", record.reason }, { "last_step", record.lastStep }, { "host", record.host }, { "step", record.step },
        { "phase", record.phase }, { "operation", record.operation } };
}

ExitRecord recordFrom(const json& object)
{
    ExitRecord record;
    const auto outcome = object.at("outcome").get<std::string>();
    record.outcome = outcome == nameOf(Outcome::Failed) ? Outcome::Failed : outcome == nameOf(Outcome::Stopped) ? Outcome::Stopped : Outcome::Finished;
    record.code = object.at("code").get<std::int64_t>();
    record.signal = object.at("signal").get<std::int64_t>();
    record.rank = object.at("rank").get<std::int64_t>();
    record.reason = object.at("reason").get<std::string>();
    record.lastStep = object.at("last_step").get<std::int64_t>();
    record.host = object.at("host").get<std::string>();
    record.step = object.at("step").get<std::int64_t>();
    record.phase = object.at("phase").get<std::string>();
    record.operation = object.at("operation").get<std::string>();
    return record;
}

std::string lineOf(const json& object) { return object.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"; }

// One line, or nothing when the other side closes or the time is over.
std::optional<std::string> readLine(int socket, double deadline, const Clock& clock)
{
    std::string line;
    while (line.size() < kLongestLine) {
        pollfd watched { socket, POLLIN, 0 };
        const double left = (deadline - clock.steadySeconds()) * kMsPerSecond;
        if (left <= 0.0 || ::poll(&watched, 1, static_cast<int>(left) + 1) <= 0)
            return std::nullopt;
        char byte = 0; // few and short lines: what comes after them stays in the socket
        const ssize_t count = ::recv(socket, &byte, 1, 0);
        if (count <= 0)
            return std::nullopt;
        if (byte == '\n')
            return line;
        line += byte;
    }
    return std::nullopt;
}

void prepare(int socket)
{
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

OwnedDescriptor listenAt(std::int64_t port)
{
    OwnedDescriptor socket(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    const int off = 0;
    sockaddr_in6 any6 {};
    any6.sin6_family = AF_INET6;
    any6.sin6_port = htons(static_cast<std::uint16_t>(port));
    sockaddr_in any4 {};
    any4.sin_family = AF_INET;
    any4.sin_port = any6.sin6_port;
    const bool isSix = socket.isOpen();
    if (!isSix)
        socket = OwnedDescriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ::setsockopt(socket.value(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (isSix)
        ::setsockopt(socket.value(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    const int bound = isSix ? ::bind(socket.value(), reinterpret_cast<sockaddr*>(&any6), sizeof any6)
                            : ::bind(socket.value(), reinterpret_cast<sockaddr*>(&any4), sizeof any4);
    constexpr int kWaiting = 128;
    if (bound != 0 || ::listen(socket.value(), kWaiting) != 0)
        throw Error(ErrorKind::Resource, concat("--master: cannot listen on port ", port, ": ", std::strerror(errno)));
    return socket;
}

OwnedDescriptor connectTo(const std::string& host, std::int64_t port, std::string& problem)
{
    addrinfo hints {};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int code = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found); code != 0) {
        problem = ::gai_strerror(code);
        return OwnedDescriptor();
    }
    OwnedDescriptor connected;
    for (const addrinfo* entry = found; entry != nullptr && !connected.isOpen(); entry = entry->ai_next) {
        OwnedDescriptor socket(::socket(entry->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const timeval patience { 2, 0 }; // a host that is not there does not answer at all
        ::setsockopt(socket.value(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        if (::connect(socket.value(), entry->ai_addr, entry->ai_addrlen) == 0)
            connected = std::move(socket);
        else
            problem = std::strerror(errno);
    }
    ::freeaddrinfo(found);
    return connected;
}

} // namespace

NodeChannel::NodeChannel(const NodeOptions& options, const Clock& clock)
    : m_options(options)
    , m_clock(clock)
{
    if (options.node == 0)
        listenForAll();
    else
        joinFirst();
    for (Peer& peer : m_peers) {
        peer.lastSign = m_clock.steadySeconds();
        ::fcntl(peer.socket.value(), F_SETFL, O_NONBLOCK);
    }
}

NodeChannel::~NodeChannel() = default;

void NodeChannel::listenForAll()
{
    const OwnedDescriptor listening = listenAt(m_options.masterPort);
    const double deadline = m_clock.steadySeconds() + m_options.rendezvousSeconds;
    std::vector<std::int64_t> ranks(static_cast<std::size_t>(m_options.nodes), -1);
    ranks[0] = m_options.ranks;
    while (std::ssize(m_peers) + 1 < m_options.nodes) {
        pollfd watched { listening.value(), POLLIN, 0 };
        const double left = (deadline - m_clock.steadySeconds()) * kMsPerSecond;
        if (left <= 0.0) {
            std::vector<std::string> missing;
            for (std::size_t node = 0; node < ranks.size(); ++node)
                if (ranks[node] < 0)
                    missing.push_back(std::to_string(node));
            refuseAll(ErrorKind::Resource, concat("the hosts did not meet within ", shortest(m_options.rendezvousSeconds), " s: --node-rank ",
                join(missing, ", "), " of ", m_options.nodes, " did not come"));
        }
        if (::poll(&watched, 1, static_cast<int>(left) + 1) <= 0)
            continue;
        Peer peer;
        peer.socket = OwnedDescriptor(::accept4(listening.value(), nullptr, nullptr, SOCK_CLOEXEC));
        constexpr double kHelloSeconds = 2.0;
        const auto line = readLine(peer.socket.value(), std::min(deadline, m_clock.steadySeconds() + kHelloSeconds), m_clock);
        const json hello = json::parse(line.value_or(""), nullptr, false);
        if (!hello.is_object() || hello.value("protocol", "") != kProtocol)
            continue; // somebody who is not of this run
        prepare(peer.socket.value());
        peer.node = hello.value("node", std::int64_t { -1 });
        peer.host = hello.value("host", "");
        const std::string place = concat("host ", peer.node, " (", peer.host, ")");
        m_peers.push_back(std::move(peer));
        const Peer& added = m_peers.back();
        const auto differs = [&](const char* what, const std::string& own, const std::string& other) {
            if (own != other)
                refuseAll(ErrorKind::Config, concat("the hosts differ in ", what, ": ", hostName(), " has ", own, ", ", place, " has ", other));
        };
        differs("the version of Midpoint", m_options.version, hello.value("version", ""));
        differs("--nnodes", std::to_string(m_options.nodes), std::to_string(hello.value("nodes", std::int64_t { 0 })));
        differs("the configuration", m_options.configHash, hello.value("config", ""));
        if (added.node < 0 || added.node >= m_options.nodes || ranks[static_cast<std::size_t>(added.node)] >= 0)
            refuseAll(ErrorKind::Resource, concat("two hosts have --node-rank ", added.node, ": ", place, " and one that was there before"));
        ranks[static_cast<std::size_t>(added.node)] = hello.value("ranks", std::int64_t { 0 });
    }
    m_meeting = { 0, 0, m_options.storePort };
    std::vector<std::int64_t> first;
    for (const std::int64_t count : ranks) {
        first.push_back(m_meeting.worldSize);
        m_meeting.worldSize += count;
    }
    for (Peer& peer : m_peers)
        sendTo(peer, lineOf({ { "first_rank", first[static_cast<std::size_t>(peer.node)] }, { "world", m_meeting.worldSize },
                         { "store", m_meeting.storePort }, { "host", hostName() } }));
}

void NodeChannel::refuseAll(ErrorKind kind, const std::string& message)
{
    for (Peer& peer : m_peers)
        sendTo(peer, lineOf({ { "error", message }, { "is_configuration", kind == ErrorKind::Config } }));
    throw Error(kind, message);
}

void NodeChannel::joinFirst()
{
    const double deadline = m_clock.steadySeconds() + m_options.rendezvousSeconds;
    const std::string address = concat(m_options.masterAddress, ":", m_options.masterPort);
    std::string problem = "no answer";
    Peer peer;
    peer.socket = connectTo(m_options.masterAddress, m_options.masterPort, problem);
    while (!peer.socket.isOpen()) {
        if (m_clock.steadySeconds() > deadline)
            throw Error(ErrorKind::Resource, concat("--master ", address, ": the first host could not be reached within ",
                                                 shortest(m_options.rendezvousSeconds), " s: ", problem));
        constexpr double kRetrySeconds = 0.2;
        m_clock.sleepFor(kRetrySeconds);
        peer.socket = connectTo(m_options.masterAddress, m_options.masterPort, problem);
    }
    prepare(peer.socket.value());
    sendTo(peer, lineOf({ { "protocol", kProtocol }, { "node", m_options.node }, { "nodes", m_options.nodes }, { "ranks", m_options.ranks },
                     { "version", m_options.version }, { "config", m_options.configHash }, { "host", hostName() } }));
    // The first host's own deadline ends first; its answer says who is missing.
    constexpr double kPatience = 5.0;
    const auto line = readLine(peer.socket.value(), deadline + kPatience, m_clock);
    const json answer = json::parse(line.value_or(""), nullptr, false);
    if (answer.is_object() && answer.contains("error"))
        throw Error(answer.value("is_configuration", false) ? ErrorKind::Config : ErrorKind::Resource, answer.at("error").get<std::string>());
    if (!answer.is_object() || !answer.contains("first_rank"))
        throw Error(ErrorKind::Resource, concat("--master ", address, ": expected the supervisor of the first host of this run, found ",
                                             line ? "something else" : "nobody who answers", " there"));
    m_meeting = { answer.at("first_rank").get<std::int64_t>(), answer.at("world").get<std::int64_t>(), answer.at("store").get<std::int64_t>() };
    peer.host = answer.value("host", "");
    m_peers.push_back(std::move(peer));
}

std::vector<int> NodeChannel::descriptors() const
{
    std::vector<int> all;
    for (const Peer& peer : m_peers)
        if (!peer.isGone)
            all.push_back(peer.socket.value());
    return all;
}

std::vector<NodeMessage> NodeChannel::receive()
{
    std::vector<NodeMessage> messages;
    const double now = m_clock.steadySeconds();
    if (now >= m_nextBeat) {
        m_nextBeat = now + m_options.livenessSeconds / kBeatsPerDeadline;
        for (Peer& peer : m_peers)
            sendTo(peer, lineOf({ { "kind", "beat" } }));
    }
    for (Peer& peer : m_peers) {
        if (peer.isGone)
            continue;
        readFrom(peer, messages);
        if (!peer.isGone && now - peer.lastSign > m_options.livenessSeconds) {
            peer.isGone = true;
            messages.push_back(lost(peer, concat("gave no sign of life for ", shortest(m_options.livenessSeconds), " s")));
        }
    }
    return messages;
}

void NodeChannel::readFrom(Peer& peer, std::vector<NodeMessage>& messages)
{
    std::array<char, 4096> buffer;
    ssize_t count = 0;
    while ((count = ::recv(peer.socket.value(), buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0) {
        peer.pending.append(buffer.data(), static_cast<std::size_t>(count));
        peer.lastSign = m_clock.steadySeconds();
    }
    const bool isClosed = count == 0 || (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
    for (std::size_t end = peer.pending.find('\n'); end != std::string::npos; end = peer.pending.find('\n')) {
        const json object = json::parse(peer.pending.substr(0, end), nullptr, false);
        peer.pending.erase(0, end + 1);
        for (const auto kind : { NodeMessage::Kind::Stop, NodeMessage::Kind::Ended, NodeMessage::Kind::Failed, NodeMessage::Kind::End })
            if (object.is_object() && object.value("kind", "") == nameOf(kind))
                messages.push_back({ kind, peer.node, object.contains("record") ? recordFrom(object.at("record")) : ExitRecord() });
    }
    if (isClosed) {
        peer.isGone = true;
        messages.push_back(lost(peer, "closed its connection"));
    }
}

NodeMessage NodeChannel::lost(const Peer& peer, const std::string& how) const
{
    NodeMessage message { NodeMessage::Kind::Failed, peer.node, {} };
    message.record.outcome = Outcome::Failed;
    message.record.code = 1;
    message.record.host = peer.host;
    message.record.reason = concat("host ", peer.node, " (", peer.host, ") ", how);
    return message;
}

void NodeChannel::send(NodeMessage::Kind kind, const ExitRecord& record)
{
    for (Peer& peer : m_peers)
        if (!peer.isGone)
            sendTo(peer, lineOf({ { "kind", nameOf(kind) }, { "record", toJson(record) } }));
}

// A connection that takes no more is noticed by its missing beats.
void NodeChannel::sendTo(Peer& peer, const std::string& line) const
{
    [[maybe_unused]] const ssize_t sent = ::send(peer.socket.value(), line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

} // namespace midpoint::launch
