// Ranks of a group as threads of one test, which talk as processes do: through shared memory or over real sockets.
#pragma once

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/distributed/rendezvous.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <functional>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace midpoint::distributed::test {

// A listening socket of this machine; rank 0's store takes it over.
struct Port {
    Port()
        : descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))
    {
        sockaddr_in address {};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        auto* plain = reinterpret_cast<sockaddr*>(&address);
        if (::bind(descriptor, plain, size) != 0 || ::listen(descriptor, 64) != 0 || ::getsockname(descriptor, plain, &size) != 0)
            throw Error(ErrorKind::Resource, "no port for the test");
        number = ntohs(address.sin_port);
    }
    int descriptor;
    std::int64_t number = 0;
};

enum class Way { Memory, Sockets };
inline std::string nameOf(Way way) { return way == Way::Memory ? "Memory" : "Sockets"; }

inline RendezvousOptions optionsFor(const Port& port, std::int64_t rank, std::int64_t size, Way way = Way::Memory)
{
    RendezvousOptions options;
    options.sharesMemory = way == Way::Memory;
    options.rank = rank;
    options.size = size;
    options.storePort = port.number;
    options.holdsStore = rank == 0;
    options.storeDescriptor = rank == 0 ? port.descriptor : -1;
    options.deadlineSeconds = 20.0;
    options.collectiveSeconds = 20.0;
    return options;
}

inline Identity identityOf(std::int64_t rank)
{
    return { .rank = rank, .host = concat("host", rank), .pid = 100 + rank, .device = "cpu", .visible = "", .version = "1",
        .configHash = "config", .dataHash = "data", .weightsHash = "weights" };
}

// Runs `work` on every rank at once; the messages of their errors, by rank ("" where there was none).
inline std::vector<std::string> runRanks(std::int64_t size, const std::function<void(std::int64_t rank)>& work)
{
    std::vector<std::string> errors(static_cast<std::size_t>(size));
    std::vector<std::thread> threads;
    for (std::int64_t rank = 0; rank < size; ++rank)
        threads.emplace_back([&, rank] {
            try {
                work(rank);
            } catch (const std::exception& error) {
                errors[static_cast<std::size_t>(rank)] = error.what();
            }
        });
    for (std::thread& thread : threads)
        thread.join();
    return errors;
}

// The same with a communicator for each; errors fail the test.
inline void withCommunicators(Way way, std::int64_t size, const std::function<void(Communicator&)>& work)
{
    const Port port;
    const std::vector<std::string> errors = runRanks(size, [&](std::int64_t rank) {
        const Meeting meeting = meet(optionsFor(port, rank, size, way), identityOf(rank));
        if (size > 1) {
            EXPECT_THAT(meeting.through, testing::StartsWith(way == Way::Memory ? "shared memory" : "Gloo"));
        }
        work(*meeting.communicator);
        meeting.communicator->barrier("end of the test");
    });
    for (std::int64_t rank = 0; rank < size; ++rank)
        EXPECT_EQ(errors[static_cast<std::size_t>(rank)], "") << "rank " << rank;
}

} // namespace midpoint::distributed::test
