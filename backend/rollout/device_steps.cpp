#include "backend/rollout/device_steps.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/model/memory.h"
#include "backend/rollout/processor_steps.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace midpoint::rollout {
namespace {

constexpr std::int64_t kFewRows = 8;

std::int64_t roundUpTo(std::int64_t value, std::int64_t unit) { return (value + unit - 1) / unit * unit; }

// Attention starts one block of threads for each piece that the longest sequence may have; powers of two keep the sizes few.
std::int64_t paddedLength(std::int64_t length)
{
    const auto pieces = static_cast<std::uint64_t>((length + kernels::cuda::kPagedPiece - 1) / kernels::cuda::kPagedPiece);
    return static_cast<std::int64_t>(std::bit_ceil(pieces)) * kernels::cuda::kPagedPiece;
}

} // namespace

std::int64_t paddedRows(std::int64_t rows)
{
    const auto count = static_cast<std::uint64_t>(rows);
    return rows <= kFewRows ? static_cast<std::int64_t>(std::bit_ceil(count)) : roundUpTo(rows, static_cast<std::int64_t>(std::bit_ceil(count) / 8));
}

DeviceSteps::DeviceSteps(const model::Model& model, const RolloutOptions& options)
    : m_model(model)
    , m_device(model.options().device)
    , m_prefillTokens(options.prefillTokens)
    , m_usesGraphs(options.usesGraphs)
    , m_decoder(model, options.blockTokens, paddedRows(options.maxSequences))
{
    const std::int64_t rows = m_decoder.mostRows();
    for (Stage& stage : m_stages) {
        stage.plan = reinterpret_cast<kernels::DecodeRowPlan*>(onHost(rows * static_cast<std::int64_t>(sizeof(kernels::DecodeRowPlan))));
        stage.tokens = reinterpret_cast<std::int32_t*>(onHost(rows * static_cast<std::int64_t>(sizeof(std::int32_t))));
        stage.logprobs = reinterpret_cast<float*>(onHost(rows * static_cast<std::int64_t>(sizeof(float))));
        stage.finished = m_device.module().makeEvent();
    }
}

DeviceSteps::~DeviceSteps()
{
    try {
        m_device.synchronize(); // copies may be under way
        for (std::byte* memory : m_hostMemory)
            m_device.module().releaseOnHost(memory);
    } catch (const Error&) { // a device that has failed has said so before
    }
}

std::byte* DeviceSteps::onHost(std::int64_t bytes)
{
    m_hostMemory.push_back(static_cast<std::byte*>(m_device.module().allocateOnHost(bytes)));
    return m_hostMemory.back();
}

void DeviceSteps::prepare(std::int64_t longest, const kernels::SampleSettings& sampling, BlockCache& cache)
{
    m_device.synchronize(); // steps of a generation that was stopped
    m_begun = 0;
    m_fetched = 0;
    m_graphSteps = 0;
    const std::int64_t stride = m_decoder.tableStride();
    const bool hasMoved = m_decoder.reserve(paddedLength(longest), cache);
    if (m_decoder.tableStride() != stride)
        m_hostTables = reinterpret_cast<std::int32_t*>(
            onHost(m_decoder.mostRows() * m_decoder.tableStride() * static_cast<std::int64_t>(sizeof(std::int32_t))));
    std::vector<const void*> present = addresses();
    if (hasMoved || m_cache != &cache || present != m_addresses)
        m_recorded.clear();
    m_sampling = sampling;
    m_cache = &cache;
    m_addresses = std::move(present);
}

// Of the weights that a step reads: they change in place, so graphs stay right.
std::vector<const void*> DeviceSteps::addresses() const
{
    std::vector<const void*> all;
    for (const model::Parameter& parameter : m_model.parameters())
        all.push_back(parameter.compute.const_data_ptr());
    return all;
}

void DeviceSteps::readPrompts(std::span<PromptRead> prompts) { m_decoder.readPrompts(prompts, m_sampling, *m_cache, m_prefillTokens); }

