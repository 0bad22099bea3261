// Collectives of tensors in the host's memory among ranks of one host, through memory that they share: each says what the others
// need once, and those read it where it lies. Sums are made in the order of the ranks, so all ranks get the same bits.
#include "backend/distributed/shard_sequence.h"
#include "backend/distributed/shared_ring.h"
#include "backend/distributed/transports.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

#include <torch/csrc/distributed/c10d/Store.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>
#include <unistd.h>

namespace midpoint::distributed {
namespace {

torch::Tensor tensorAt(const std::byte* data, std::int64_t count, const torch::Tensor& like)
{
    return torch::from_blob(const_cast<std::byte*>(data), { count }, like.options()); // only read
}

void addInto(const torch::Tensor& sum, const torch::Tensor& other, Reduction reduction)
{
    if (reduction == Reduction::Sum)
        sum.add_(other);
    else
        at::maximum_out(const_cast<torch::Tensor&>(sum), sum, other);
}

constexpr std::int64_t kAllSay = -1; // in place of the only rank that says something

// The sum of the same place of all ranks, in their order. `sum` may be one of the places.
template <std::int64_t Count>
void addUp(float* sum, const std::vector<const float*>& places, std::int64_t begin)
{
    std::array<float, Count> total;
    std::copy_n(places.front() + begin, Count, total.begin());
    for (std::size_t rank = 1; rank < places.size(); ++rank)
        for (std::int64_t i = 0; i < Count; ++i)
            total[static_cast<std::size_t>(i)] += places[rank][begin + i];
    std::copy_n(total.begin(), Count, sum + begin);
}

void addUp(float* sum, const std::vector<const float*>& places, std::int64_t count)
{
    constexpr std::int64_t kBlock = 128; // of a known length, so that the compiler uses vectors
    std::int64_t i = 0;
    for (; i + kBlock <= count; i += kBlock)
        addUp<kBlock>(sum, places, i);
    for (; i < count; ++i)
        addUp<1>(sum, places, i);
}

class MemoryTransport final : public Transport, public InPlaceShards {
public:
    MemoryTransport(SharedSegment segment, const RingShape& shape, std::int64_t rank, const std::vector<std::int64_t>& processes,
        double deadlineSeconds)
        : m_rank(rank)
        , m_ring(std::move(segment), shape, rank, processes, deadlineSeconds)
    {
    }

    Wait allReduce(torch::Tensor tensor, Reduction reduction) override
    {
        return begin(tensor.view(-1), kAllSay, 1, [this, reduction](const torch::Tensor& flat, const ElementRange& range) {
            const torch::Tensor part = flat.narrow(0, range.begin, range.count);
            for (std::int64_t rank = 0; rank < ranks(); ++rank) {
                const torch::Tensor other = tensorAt(m_ring.slot(rank), range.count, part);
                if (rank == 0)
                    part.copy_(other);
                else
                    addInto(part, other, reduction);
            }
        });
    }

    // A chunk holds the same piece of every block.
    Wait reduceScatter(torch::Tensor own, torch::Tensor all) override
    {
        return begin(all.view({ ranks(), -1 }), kAllSay, ranks(), [this, own](const torch::Tensor& blocks, const ElementRange& range) {
            const torch::Tensor sum = own.view(-1).narrow(0, range.begin, range.count);
            for (std::int64_t rank = 0; rank < ranks(); ++rank) {
                const std::byte* there = m_ring.slot(rank) + m_rank * range.count * blocks.element_size();
                const torch::Tensor part = rank == m_rank ? blocks[rank].narrow(0, range.begin, range.count)
                                                          : tensorAt(there, range.count, sum);
                if (rank == 0)
                    sum.copy_(part);
                else
                    sum.add_(part);
            }
        });
    }

    Wait allGather(torch::Tensor all, torch::Tensor own) override
    {
        const torch::Tensor blocks = all.view({ ranks(), -1 });
        blocks[m_rank].copy_(own.view(-1));
        return begin(own.view(-1), kAllSay, 1, [this, blocks](const torch::Tensor& flat, const ElementRange& range) {
            for (std::int64_t rank = 0; rank < ranks(); ++rank)
                if (rank != m_rank)
                    blocks[rank].narrow(0, range.begin, range.count).copy_(tensorAt(m_ring.slot(rank), range.count, flat));
        });
    }

