#include "backend/distributed/communicator.h"

#include "backend/core/clock.h"
#include "backend/core/text.h"
#include "backend/launch/peer_lost.h"

#include <algorithm>
#include <cstring>

namespace midpoint::distributed {
namespace {

std::int64_t bytesOf(const torch::Tensor& tensor) { return tensor.numel() * tensor.element_size(); }

std::int64_t bytesOf(const std::vector<torch::Tensor>& tensors)
{
    std::int64_t bytes = 0;
    for (const torch::Tensor& tensor : tensors)
        bytes += bytesOf(tensor);
    return bytes;
}

torch::Tensor tensorOf(const std::string& bytes)
{
    torch::Tensor tensor = torch::empty({ static_cast<std::int64_t>(bytes.size()) }, torch::kUInt8);
    if (!bytes.empty())
        std::memcpy(tensor.data_ptr(), bytes.data(), bytes.size());
    return tensor;
}

std::string bytesIn(const torch::Tensor& tensor, std::int64_t begin, std::int64_t count)
{
    return { static_cast<const char*>(tensor.const_data_ptr()) + begin, static_cast<std::size_t>(count) };
}

// The first line: libraries append their call stacks.
std::string firstLine(const char* text)
{
    const std::string_view all = text;
    return std::string(all.substr(0, all.find('\n')));
}

} // namespace

Communicator::Communicator(std::int64_t rank, std::int64_t size, std::unique_ptr<Transport> transport, OperationObserver observer)
    : m_rank(rank)
    , m_size(size)
    , m_transport(std::move(transport))
    , m_observer(std::move(observer))
{
    MIDPOINT_ASSERT(size == 1 || m_transport != nullptr, "several ranks need something to talk through");
}

Pending Communicator::begin(const char* name, std::int64_t bytes, const std::function<Transport::Wait()>& start)
{
    const std::int64_t sequence = ++m_sequence;
    const double started = systemClock().steadySeconds();
    if (m_observer)
        m_observer(sequence, name);
    const auto failed = [this, sequence, name](const std::exception& cause) {
        return launch::PeerLost(
            concat("rank ", m_rank, " lost the other ranks in operation ", sequence, " (", name, "): ", firstLine(cause.what())));
    };
    requireAllThere();
    Transport::Wait wait;
    try {
        wait = start();
    } catch (const std::exception& cause) {
        requireAllThere();
        throw failed(cause);
    }
    return { [this, name, bytes, started, failed, wait = std::move(wait)] {
        const double waitStarted = systemClock().steadySeconds();
        try {
            wait();
        } catch (const std::exception& cause) {
            requireAllThere(); // the reason, where it is known
            throw failed(cause);
        }
        requireAllThere();
        const double ended = systemClock().steadySeconds();
        m_waitedSeconds += ended - waitStarted;
        record(name, bytes, ended - started);
        if (m_observer)
            m_observer(m_sequence, {});
    } };
}

void Communicator::requireAllThere() const
{
    const std::scoped_lock lock(m_mutex);
    if (!m_lost.empty())
        throw launch::PeerLost(concat("rank ", m_rank, " lost the other ranks in operation ", m_sequence, ": ", m_lost));
}

void Communicator::giveUp(const std::string& reason)
{
    {
        const std::scoped_lock lock(m_mutex);
        if (!m_lost.empty())
            return;
        m_lost = reason;
    }
    if (m_transport != nullptr)
        m_transport->abort();
}

void Communicator::record(const char* name, std::int64_t bytes, double seconds)
{
    auto found = std::find_if(m_traffic.begin(), m_traffic.end(), [name](const Traffic& entry) { return entry.name == name; });
    if (found == m_traffic.end())
        found = m_traffic.insert(found, { .name = name });
    ++found->calls;
    found->bytes += bytes;
    found->seconds += seconds;
}

void Communicator::allReduce(const torch::Tensor& tensor, Reduction reduction, const char* name)
{
    if (m_size > 1)
        begin(name, bytesOf(tensor), [&] { return m_transport->allReduce(tensor, reduction); }).wait();
}

Pending Communicator::startReduceScatter(const torch::Tensor& own, const torch::Tensor& all, const char* name)
{
    if (m_size > 1)
        return begin(name, bytesOf(all), [&] { return m_transport->reduceScatter(own.view(-1), all.view(-1)); });
    own.view(-1).copy_(all.view(-1));
    return { [] {} };
}

void Communicator::allGather(const torch::Tensor& all, const torch::Tensor& own, const char* name)
{
    if (m_size > 1)
        begin(name, bytesOf(all), [&] { return m_transport->allGather(all.view(-1), own.view(-1)); }).wait();
    else
        all.view(-1).copy_(own.view(-1));
}

void Communicator::broadcast(const torch::Tensor& tensor, std::int64_t root, const char* name)
{
    if (m_size > 1)
        begin(name, bytesOf(tensor), [&] { return m_transport->broadcast(tensor, root); }).wait();
}

Pending Communicator::startReduceShards(std::vector<torch::Tensor> tensors, const char* name)
{
    InPlaceShards& shards = *m_transport->inPlace(tensors.front());
    return begin(name, bytesOf(tensors), [&] { return shards.reduceShards(std::move(tensors)); });
}

void Communicator::gatherShards(std::vector<torch::Tensor> tensors, const char* name)
{
    InPlaceShards& shards = *m_transport->inPlace(tensors.front());
    begin(name, bytesOf(tensors), [&] { return shards.gatherShards(std::move(tensors)); }).wait();
}

void Communicator::barrier(const char* name) { allReduce(torch::zeros({ 1 }), Reduction::Sum, name); }

std::vector<std::string> Communicator::gatherObjects(std::string own, const char* name)
{
    if (m_size == 1)
        return { std::move(own) };
    const torch::Tensor ownSize = torch::full({ 1 }, static_cast<std::int64_t>(own.size()), torch::kInt64);
    const torch::Tensor sizes = torch::empty({ m_size }, torch::kInt64);
    allGather(sizes, ownSize, name);
    const auto longest = sizes.max().item<std::int64_t>();
    std::vector<std::string> objects(static_cast<std::size_t>(m_size));
    if (longest == 0)
        return objects;
    torch::Tensor padded = torch::zeros({ longest }, torch::kUInt8);
    padded.narrow(0, 0, static_cast<std::int64_t>(own.size())).copy_(tensorOf(own));
    const torch::Tensor all = torch::empty({ m_size, longest }, torch::kUInt8);
    allGather(all, padded, name);
    for (std::int64_t rank = 0; rank < m_size; ++rank)
        objects[static_cast<std::size_t>(rank)] = bytesIn(all, rank * longest, sizes[rank].item<std::int64_t>());
    return objects;
}

std::string Communicator::broadcastObject(std::string object, std::int64_t root, const char* name)
{
    if (m_size == 1)
        return object;
    const torch::Tensor size = torch::full({ 1 }, static_cast<std::int64_t>(object.size()), torch::kInt64);
    broadcast(size, root, name);
    const auto length = size.item<std::int64_t>();
    if (length == 0)
        return {};
    const torch::Tensor bytes = m_rank == root ? tensorOf(object) : torch::empty({ length }, torch::kUInt8);
    broadcast(bytes, root, name);
    return m_rank == root ? object : bytesIn(bytes, 0, length);
}

} // namespace midpoint::distributed
