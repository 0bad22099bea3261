// Runs on several hosts, and under the launchers that users have.
#include "tests/backend/distributed/distributed_run.h"

#include <algorithm>
#include <memory>

namespace fs = std::filesystem;
using namespace midpoint;
using namespace midpoint::test;
using testing::AllOf;
using testing::HasSubstr;

// Two hosts on one machine: network namespaces joined by one cable.
class HostsTest : public DistributedTest {
protected:
    void SetUp() override
    {
        m_names = { concat("mpa", ::getpid()), concat("mpb", ::getpid()) };
        const bool isMade = shell(concat("ip netns add ", m_names[0], " && ip netns add ", m_names[1])) == 0
            && shell(concat("ip link add ", m_names[0], " netns ", m_names[0], " type veth peer name ", m_names[1], " netns ", m_names[1])) == 0;
        if (!isMade)
            GTEST_SKIP() << "network namespaces cannot be made here: " << output();
        for (std::size_t host = 0; host < 2; ++host)
            ASSERT_EQ(shell(concat("ip -n ", m_names[host], " link set lo up && ip -n ", m_names[host], " addr add 10.231.7.", host + 1,
                          "/24 dev ", m_names[host], " && ip -n ", m_names[host], " link set ", m_names[host], " up")),
                0);
    }
    void TearDown() override
    {
        for (const std::string& name : m_names)
            shell(concat("ip netns del ", name));
    }
    int shell(const std::string& command) { return Child({ "sh", "-c", command }, m_folder / "output").wait(); }
    std::unique_ptr<Child> startHost(const fs::path& run, std::int64_t host, std::vector<std::string> more = {})
    {
        std::vector<std::string> all = { "ip", "netns", "exec", m_names.at(static_cast<std::size_t>(host)) };
        more.insert(more.begin(), { "--nnodes", "2", "--node-rank", std::to_string(host), "--master", "10.231.7.1:29511" });
        const std::vector<std::string> train = words(run, 1, more);
        all.insert(all.end(), train.begin(), train.end());
        return std::make_unique<Child>(all, m_folder / concat("host", host));
    }
    std::string outputOf(std::int64_t host) const { return test::read(m_folder / concat("host", host)); }

    std::vector<std::string> m_names;
};

TEST_F(HostsTest, Train_OnTwoHosts_RollsOutAsOnOneRank)
{
    ASSERT_EQ(train(m_folder / "one", 1, { "run.steps=1" }), 0) << output();
    const fs::path run = m_folder / "two";
    const auto first = startHost(run, 0, { "run.steps=1" });
    const auto second = startHost(run, 1, { "run.steps=1" });
    EXPECT_EQ(first->wait(), 0) << outputOf(0);
    EXPECT_EQ(second->wait(), 0) << outputOf(1);
    EXPECT_EQ(rolloutsOf(run, 1), rolloutsOf(m_folder / "one", 1));
    EXPECT_THAT(outputOf(0), HasSubstr("through Gloo (rank 1 is not on the host of rank 0"));
    expectGone(run);
}

TEST_F(HostsTest, Network_Cut_EndsBothHostsAndResumeGoesOn)
{
    const fs::path run = m_folder / "run";
    const auto first = startHost(run, 0, { "run.steps=400" });
    const auto second = startHost(run, 1, { "run.steps=400" });
    ASSERT_TRUE(waitUntil([&] { return fs::exists(run / "checkpoints" / "step_000002"); })) << outputOf(0) << outputOf(1);
    ASSERT_EQ(shell(concat("ip -n ", m_names[0], " link set ", m_names[0], " down")), 0);
    EXPECT_EQ(first->wait(), 1) << outputOf(0);
    EXPECT_EQ(second->wait(), 1) << outputOf(1);
    EXPECT_EQ(record(run).outcome, launch::Outcome::Failed);
    EXPECT_THAT(record(run).reason, AllOf(HasSubstr("host 1"), HasSubstr("gave no sign of life for 4 s")));
    EXPECT_THAT(outputOf(1), AllOf(HasSubstr("host 0"), HasSubstr("gave no sign of life for 4 s")));
    expectGone(run);
    const std::int64_t reached = lastStep(run);
    ASSERT_EQ(train(run, 1, { concat("run.steps=", reached + 1) }), 0) << output();
}

