// The supervisors of a run on several hosts: that of the first one listens, the others connect, and all of them beat. Whatever ends
// a run on one host ends it on all. Plain TCP, one JSON object per line; the ranks' own traffic does not come here.
#pragma once

#include "backend/core/clock.h"
#include "backend/core/error.h"
#include "backend/launch/exit_record.h"
#include "backend/launch/process.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace midpoint::launch {

struct NodeOptions {
    std::int64_t nodes = 1;
    std::int64_t node = 0;
    std::int64_t ranks = 1;          // on this host
    std::string masterAddress;       // the first host's; it listens on all of its addresses
    std::int64_t masterPort = 0;
    std::string version;
    std::string configHash;
    double rendezvousSeconds = 60.0;
    double livenessSeconds = 10.0;
    std::int64_t storePort = 0;      // of the first host: where its rank 0 will serve the store
};

// What all hosts know once they have met.
struct NodeMeeting {
    std::int64_t firstRank = 0;
    std::int64_t worldSize = 0;
    std::int64_t storePort = 0;
};

struct NodeMessage {
    enum class Kind { Stop, Ended, Failed, End };
    Kind kind = Kind::Stop;
    std::int64_t node = 0;
    ExitRecord record; // with Ended and Failed
};

class NodeChannel {
public:
    // Waits until all hosts are there. Throws Error{Resource} (port in use, a host that is missing or there twice, nobody or
    // somebody else at the address) or Error{Config} (hosts that differ), with the same words on every host.
    NodeChannel(const NodeOptions& options, const Clock& clock);
    ~NodeChannel();
    NodeChannel(const NodeChannel&) = delete;
    NodeChannel& operator=(const NodeChannel&) = delete;

    const NodeMeeting& meeting() const { return m_meeting; }
    std::vector<int> descriptors() const; // to wait for
    // What came from other hosts since the last call; also beats. A host that is gone is a failure of that host.
    std::vector<NodeMessage> receive();
    // To the first host, which passes it on; from the first one to all.
    void send(NodeMessage::Kind kind, const ExitRecord& record = {});

private:
    struct Peer {
        std::int64_t node = 0;
        std::string host;
        OwnedDescriptor socket;
        std::string pending;
        double lastSign = 0.0;
        bool isGone = false;
    };

    void listenForAll();
    void joinFirst();
    void refuseAll(ErrorKind kind, const std::string& message);
    void readFrom(Peer& peer, std::vector<NodeMessage>& messages);
    void sendTo(Peer& peer, const std::string& line) const;
    NodeMessage lost(const Peer& peer, const std::string& how) const;

    NodeOptions m_options;
    const Clock& m_clock;
    NodeMeeting m_meeting;
    std::vector<Peer> m_peers;
    double m_nextBeat = 0.0;
};

} // namespace midpoint::launch
