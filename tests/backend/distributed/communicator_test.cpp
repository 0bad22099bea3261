// Collectives, on every way that carries them, and rendezvous, with ranks as threads.
#include "backend/distributed/communicator.h"

#include "backend/core/text.h"
#include "backend/launch/peer_lost.h"
#include "tests/backend/distributed/rank_threads.h"

#include <gmock/gmock.h>
#include <torch/types.h>

#include <cstdlib>
#include <latch>
#include <mutex>
#include <set>
#include <thread>

namespace midpoint::distributed {
namespace {

using testing::AllOf;
using testing::Each;
using testing::HasSubstr;

using test::Way;

class CommunicatorTest : public testing::TestWithParam<std::tuple<Way, std::int64_t>> {
protected:
    const Way m_way = std::get<0>(GetParam());
    const std::int64_t m_size = std::get<1>(GetParam());
};

TEST_P(CommunicatorTest, Collectives_OnEveryRank_GiveTheSumMaximumAndBlocks)
{
    const std::int64_t size = m_size;
    test::withCommunicators(m_way, size, [size](Communicator& communicator) {
        const auto rank = static_cast<double>(communicator.rank());
        const torch::Tensor sum = torch::full({ 3 }, rank + 1.0, torch::kFloat64);
        communicator.allReduce(sum, Reduction::Sum, "sum");
        EXPECT_TRUE(torch::equal(sum, torch::full({ 3 }, static_cast<double>(size * (size + 1) / 2), torch::kFloat64)));
        const torch::Tensor maximum = torch::full({ 1 }, rank, torch::kFloat64);
        communicator.allReduce(maximum, Reduction::Maximum, "maximum");
        EXPECT_EQ(maximum.item<double>(), static_cast<double>(size - 1));

        const torch::Tensor blocks = torch::arange(size * 2, torch::kFloat32).view({ size, 2 });
        const torch::Tensor own = torch::empty({ 2 });
        communicator.startReduceScatter(own, blocks, "scatter").wait();
        EXPECT_TRUE(torch::equal(own, blocks[communicator.rank()] * size));
        const torch::Tensor all = torch::empty({ size, 2 });
        communicator.allGather(all, own, "gather");
        EXPECT_TRUE(torch::equal(all, blocks * size));

        const torch::Tensor said = torch::full({ 2 }, rank);
        communicator.broadcast(said, size - 1, "say");
        EXPECT_TRUE(torch::equal(said, torch::full({ 2 }, static_cast<double>(size - 1))));
    });
}

TEST_P(CommunicatorTest, Objects_OfAnyLength_ReachEveryRank)
{
    const std::int64_t size = m_size;
    test::withCommunicators(m_way, size, [size](Communicator& communicator) {
        const std::int64_t rank = communicator.rank();
        const std::vector<std::string> all
            = communicator.gatherObjects(std::string(static_cast<std::size_t>(rank) * 1000, static_cast<char>('a' + rank)), "objects");
        ASSERT_EQ(std::ssize(all), size);
        for (std::int64_t other = 0; other < size; ++other)
            EXPECT_EQ(all[static_cast<std::size_t>(other)],
                std::string(static_cast<std::size_t>(other) * 1000, static_cast<char>('a' + other)));
        EXPECT_EQ(communicator.broadcastObject(rank == 0 ? std::string("one\0two", 7) : "not this", 0, "say"), std::string("one\0two", 7));
        EXPECT_EQ(communicator.broadcastObject("", 0, "nothing"), "");
        EXPECT_THAT(communicator.gatherObjects("", "nothing"), testing::SizeIs(size));
    });
}

// Together more than a rank's ring of shared memory holds, in pieces of unequal length.
TEST_P(CommunicatorTest, LargeTensors_SeveralUnderWay_ArriveWhole)
{
    const std::int64_t size = m_size;
    test::withCommunicators(m_way, size, [size](Communicator& communicator) {
        const std::int64_t rank = communicator.rank();
        const std::int64_t elements = (34 << 20) / 4 / size + 3; // a rank says 34 MB
        std::vector<torch::Tensor> sums;
        std::vector<Pending> pending;
        for (std::int64_t i = 0; i < 2; ++i) {
            const torch::Tensor all = torch::arange(size * elements, torch::kFloat32).remainder_(1000).add_(static_cast<double>(rank + i));
            sums.push_back(torch::empty({ elements }));
            pending.push_back(communicator.startReduceScatter(sums.back(), all, "scatter"));
        }
        const torch::Tensor said = torch::full({ (9 << 20) + 1 }, static_cast<double>(rank), torch::kUInt8);
        for (Pending& one : pending)
            one.wait();
        communicator.broadcast(said, 0, "say");
        EXPECT_EQ(said.max().item<std::int64_t>(), 0);
        for (std::int64_t i = 0; i < 2; ++i) {
            const torch::Tensor expected = torch::arange(rank * elements, (rank + 1) * elements, torch::kFloat32)
                                               .remainder_(1000).mul_(size).add_(static_cast<double>(size * (size - 1) / 2 + i * size));
            EXPECT_TRUE(torch::equal(sums[static_cast<std::size_t>(i)], expected)) << i;
        }
        const torch::Tensor rounded = torch::full({ (3 << 20) + 1 }, static_cast<double>(rank + 1), torch::kBFloat16);
        const torch::Tensor gathered = torch::empty({ size, rounded.numel() }, torch::kBFloat16);
        communicator.allGather(gathered, rounded, "gather");
        for (std::int64_t other = 0; other < size; ++other)
            EXPECT_TRUE((gathered[other] == static_cast<double>(other + 1)).all().item<bool>()) << other;
    });
}

// Tensors of several sizes, some with shards that are shorter or empty, more than a ring holds; two operations under way at once.
TEST_P(CommunicatorTest, ShardsInPlace_OfManyTensors_BecomeSumsAndReachAll)
{
    const std::int64_t size = m_size;
    const bool isExpected = m_way == Way::Memory && size > 1;
    test::withCommunicators(m_way, size, [size, isExpected](Communicator& communicator) {
        const std::int64_t rank = communicator.rank();
        ASSERT_EQ(communicator.movesInPlace(torch::empty({ 1 })), isExpected);
        if (!isExpected)
            return;
        const auto make = [rank](double first) {
            std::vector<torch::Tensor> tensors;
            for (const std::int64_t elements : { 1, 7, 0, 300'001, 5, 5'000'003, 129, 2 })
                tensors.push_back(torch::arange(elements, torch::kFloat32).remainder_(997).add_(first + static_cast<double>(rank)));
            return tensors;
        };
        const std::vector<torch::Tensor> one = make(0.0);
        const std::vector<torch::Tensor> two = make(3.0);
        Pending first = communicator.startReduceShards(one, "reduce");
        Pending second = communicator.startReduceShards(two, "reduce");
        first.wait();
        second.wait();
        communicator.gatherShards(two, "gather");
        communicator.gatherShards(one, "gather");
        for (std::size_t i = 0; i < one.size(); ++i) {
            const torch::Tensor plain = torch::arange(one[i].numel(), torch::kFloat32).remainder_(997).mul_(size);
            const auto offsets = static_cast<double>(size * (size - 1) / 2);
            EXPECT_TRUE(torch::equal(one[i], plain + offsets)) << i;
            EXPECT_TRUE(torch::equal(two[i], plain + offsets + static_cast<double>(3 * size))) << i;
        }
        const std::vector<torch::Tensor> rounded { torch::full({ 5, 3 }, static_cast<double>(rank), torch::kBFloat16) };
        communicator.gatherShards(rounded, "gather");
        for (std::int64_t element = 0; element < 15; ++element)
            EXPECT_EQ(rounded[0].view(-1)[element].item<double>(), static_cast<double>(element / ((15 + size - 1) / size))) << element;
    });
}

constexpr auto bothWays = [] { return testing::Values(Way::Memory, Way::Sockets); };
INSTANTIATE_TEST_SUITE_P(Ways, CommunicatorTest, testing::Combine(bothWays(), testing::Values(1, 2, 3, 4)),
    [](const auto& item) { return concat(test::nameOf(std::get<0>(item.param)), std::get<1>(item.param)); });

TEST(Communicator, GroupsBesideEachOther_DoNotShareARecorder)
{
    test::withCommunicators(Way::Sockets, 2, [](Communicator& communicator) { communicator.barrier("first"); });
    EXPECT_STREQ(std::getenv("TORCH_FR_BUFFER_SIZE"), "0") << "c10d's recorder of operations is not safe for ranks that are threads";
    std::vector<std::jthread> groups;
    for (int group = 0; group < 4; ++group)
        groups.emplace_back([] {
            test::withCommunicators(Way::Sockets, 3, [](Communicator& communicator) {
                for (int i = 0; i < 50; ++i)
                    communicator.barrier("beside others");
            });
        });
}

class EveryWay : public testing::TestWithParam<Way> {};
INSTANTIATE_TEST_SUITE_P(Ways, EveryWay, bothWays(), [](const auto& item) { return test::nameOf(item.param); });

TEST_P(EveryWay, Operations_AreNamedAndNumberedAlikeOnAllRanks)
{
    const test::Port port;
    std::mutex mutex;
    std::set<std::vector<std::string>> seen;
    const auto errors = test::runRanks(2, [&](std::int64_t rank) {
        std::vector<std::string> operations;
        const Meeting meeting = meet(test::optionsFor(port, rank, 2, GetParam()), test::identityOf(rank),
            [&](std::int64_t sequence, std::string_view name) { operations.push_back(concat(sequence, " ", name)); });
        meeting.communicator->barrier("first");
        meeting.communicator->broadcast(torch::zeros({ 4 }), 0, "second");
        const std::scoped_lock lock(mutex);
        seen.insert(operations);
    });
    EXPECT_THAT(errors, Each(""));
    EXPECT_THAT(seen, testing::ElementsAre(testing::ElementsAre("1 first", "1 ", "2 second", "2 ")));
}

TEST_P(EveryWay, RankThatLeaves_IsAnErrorWithTheOperationsName)
{
    const test::Port port;
    const auto errors = test::runRanks(2, [&](std::int64_t rank) {
        const Meeting meeting = meet(test::optionsFor(port, rank, 2, GetParam()), test::identityOf(rank));
        meeting.communicator->barrier("both");
        if (rank == 1)
            return;
        EXPECT_THROW(meeting.communicator->barrier("alone"), launch::PeerLost);
        meeting.communicator->barrier("again");
    });
    EXPECT_THAT(errors[0], AllOf(HasSubstr("rank 0 lost the other ranks"), HasSubstr("(again)")));
    EXPECT_EQ(errors[1], "");
}

TEST_P(EveryWay, OperationThatNobodyJoins_EndsAtItsDeadline)
{
    const test::Port port;
    std::latch isOver(1);
    const auto errors = test::runRanks(2, [&](std::int64_t rank) {
        RendezvousOptions options = test::optionsFor(port, rank, 2, GetParam());
        options.collectiveSeconds = rank == 0 ? 3.0 : 20.0; // connecting has this deadline too
        const Meeting meeting = meet(options, test::identityOf(rank));
        if (rank == 1) {
            isOver.wait();
            EXPECT_THROW(meeting.communicator->broadcast(torch::zeros({ 1 << 22 }), 0, "late"), launch::PeerLost);
            return;
        }
        try {
            meeting.communicator->barrier("early");
        } catch (const launch::PeerLost&) {
            isOver.count_down();
            throw;
        }
    });
    EXPECT_THAT(errors[0], HasSubstr("(early)"));
}

// Does the work, and appends to the words of an error the code with which its process would end.
void withExitCode(const std::function<void()>& work)
{
    try {
        work();
    } catch (const Error& error) {
        throw Error(error.kind(), concat(error.what(), " [exit code ", exitCode(error.kind()), "]"));
    }
}

// Starts two ranks that should not go together; both have to say the same.
std::string refusal(const std::function<void(Identity&)>& change)
{
    const test::Port port;
    const auto errors = test::runRanks(2, [&](std::int64_t rank) {
        Identity own = test::identityOf(rank);
        if (rank == 1)
            change(own);
        withExitCode([&] { meet(test::optionsFor(port, rank, 2), own); });
    });
    EXPECT_THAT(errors[0], HasSubstr("[exit code 2]"));
    EXPECT_EQ(errors[0], errors[1]);
    return errors[0];
}

TEST(Rendezvous, RanksThatDiffer_AreRefusedOnAllRanksWithBothValues)
{
    EXPECT_THAT(refusal([](Identity& rank) { rank.version = "2"; }), AllOf(HasSubstr("version"), HasSubstr("has 1"), HasSubstr("has 2"), HasSubstr("rank 1 on host1")));
    EXPECT_THAT(refusal([](Identity& rank) { rank.configHash = "other"; }), HasSubstr("differ in the configuration"));
    EXPECT_THAT(refusal([](Identity& rank) { rank.dataHash = "other"; }), HasSubstr("data.train_files"));
    EXPECT_THAT(refusal([](Identity& rank) { rank.weightsHash = "other"; }), HasSubstr("starting weights"));
}

TEST(Rendezvous, TwoRanksWithOneNumber_AreRefusedOnAllRanks)
{
    const test::Port port;
    const auto errors = test::runRanks(3, [&](std::int64_t thread) {
        const std::int64_t rank = std::min<std::int64_t>(thread, 1); // the second and the third are both rank 1
        withExitCode([&] { meet(test::optionsFor(port, rank, 3), test::identityOf(rank)); });
    });
    EXPECT_THAT(errors, Each(AllOf(HasSubstr("two ranks have the number 1"), HasSubstr("[exit code 2]"))));
}

TEST(Rendezvous, MissingRank_IsNamedOnAllRanksAtTheDeadline)
{
    const test::Port port;
    const auto errors = test::runRanks(2, [&](std::int64_t rank) {
        RendezvousOptions options = test::optionsFor(port, rank, 3);
        options.deadlineSeconds = rank == 0 ? 1.0 : 10.0;
        meet(options, test::identityOf(rank));
    });
    EXPECT_THAT(errors, Each(AllOf(HasSubstr("rank 2 is missing"), HasSubstr("within 1 s"))));
}

// Starts three ranks of which the second cannot take part.
std::vector<std::string> refusalOf(const Error& problem)
{
    const test::Port port;
    return test::runRanks(3, [&](std::int64_t rank) {
        const RendezvousOptions options = test::optionsFor(port, rank, 3);
        if (rank == 1)
            refuse(options, test::identityOf(rank), problem);
        else
            withExitCode([&] { meet(options, test::identityOf(rank)); });
    });
}

TEST(Rendezvous, RankThatCannotTakePart_TellsTheOthersWhyAndHowToEnd)
{
    for (const ErrorKind kind : { ErrorKind::Model, ErrorKind::Config }) {
        const auto errors = refusalOf(Error(kind, "model.safetensors: expected a file, found nothing"));
        EXPECT_EQ(errors[1], "");
        for (const std::size_t other : { 0U, 2U })
            EXPECT_THAT(errors[other], AllOf(HasSubstr("rank 1 on host1"), HasSubstr("cannot take part"), HasSubstr("model.safetensors"),
                                           HasSubstr(concat("[exit code ", exitCode(kind), "]"))));
    }
}

TEST(Rendezvous, PortInUse_IsSaidByTheRankThatWantsIt)
{
    const test::Port taken;
    RendezvousOptions options = test::optionsFor(taken, 0, 2);
    options.storeDescriptor = -1;
    options.deadlineSeconds = 2.0;
    try {
        meet(options, test::identityOf(0));
        FAIL() << "the port was taken";
    } catch (const Error& error) {
        EXPECT_THAT(error.what(), AllOf(HasSubstr(std::to_string(taken.number)), HasSubstr("in use")));
    }
}

TEST(Rendezvous, NobodyListens_IsSaidAtTheDeadline)
{
    std::int64_t number = 0;
    {
        const test::Port port;
        number = port.number;
        ::close(port.descriptor);
    }
    RendezvousOptions options;
    options.rank = 1;
    options.size = 2;
    options.storePort = number;
    options.deadlineSeconds = 1.0;
    try {
        meet(options, test::identityOf(1));
        FAIL() << "nobody listens";
    } catch (const Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("could not be reached within 1 s"));
    }
}

} // namespace
} // namespace midpoint::distributed