TEST_F(HostsTest, Rank_KilledOnTheOtherHost_IsNamedOnBoth)
{
    const fs::path run = m_folder / "run";
    const auto first = startHost(run, 0, { "run.steps=400" });
    const auto second = startHost(run, 1, { "run.steps=400" });
    ASSERT_TRUE(waitUntil([&] { return fs::exists(run / "checkpoints" / "step_000002"); })) << outputOf(0) << outputOf(1);
    ::kill(static_cast<pid_t>(beatOf(run, 1)->pid), SIGKILL);
    EXPECT_EQ(first->wait(), 1);
    EXPECT_EQ(second->wait(), 1);
    EXPECT_EQ(record(run).rank, 1) << record(run).reason;
    EXPECT_THAT(outputOf(0), HasSubstr("rank 1 on "));
    EXPECT_THAT(outputOf(1), HasSubstr("signal 9"));
    expectGone(run);
}

TEST_F(HostsTest, Hosts_WithOtherConfigurations_AreRefusedOnBoth)
{
    const fs::path run = m_folder / "run";
    const auto first = startHost(run, 0, { "run.seed=1" });
    const auto second = startHost(run, 1, { "run.seed=2" });
    EXPECT_EQ(first->wait(), 2);
    EXPECT_EQ(second->wait(), 2);
    EXPECT_THAT(outputOf(0), HasSubstr("the hosts differ in the configuration"));
    EXPECT_THAT(outputOf(1), HasSubstr("the hosts differ in the configuration"));
    expectGone(run);
}

TEST_F(DistributedTest, Train_HostsWithAnAddressOfIpv6_Meet)
{
    const int descriptor = ::socket(AF_INET6, SOCK_STREAM, 0);
    sockaddr_in6 loopback {};
    loopback.sin6_family = AF_INET6;
    loopback.sin6_addr = in6addr_loopback;
    const bool isThere = ::bind(descriptor, reinterpret_cast<const sockaddr*>(&loopback), sizeof loopback) == 0;
    ::close(descriptor);
    if (!isThere)
        GTEST_SKIP() << "there is no IPv6 here";
    const fs::path run = m_folder / "run";
    std::vector<std::unique_ptr<Child>> hosts;
    for (int host = 0; host < 2; ++host)
        hosts.push_back(std::make_unique<Child>(words(run, 1, { "run.steps=1", "--nnodes", "2", "--node-rank", std::to_string(host), "--master",
                                                                concat("[::1]:", m_port) }),
            m_folder / concat("host", host), std::vector<std::string> { "MIDPOINT_SHARED_MEMORY=0" }));
    for (int host = 0; host < 2; ++host)
        EXPECT_EQ(hosts[static_cast<std::size_t>(host)]->wait(), 0) << test::read(m_folder / concat("host", host));
    EXPECT_EQ(lastStep(run), 1);
    expectGone(run);
}

// The tasks of srun and mpirun, by their variables.
TEST_F(DistributedTest, Train_AsTasksOfOpenMpi_MeetsAtRankZero)
{
    const fs::path run = m_folder / "run";
    std::vector<std::unique_ptr<Child>> tasks;
    for (int rank = 0; rank < 2; ++rank)
        tasks.push_back(std::make_unique<Child>(words(run, 1, { "run.steps=2" }), m_folder / concat("task", rank),
            std::vector<std::string> { "OMPI_COMM_WORLD_SIZE=2", concat("OMPI_COMM_WORLD_RANK=", rank), concat("OMPI_COMM_WORLD_LOCAL_RANK=", rank),
                "OMPI_COMM_WORLD_LOCAL_SIZE=2", concat("MASTER_PORT=", m_port) }));
    for (int rank = 0; rank < 2; ++rank)
        EXPECT_EQ(tasks[static_cast<std::size_t>(rank)]->wait(), 0) << test::read(m_folder / concat("task", rank));
    EXPECT_EQ(lastStep(run), 2);
    EXPECT_EQ(beats(run).size(), 2U);
    expectGone(run);
}