    Wait broadcast(torch::Tensor tensor, std::int64_t root) override
    {
        return begin(tensor.view(-1), root, 1, [this, root](const torch::Tensor& flat, const ElementRange& range) {
            if (m_rank != root)
                flat.narrow(0, range.begin, range.count).copy_(tensorAt(m_ring.slot(root), range.count, flat));
        });
    }

    InPlaceShards* inPlace(const torch::Tensor& like) override { return like.is_cpu() ? this : nullptr; }

    // A chunk holds the same range of the shards of all ranks but this one.
    Wait reduceShards(std::vector<torch::Tensor> tensors) override
    {
        MIDPOINT_ASSERT(tensors.front().scalar_type() == torch::kFloat32, "gradients");
        const auto sequence = std::make_shared<ShardSequence>(std::move(tensors), ranks());
        constexpr auto kSize = static_cast<std::int64_t>(sizeof(float));
        const auto write = [=, this](const ElementRange& range, std::byte* slot) {
            for (std::int64_t rank = 0; rank < ranks(); ++rank)
                if (rank != m_rank)
                    sequence->forEach(range, rank, [&](const std::byte* data, std::int64_t offset, std::int64_t count) {
                        std::memcpy(slot + (rank * range.count + offset) * kSize, data, static_cast<std::size_t>(count * kSize));
                    });
        };
        const auto read = [=, this](const ElementRange& range) {
            std::vector<const float*> places(static_cast<std::size_t>(ranks()));
            sequence->forEach(range, m_rank, [&](std::byte* data, std::int64_t offset, std::int64_t count) {
                for (std::int64_t rank = 0; rank < ranks(); ++rank) {
                    const std::byte* there = m_ring.slot(rank) + (m_rank * range.count + offset) * kSize;
                    places[static_cast<std::size_t>(rank)] = reinterpret_cast<const float*>(rank == m_rank ? data : there);
                }
                addUp(reinterpret_cast<float*>(data), places, count);
            });
        };
        return begin(sequence->elements(), sequence->elementBytes(), ranks(), kAllSay, write, read);
    }

    Wait gatherShards(std::vector<torch::Tensor> tensors) override
    {
        const auto sequence = std::make_shared<ShardSequence>(std::move(tensors), ranks());
        const std::int64_t size = sequence->elementBytes();
        const auto write = [=, this](const ElementRange& range, std::byte* slot) {
            sequence->forEach(range, m_rank, [&](const std::byte* data, std::int64_t offset, std::int64_t count) {
                std::memcpy(slot + offset * size, data, static_cast<std::size_t>(count * size));
            });
        };
        const auto read = [=, this](const ElementRange& range) {
            for (std::int64_t rank = 0; rank < ranks(); ++rank)
                if (rank != m_rank)
                    sequence->forEach(range, rank, [&](std::byte* data, std::int64_t offset, std::int64_t count) {
                        std::memcpy(data, m_ring.slot(rank) + offset * size, static_cast<std::size_t>(count * size));
                    });
        };
        return begin(sequence->elements(), sequence->elementBytes(), 1, kAllSay, write, read);
    }

    void abort() override { m_ring.abort(); }

private:
    // What a chunk carries, as a range of the elements that an operation moves.
    using Write = std::function<void(const ElementRange& range, std::byte* slot)>;
    using Read = std::function<void(const ElementRange& range)>;

    std::int64_t ranks() const { return m_ring.shape().ranks; }

    // A slot holds a range of each of `rows` blocks of as many elements.
    Wait begin(std::int64_t elements, std::int64_t elementBytes, std::int64_t rows, std::int64_t source, Write write, Read read)
    {
        const std::int64_t perChunk = std::max<std::int64_t>(1, m_ring.shape().slotBytes / (rows * elementBytes));
        MIDPOINT_ASSERT(perChunk * rows * elementBytes <= m_ring.shape().slotBytes, "a slot holds an element for every rank");
        const auto rangeOf = [=](std::int64_t chunk) {
            return ElementRange { chunk * perChunk, std::min(perChunk, elements - chunk * perChunk) };
        };
        auto operation = std::make_shared<RingOperation>();
        operation->chunks = (elements + perChunk - 1) / perChunk;
        operation->source = source;
        operation->write = [rangeOf, write = std::move(write)](std::int64_t chunk, std::byte* slot) { write(rangeOf(chunk), slot); };
        operation->read = [rangeOf, read = std::move(read)](std::int64_t chunk) { read(rangeOf(chunk)); };
        m_ring.start(operation);
        return [this, operation] { m_ring.finish(*operation); };
    }

