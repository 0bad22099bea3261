// Collectives of tensors in the host's memory among ranks of one host, through memory that they share: each says what the others
// need once, and those read it where it lies. Sums are made in the order of the ranks, so all ranks get the same bits.
#include "backend/distributed/shared_ring.h"
#include "backend/distributed/transports.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

#include <torch/csrc/distributed/c10d/Store.hpp>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>
#include <unistd.h>

namespace midpoint::distributed {
namespace {

// A piece of a tensor that travels in one chunk.
struct Piece {
    std::int64_t begin = 0; // elements
    std::int64_t count = 0;
};

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

class MemoryTransport final : public Transport {
public:
    MemoryTransport(SharedSegment segment, const RingShape& shape, std::int64_t rank, const std::vector<std::int64_t>& processes,
        double deadlineSeconds)
        : m_rank(rank)
        , m_ring(std::move(segment), shape, rank, processes, deadlineSeconds)
    {
    }

    Wait allReduce(torch::Tensor tensor, Reduction reduction) override
    {
        return begin(tensor.view(-1), -1, 1, [this, reduction](const torch::Tensor& flat, Piece piece) {
            const torch::Tensor part = flat.narrow(0, piece.begin, piece.count);
            for (std::int64_t rank = 0; rank < ranks(); ++rank) {
                const torch::Tensor other = tensorAt(m_ring.slot(rank), piece.count, part);
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
        return begin(all.view({ ranks(), -1 }), -1, ranks(), [this, own](const torch::Tensor& blocks, Piece piece) {
            const torch::Tensor sum = own.view(-1).narrow(0, piece.begin, piece.count);
            for (std::int64_t rank = 0; rank < ranks(); ++rank) {
                const std::byte* there = m_ring.slot(rank) + m_rank * piece.count * blocks.element_size();
                const torch::Tensor part = rank == m_rank ? blocks[rank].narrow(0, piece.begin, piece.count)
                                                          : tensorAt(there, piece.count, sum);
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
        return begin(own.view(-1), -1, 1, [this, blocks](const torch::Tensor& flat, Piece piece) {
            for (std::int64_t rank = 0; rank < ranks(); ++rank)
                if (rank != m_rank)
                    blocks[rank].narrow(0, piece.begin, piece.count).copy_(tensorAt(m_ring.slot(rank), piece.count, flat));
        });
    }

    Wait broadcast(torch::Tensor tensor, std::int64_t root) override
    {
        return begin(tensor.view(-1), root, 1, [this, root](const torch::Tensor& flat, Piece piece) {
            if (m_rank != root)
                flat.narrow(0, piece.begin, piece.count).copy_(tensorAt(m_ring.slot(root), piece.count, flat));
        });
    }

    void abort() override { m_ring.abort(); }

private:
    using Read = std::function<void(const torch::Tensor& said, Piece piece)>;

    std::int64_t ranks() const { return m_ring.shape().ranks; }

    // `said`: what this rank tells, cut along its last dimension; a chunk holds a piece of each of its `rows`.
    Wait begin(const torch::Tensor& said, std::int64_t source, std::int64_t rows, Read read)
    {
        const std::int64_t elements = said.size(-1);
        const std::int64_t perChunk = std::max<std::int64_t>(1, m_ring.shape().slotBytes / (rows * said.element_size()));
        MIDPOINT_ASSERT(perChunk * rows * said.element_size() <= m_ring.shape().slotBytes, "a slot holds an element for every rank");
        const auto pieceOf = [=](std::int64_t chunk) {
            return Piece { chunk * perChunk, std::min(perChunk, elements - chunk * perChunk) };
        };
        auto operation = std::make_shared<RingOperation>();
        operation->chunks = (elements + perChunk - 1) / perChunk;
        operation->source = source;
        operation->write = [this, said, rows, pieceOf](std::int64_t chunk, std::byte* slot) {
            const Piece piece = pieceOf(chunk);
            const auto* data = static_cast<const std::byte*>(said.const_data_ptr());
            const auto bytes = static_cast<std::size_t>(piece.count * said.element_size());
            for (std::int64_t row = 0; row < rows; ++row)
                if (rows == 1 || row != m_rank) // this rank reads its own where it is
                    std::memcpy(slot + static_cast<std::size_t>(row) * bytes,
                        data + (row * said.size(-1) + piece.begin) * said.element_size(), bytes);
        };
        operation->read = [said, pieceOf, read = std::move(read)](std::int64_t chunk) { read(said, pieceOf(chunk)); };
        m_ring.start(operation);
        return [this, operation] { m_ring.finish(*operation); };
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