TEST_F(DistributedTest, Launcher_Killed_TakesItsRanksWithIt)
{
    const fs::path run = m_folder / "run";
    std::string script = "for rank in 0 1; do OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_RANK=$rank OMPI_COMM_WORLD_LOCAL_RANK=$rank "
                         "OMPI_COMM_WORLD_LOCAL_SIZE=2 MASTER_PORT=" + std::to_string(m_port);
    for (const std::string& word : words(run, 1, { "run.steps=400" }))
        script += concat(" '", word, "'");
    Child launcher({ "sh", "-c", script + " & done; wait" }, m_folder / "output");
    ASSERT_TRUE(waitUntil([&] { return fs::exists(run / "checkpoints" / "step_000002"); })) << output();
    launcher.kill(SIGKILL);
    launcher.wait();
    expectGone(run);
    const std::int64_t reached = lastStep(run);
    ASSERT_EQ(train(run, 1, { concat("run.steps=", reached + 1) }), 0) << output();
    EXPECT_EQ(lastStep(run), reached + 1);
}

// A rank that cannot begin: the others do not wait for it until the deadline, and say why.
TEST_F(DistributedTest, Task_WithoutItsModel_TellsTheOthers)
{
    const fs::path run = m_folder / "run";
    const fs::path model = m_folder / "model";
    fs::copy(test::sourceFolder() / "projects" / "arithmetic" / "base", model, fs::copy_options::recursive);
    std::vector<std::unique_ptr<Child>> tasks;
    for (int rank = 0; rank < 2; ++rank) {
        // The same words on both, but a working folder of its own, in which the second finds no weights.
        const fs::path folder = m_folder / (rank == 0 ? "here" : "there");
        fs::create_directory(folder);
        fs::copy(model, folder / "model", fs::copy_options::recursive);
        if (rank == 1)
            test::write(folder / "model" / "model.safetensors", "no weights");
        std::string command = concat("cd '", folder.string(), "' && exec");
        for (const std::string& word : words(run, 1, { "run.steps=2" }))
            command += concat(" '", word, "'");
        tasks.push_back(std::make_unique<Child>(std::vector<std::string> { "sh", "-c", command + " model.path=model" },
            m_folder / concat("task", rank),
            std::vector<std::string> { "OMPI_COMM_WORLD_SIZE=2", concat("OMPI_COMM_WORLD_RANK=", rank), concat("OMPI_COMM_WORLD_LOCAL_RANK=", rank),
                "OMPI_COMM_WORLD_LOCAL_SIZE=2", concat("MASTER_PORT=", m_port) }));
    }
    for (int rank = 0; rank < 2; ++rank) {
        EXPECT_NE(tasks[static_cast<std::size_t>(rank)]->wait(), 0);
        EXPECT_THAT(test::read(m_folder / concat("task", rank)), HasSubstr("model.safetensors"));
    }
    EXPECT_THAT(test::read(m_folder / "task0"), AllOf(HasSubstr("rank 1 on "), HasSubstr("cannot take part")));
}

TEST_F(DistributedTest, Train_TasksWithOtherConfigurations_AreRefusedOnBoth)
{
    const fs::path run = m_folder / "run";
    std::vector<std::unique_ptr<Child>> tasks;
    for (int rank = 0; rank < 2; ++rank)
        tasks.push_back(std::make_unique<Child>(words(run, 1, { concat("run.seed=", rank) }), m_folder / concat("task", rank),
            std::vector<std::string> { "SLURM_STEP_ID=0", "SLURM_STEP_NUM_TASKS=2", concat("SLURM_PROCID=", rank), concat("SLURM_LOCALID=", rank),
                concat("MASTER_PORT=", m_port) }));
    for (int rank = 0; rank < 2; ++rank) {
        EXPECT_EQ(tasks[static_cast<std::size_t>(rank)]->wait(), 2);
        EXPECT_THAT(test::read(m_folder / concat("task", rank)), HasSubstr("the ranks differ in the configuration"));
    }
}