    // `said`: what this rank tells, cut along its last dimension; a chunk holds a range of each of its `rows`.
    Wait begin(const torch::Tensor& said, std::int64_t source, std::int64_t rows,
        std::function<void(const torch::Tensor& said, const ElementRange& range)> read)
    {
        const auto write = [this, said, rows](const ElementRange& range, std::byte* slot) {
            const auto* data = static_cast<const std::byte*>(said.const_data_ptr());
            const auto bytes = static_cast<std::size_t>(range.count * said.element_size());
            for (std::int64_t row = 0; row < rows; ++row)
                if (rows == 1 || row != m_rank) // this rank reads its own where it is
                    std::memcpy(slot + static_cast<std::size_t>(row) * bytes,
                        data + (row * said.size(-1) + range.begin) * said.element_size(), bytes);
        };
        return begin(said.size(-1), said.element_size(), rows, source, write,
            [said, read = std::move(read)](const ElementRange& range) { read(said, range); });
    }

    std::int64_t m_rank;
    SharedRing m_ring;
};

void say(c10d::Store& store, const std::string& key, const std::string& text)
{
    store.set(concat("memory/", key), std::vector<std::uint8_t>(text.begin(), text.end()));
}

std::string hear(c10d::Store& store, const std::string& key)
{
    const std::vector<std::uint8_t> bytes = store.get(concat("memory/", key)); // waits for it
    return { bytes.begin(), bytes.end() };
}

constexpr const char* kYes = "yes";
constexpr const char* kOff = "off"; // in place of a place

bool isSwitchedOff(const TransportOptions& options)
{
    const char* wish = std::getenv("MIDPOINT_SHARED_MEMORY");
    return !options.sharesMemory || (wish != nullptr && std::string_view(wish) == "0");
}

// The processes of the ranks; empty, with the problem, if they do not share memory.
std::vector<std::int64_t> neighbours(c10d::Store& store, std::int64_t size, std::string& problem)
{
    std::vector<std::int64_t> processes;
    for (std::int64_t rank = 0; rank < size; ++rank) {
        const std::string place = hear(store, concat("place/", rank));
        if (place == kOff)
            problem = concat("shared memory is switched off on rank ", rank);
        else if (place != hear(store, "place/0"))
            problem = concat("rank ", rank, " is not on the host of rank 0, or in another container");
        if (!problem.empty())
            return {};
        processes.push_back(std::stoll(hear(store, concat("process/", rank))));
    }
    return processes;
}

} // namespace

// All decide alike, from what stands in the store.
std::unique_ptr<Transport> tryMemoryTransport(const c10::intrusive_ptr<c10d::Store>& store, std::int64_t rank, std::int64_t size,
    const TransportOptions& options, std::string& problem)
{
    say(*store, concat("process/", rank), std::to_string(::getpid()));
    say(*store, concat("place/", rank), isSwitchedOff(options) ? kOff : memoryPlace());
    const std::vector<std::int64_t> processes = neighbours(*store, size, problem);
    if (processes.empty())
        return nullptr;
    const RingShape shape { .ranks = size };
    std::optional<SharedSegment> made; // lives until all have opened it
    std::unique_ptr<Transport> transport;
    std::string answer = kYes;
    try {
        if (rank == 0) {
            made.emplace(SharedSegment::make(shape.bytes()));
            say(*store, "segment", made->description());
        }
        transport = std::make_unique<MemoryTransport>(
            SharedSegment::open(hear(*store, "segment")), shape, rank, processes, options.collectiveSeconds);
    } catch (const Error& cause) {
        answer = cause.what();
        if (!made.has_value() && rank == 0)
            say(*store, "segment", answer); // that no other rank can open
    }
    say(*store, concat("answer/", rank), answer);
    for (std::int64_t other = 0; other < size && problem.empty(); ++other)
        if (const std::string heard = hear(*store, concat("answer/", other)); heard != kYes)
            problem = concat("rank ", other, ": ", heard);
    if (!problem.empty())
        return nullptr;
    return transport;
}

} // namespace midpoint::distributed
