// Supervisors of several hosts, as threads over real sockets; and the places that other launchers give.
#include "backend/launch/node_channel.h"

#include "backend/core/text.h"
#include "backend/launch/rank_environment.h"

#include <arpa/inet.h>
#include <atomic>
#include <cstdlib>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace midpoint::launch {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

// A port that was free a moment ago.
struct Port {
    Port()
        : socket(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0))
    {
        sockaddr_in6 address {};
        address.sin6_family = AF_INET6;
        socklen_t size = sizeof address;
        auto* plain = reinterpret_cast<sockaddr*>(&address);
        EXPECT_EQ(::bind(socket.value(), plain, size), 0);
        EXPECT_EQ(::getsockname(socket.value(), plain, &size), 0);
        number = ntohs(address.sin6_port);
    }
    OwnedDescriptor socket;
    std::int64_t number = 0;
};

NodeOptions optionsFor(std::int64_t port, std::int64_t node, std::int64_t nodes)
{
    NodeOptions options;
    options.nodes = nodes;
    options.node = node;
    options.ranks = node + 1;
    options.masterAddress = "127.0.0.1";
    options.masterPort = port;
    options.version = "1";
    options.configHash = "config";
    options.rendezvousSeconds = 10.0;
    options.livenessSeconds = 2.0;
    options.storePort = node == 0 ? 4711 : 0;
    return options;
}

std::vector<std::string> onThreads(std::int64_t count, const std::function<void(std::int64_t)>& work)
{
    std::vector<std::string> errors(static_cast<std::size_t>(count));
    std::vector<std::thread> threads;
    for (std::int64_t i = 0; i < count; ++i)
        threads.emplace_back([&, i] {
            try {
                work(i);
            } catch (const std::exception& error) {
                errors[static_cast<std::size_t>(i)] = error.what();
            }
        });
    for (std::thread& thread : threads)
        thread.join();
    return errors;
}

std::int64_t freePort()
{
    const Port port;
    return port.number;
}

// Reads until something comes, or until the deadline.
std::vector<NodeMessage> nextMessages(NodeChannel& channel)
{
    constexpr double kDeadlineSeconds = 10.0;
    const double deadline = systemClock().steadySeconds() + kDeadlineSeconds;
    while (systemClock().steadySeconds() < deadline) {
        std::vector<NodeMessage> messages = channel.receive();
        if (!messages.empty())
            return messages;
        systemClock().sleepFor(0.01);
    }
    return {};
}

TEST(NodeChannel, ThreeHosts_Meet_AndNumberTheirRanksInOrder)
{
    const std::int64_t port = freePort();
    std::vector<NodeMeeting> meetings(3);
    const auto errors = onThreads(3, [&](std::int64_t node) {
        const NodeChannel channel(optionsFor(port, node, 3), systemClock());
        meetings[static_cast<std::size_t>(node)] = channel.meeting();
    });
    EXPECT_THAT(errors, Each(""));
    const std::vector<std::int64_t> first { 0, 1, 3 };
    for (std::size_t node = 0; node < 3; ++node) {
        EXPECT_EQ(meetings[node].firstRank, first[node]);
        EXPECT_EQ(meetings[node].worldSize, 6);
        EXPECT_EQ(meetings[node].storePort, 4711);
    }
}

TEST(NodeChannel, Failure_OfOneHost_ReachesTheOtherWithItsRecord)
{
    const std::int64_t port = freePort();
    const auto errors = onThreads(2, [&](std::int64_t node) {
        NodeChannel channel(optionsFor(port, node, 2), systemClock());
        if (node == 1) {
            ExitRecord record;
            record.outcome = Outcome::Failed;
            record.rank = 2;
            record.signal = 9;
            record.step = 12;
            record.phase = "update";
            record.operation = "340 (reduce gradients)";
            record.reason = "signal 9";
            channel.send(NodeMessage::Kind::Failed, record);
            nextMessages(channel); // until the first host has closed
            return;
        }
        const std::vector<NodeMessage> messages = nextMessages(channel);
        ASSERT_EQ(messages.size(), 1U);
        EXPECT_EQ(messages[0].kind, NodeMessage::Kind::Failed);
        EXPECT_EQ(messages[0].record.rank, 2);
        EXPECT_EQ(messages[0].record.signal, 9);
        EXPECT_EQ(messages[0].record.operation, "340 (reduce gradients)");
    });
    EXPECT_THAT(errors, Each(""));
}