void DeviceSteps::begin(std::span<const StepRow> rows)
{
    MIDPOINT_ASSERT(m_begun - m_fetched <= kStepsAhead, "a stage is used again when its step was fetched");
    Stage& stage = m_stages[static_cast<std::size_t>(m_begun++) % m_stages.size()];
    stage.rows = std::ssize(rows);
    const std::int64_t padded = paddedRows(stage.rows);
    std::int64_t longest = 1;
    for (const StepRow& row : rows) {
        longest = std::max(longest, row.position + 1);
        if (row.isNew)
            bringTable(row);
    }
    writePlan(rows, padded, stage.plan);
    m_device.module().copyToDevice(
        m_decoder.plan(), stage.plan, padded * static_cast<std::int64_t>(sizeof(kernels::DecodeRowPlan)), m_device.stream());
    run({ padded, paddedLength(longest), m_sampling.temperature, m_sampling.topK, m_sampling.topP });
    m_device.module().copyToHost(
        stage.tokens, m_decoder.drawn(), stage.rows * static_cast<std::int64_t>(sizeof(std::int32_t)), m_device.stream());
    m_device.module().copyToHost(
        stage.logprobs, m_decoder.logprobs(), stage.rows * static_cast<std::int64_t>(sizeof(float)), m_device.stream());
    stage.finished->record(m_device.stream());
}

// The whole table of a sequence that is new in its slot. The slot's earlier sequence has ended, so no copy of it is under way.
void DeviceSteps::bringTable(const StepRow& row)
{
    const std::int64_t offset = row.slot * m_decoder.tableStride();
    std::copy(row.table.begin(), row.table.end(), m_hostTables + offset);
    m_device.module().copyToDevice(
        m_decoder.tables() + offset, m_hostTables + offset, static_cast<std::int64_t>(row.table.size_bytes()), m_device.stream());
}

// Rows that stand for no sequence feed token 0 at position 0 and write into the block that nobody owns.
void DeviceSteps::writePlan(std::span<const StepRow> rows, std::int64_t padded, kernels::DecodeRowPlan* plan) const
{
    for (const StepRow& row : rows) {
        const bool growsTable = row.hasNewBlock && !row.isNew;
        *plan++ = { row.stream, row.draw, row.position, row.token, static_cast<std::int32_t>(row.source), static_cast<std::int32_t>(row.slot),
            growsTable ? row.table.back() : -1 };
    }
    kernels::DecodeRowPlan empty;
    empty.table = static_cast<std::int32_t>(m_decoder.mostRows());
    std::fill_n(plan, padded - std::ssize(rows), empty);
}

// The first step of a kind runs as it is: what libraries set up at their first call cannot be recorded.
void DeviceSteps::run(const StepKind& kind)
{
    if (m_usesGraphs && m_graphProblem.empty()) {
        Recorded& recorded = m_recorded[kind];
        if (recorded.steps++ == 1)
            recorded.graph = record(kind);
        if (recorded.graph != nullptr) {
            recorded.graph->launch(m_device.stream());
            ++m_graphSteps;
            return;
        }
    }
    m_decoder.step(kind.rows, kind.longest, m_sampling, *m_cache);
}

// A graph writes into the memory that it was recorded with, so nothing may have been allocated for the time of the recording.
// Whatever goes wrong, steps still run one operation at a time.
std::unique_ptr<kernels::cuda::Graph> DeviceSteps::record(const StepKind& kind)
{
    try {
        const model::AllocationWatch watch(m_device.place());
        auto graph = m_device.module().capture(
            m_device.stream(), [this, kind] { m_decoder.step(kind.rows, kind.longest, m_sampling, *m_cache); });
        if (watch.peakBytes() == 0)
            return graph;
        m_graphProblem = concat("a step of ", kind.rows, " rows allocates ", watch.peakBytes(), " bytes");
    } catch (const c10::Error& error) {
        m_graphProblem = error.what_without_backtrace();
    } catch (const Error& error) {
        m_graphProblem = error.what();
    }
    return nullptr;
}

StepResult DeviceSteps::fetch()
{
    Stage& stage = m_stages[static_cast<std::size_t>(m_fetched++) % m_stages.size()];
    stage.finished->wait();
    const auto rows = static_cast<std::size_t>(stage.rows);
    return { { stage.tokens, rows }, { stage.logprobs, rows } };
}

std::unique_ptr<StepDecoder> makeStepDecoder(const model::Model& model, const RolloutOptions& options)
{
    if (model.options().device.isProcessor())
        return std::make_unique<ProcessorSteps>(model, options);
    return std::make_unique<DeviceSteps>(model, options);
}

} // namespace midpoint::rollout