TEST_F(DistributedTest, Train_UnderTorchrun_UsesTheAgentsStore)
{
    const char* torchrun = std::getenv("MIDPOINT_TORCHRUN"); // a machine of users has it in PATH; the build does not need it
    const std::string program = torchrun != nullptr ? torchrun : "torchrun";
    if (Child({ "sh", "-c", concat("command -v ", program) }, m_folder / "output").wait() != 0)
        GTEST_SKIP() << "there is no torchrun here (MIDPOINT_TORCHRUN names one)";
    const fs::path run = m_folder / "run";
    std::vector<std::string> all = { program, "--no-python", "--nproc-per-node", "2", "--master-port", std::to_string(m_port) };
    std::vector<std::string> train = words(run, 1, { "run.steps=2" });
    const auto count = std::find(train.begin(), train.end(), "--nproc"); // torchrun takes it for its own, and has set it
    train.erase(count, count + 2);
    all.insert(all.end(), train.begin(), train.end());
    ASSERT_EQ(Child(all, m_folder / "output").wait(), 0) << output();
    EXPECT_EQ(lastStep(run), 2);
    EXPECT_EQ(beats(run).size(), 2U);
    expectGone(run);
}

// Two tasks of a real launcher, where this machine has it.
class LauncherTest : public DistributedTest {
protected:
    bool works(const std::string& command) { return Child({ "sh", "-c", command }, m_folder / "output").wait() == 0; }
    void expectTwoRanks(std::vector<std::string> launcher)
    {
        const fs::path run = m_folder / "run";
        const std::vector<std::string> train = words(run, 1, { "run.steps=2" });
        launcher.insert(launcher.end(), train.begin(), train.end());
        ASSERT_EQ(Child(launcher, m_folder / "output").wait(), 0) << output();
        EXPECT_EQ(lastStep(run), 2);
        EXPECT_EQ(beats(run).size(), 2U);
        EXPECT_EQ(record(run).outcome, launch::Outcome::Finished);
        expectGone(run);
    }
};

TEST_F(LauncherTest, Mpirun_StartsTheRanks)
{
    const std::vector<std::string> mpirun { "mpirun", "--allow-run-as-root", "--oversubscribe", "-n", "2" };
    if (!works("mpirun --allow-run-as-root --oversubscribe -n 2 true"))
        GTEST_SKIP() << "mpirun does not work here: " << output();
    expectTwoRanks(mpirun);
}

TEST_F(LauncherTest, Srun_StartsTheRanks)
{
    if (!works("timeout 20 srun --overcommit -n 2 true"))
        GTEST_SKIP() << "srun does not work here: " << output();
    expectTwoRanks({ "srun", "--overcommit", "-n", "2" });
}

TEST_F(DistributedTest, WrongUse_OfHostsAndDevices_IsSaidAtOnce)
{
    EXPECT_EQ(train(m_folder / "run", 2, { "--nnodes", "2" }), 2);
    EXPECT_THAT(output(), HasSubstr("--master: expected HOST:PORT"));
    EXPECT_EQ(train(m_folder / "run", 2, { "--node-rank", "1" }), 2);
    EXPECT_THAT(output(), HasSubstr("--node-rank: expected --nnodes N as well"));
    EXPECT_EQ(train(m_folder / "run", 2, { "--master", "127.0.0.1:29500" }), 2);
    EXPECT_THAT(output(), HasSubstr("--master: expected --nnodes N as well"));
    EXPECT_EQ(train(m_folder / "run", 2, { "--nnodes", "2", "--node-rank", "2", "--master", "127.0.0.1:29500" }), 2);
    EXPECT_THAT(output(), HasSubstr("--node-rank: expected 0 to 1 with --nnodes 2, found 2"));
    EXPECT_EQ(train(m_folder / "run", 3, { "run.devices=[\"cpu\", \"cpu\"]" }), 2);
    EXPECT_THAT(output(), HasSubstr("--nproc: expected the 2 devices"));
    EXPECT_FALSE(fs::exists(m_folder / "run"));
}