TEST(NodeChannel, HostThatGoesAwayOrFallsSilent_IsAFailureWithItsName)
{
    for (const bool isSilent : { false, true }) {
        const std::int64_t port = freePort();
        std::atomic<bool> isNoticed = false;
        const auto errors = onThreads(2, [&](std::int64_t node) {
            NodeChannel channel(optionsFor(port, node, 2), systemClock());
            if (node == 1) {
                while (isSilent && !isNoticed)
                    systemClock().sleepFor(0.01); // no beats: it never looks
                return;
            }
            const std::vector<NodeMessage> messages = nextMessages(channel);
            isNoticed = true;
            ASSERT_EQ(messages.size(), 1U);
            EXPECT_EQ(messages[0].kind, NodeMessage::Kind::Failed);
            EXPECT_THAT(messages[0].record.reason,
                AllOf(HasSubstr("host 1"), HasSubstr(isSilent ? "gave no sign of life for 2 s" : "closed its connection")));
        });
        EXPECT_THAT(errors, Each(""));
    }
}

std::vector<std::string> refusals(std::int64_t hosts, const std::function<void(NodeOptions&)>& change)
{
    const std::int64_t port = freePort();
    return onThreads(hosts, [&](std::int64_t node) {
        NodeOptions options = optionsFor(port, node, hosts);
        change(options);
        const NodeChannel channel(options, systemClock());
    });
}

TEST(NodeChannel, HostsThatDiffer_AreToldTheSameOnBothSides)
{
    const auto version = refusals(2, [](NodeOptions& options) { options.version = options.node == 0 ? "1" : "2"; });
    EXPECT_THAT(version, Each(AllOf(HasSubstr("version"), HasSubstr("has 1"), HasSubstr("has 2"))));
    const auto configuration = refusals(2, [](NodeOptions& options) { options.configHash = std::to_string(options.node); });
    EXPECT_THAT(configuration, Each(HasSubstr("the hosts differ in the configuration")));
    const auto count = refusals(2, [](NodeOptions& options) { options.nodes = options.node == 0 ? 2 : 3; });
    EXPECT_THAT(count, Each(HasSubstr("--nnodes")));
}

TEST(NodeChannel, TwoHostsWithOneNumber_AreToldOnAll)
{
    const auto errors = refusals(3, [](NodeOptions& options) { options.node = std::min<std::int64_t>(options.node, 1); });
    EXPECT_THAT(errors, Each(HasSubstr("two hosts have --node-rank 1")));
}

TEST(NodeChannel, MissingHost_IsNamedOnTheOthersAtTheDeadline)
{
    const std::int64_t port = freePort();
    const auto errors = onThreads(2, [&](std::int64_t node) {
        NodeOptions options = optionsFor(port, node, 3);
        options.rendezvousSeconds = 1.0;
        const NodeChannel channel(options, systemClock());
    });
    EXPECT_THAT(errors, Each(AllOf(HasSubstr("within 1 s"), HasSubstr("--node-rank 2"))));
}

TEST(NodeChannel, PortInUseAndNobodyThere_AreClearErrors)
{
    const Port taken;
    ASSERT_EQ(::listen(taken.socket.value(), 1), 0);
    try {
        NodeChannel(optionsFor(taken.number, 0, 2), systemClock());
        FAIL();
    } catch (const Error& error) {
        EXPECT_THAT(error.what(), AllOf(HasSubstr(std::to_string(taken.number)), HasSubstr("in use")));
    }
    NodeOptions options = optionsFor(freePort(), 1, 2);
    options.rendezvousSeconds = 0.5;
    try {
        NodeChannel(options, systemClock());
        FAIL();
    } catch (const Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("could not be reached within 0.5 s"));
    }
}

TEST(NodeChannel, SomebodyElseKnocks_IsIgnored)
{
    const std::int64_t port = freePort();
    const auto errors = onThreads(3, [&](std::int64_t node) {
        if (node < 2) {
            const NodeChannel channel(optionsFor(port, node, 2), systemClock());
            return;
        }
        sockaddr_in address {};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(static_cast<std::uint16_t>(port));
        const OwnedDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (::connect(socket.value(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
            EXPECT_GT(::send(socket.value(), "GET / HTTP/1.1\n", 15, MSG_NOSIGNAL), 0);
        }
    });
    EXPECT_THAT(errors, Each(""));
}

// ---- places of other launchers ----

class ForeignPlaceTest : public testing::Test {
protected:
    void set(const char* name, const char* value)
    {
        ::setenv(name, value, 1);
        m_set.emplace_back(name);
    }
    ~ForeignPlaceTest() override
    {
        for (const std::string& name : m_set)
            ::unsetenv(name.c_str());
    }
    std::vector<std::string> m_set;
};

TEST_F(ForeignPlaceTest, NoLauncher_GivesNone) { EXPECT_FALSE(foreignPlace().has_value()); }

TEST_F(ForeignPlaceTest, Torchrun_GivesItsRanksAndTheAgentsStore)
{
    set("TORCHELASTIC_RUN_ID", "none");
    set("TORCHELASTIC_RESTART_COUNT", "2");
    set("TORCHELASTIC_USE_AGENT_STORE", "True");
    set("RANK", "0");
    set("WORLD_SIZE", "4");
    set("LOCAL_RANK", "0");
    set("LOCAL_WORLD_SIZE", "2");
    set("MASTER_ADDR", "node7");
    set("MASTER_PORT", "29400");
    const auto place = foreignPlace();
    ASSERT_TRUE(place.has_value());
    EXPECT_EQ(place->launcher, "torchrun");
    EXPECT_EQ(place->environment.worldSize, 4);
    EXPECT_EQ(place->environment.masterAddress, "node7");
    EXPECT_EQ(place->environment.attempt, "none.2");
    EXPECT_FALSE(place->environment.holdsStore);
    set("TORCHELASTIC_USE_AGENT_STORE", "False");
    EXPECT_TRUE(foreignPlace()->environment.holdsStore);
}

TEST_F(ForeignPlaceTest, Slurm_OnlyAStepWithSeveralTasksIsOne)
{
    set("SLURM_JOB_ID", "12345");
    EXPECT_FALSE(foreignPlace().has_value()) << "inside an allocation, but no step";
    set("SLURM_STEP_ID", "0");
    set("SLURM_PROCID", "3");
    set("SLURM_LOCALID", "1");
    set("SLURM_STEP_NUM_TASKS", "1");
    EXPECT_FALSE(foreignPlace().has_value()) << "a shell";
    set("SLURM_STEP_NUM_TASKS", "5");
    set("SLURM_STEP_NUM_NODES", "3");
    set("SLURM_NODEID", "1");
    set("SLURM_STEP_TASKS_PER_NODE", "2(x2),1");
    set("SLURM_STEP_NODELIST", "gpu[03-05],other");
    const auto place = foreignPlace();
    ASSERT_TRUE(place.has_value());
    EXPECT_EQ(place->environment.rank, 3);
    EXPECT_EQ(place->environment.localWorldSize, 2);
    EXPECT_EQ(place->environment.masterAddress, "gpu03");
    EXPECT_GT(place->environment.masterPort, 1024);
    set("MASTER_ADDR", "elsewhere");
    EXPECT_EQ(foreignPlace()->environment.masterAddress, "elsewhere");
    set("SLURM_PROCID", "");
    EXPECT_THROW(foreignPlace(), Error) << "several tasks that do not know which they are would each train alone";
}

TEST_F(ForeignPlaceTest, OpenMpi_OnSeveralHostsNeedsTheMaster)
{
    set("OMPI_COMM_WORLD_SIZE", "4");
    set("OMPI_COMM_WORLD_RANK", "2");
    set("OMPI_COMM_WORLD_LOCAL_RANK", "0");
    set("OMPI_COMM_WORLD_LOCAL_SIZE", "4");
    EXPECT_EQ(foreignPlace()->environment.masterAddress, "127.0.0.1");
    set("OMPI_COMM_WORLD_LOCAL_SIZE", "2");
    EXPECT_THROW(foreignPlace(), Error);
    set("MASTER_ADDR", "first");
    EXPECT_EQ(foreignPlace()->environment.masterAddress, "first");
    set("OMPI_COMM_WORLD_RANK", "4");
    EXPECT_THROW(foreignPlace(), Error);
}

TEST(FirstSlurmHost, ListsInShortForm_GiveTheFirstName)
{
    EXPECT_EQ(firstSlurmHost("alone"), "alone");
    EXPECT_EQ(firstSlurmHost("a,b"), "a");
    EXPECT_EQ(firstSlurmHost("node[03-05,9],other"), "node03");
    EXPECT_EQ(firstSlurmHost("a,node[03-05]"), "a");
    EXPECT_EQ(firstSlurmHost("node[7]-ib"), "node7-ib");
    EXPECT_THROW(firstSlurmHost("node[7"), Error);
}

} // namespace
} // namespace midpoint::launch
