#include "backend/rollout/generation.h"

#include "backend/core/clock.h"
#include "backend/core/error.h"
#include "backend/core/text.h"

#include <algorithm>

namespace midpoint::rollout {
namespace {

constexpr std::int64_t kMebibyte = 1 << 20;
constexpr std::int64_t kMostPrefillLogits = 4 << 20; // 16 MiB of next-token logits of prompts at once

std::vector<bool> endTokens(const model::ModelConfig& config, const SamplingOptions& sampling)
{
    std::vector<bool> isEnd(static_cast<std::size_t>(config.vocabularySize), false);
    if (sampling.ignoresEndTokens)
        return isEnd;
    const auto mark = [&](std::int32_t id) {
        if (id >= 0 && id < config.vocabularySize)
            isEnd[static_cast<std::size_t>(id)] = true;
    };
    std::for_each(config.endTokens.begin(), config.endTokens.end(), mark);
    std::for_each(sampling.extraEndTokens.begin(), sampling.extraEndTokens.end(), mark);
    return isEnd;
}

kernels::SampleSettings sampleSettings(const SamplingOptions& sampling)
{
    return { sampling.temperature, sampling.topK, sampling.topP };
}

std::int64_t sizeOf(const std::vector<std::int32_t>& tokens) { return static_cast<std::int64_t>(tokens.size()); }

} // namespace

Generation::Generation(const model::Model& model, StepDecoder& decoder, BlockCache& cache, const RolloutOptions& options,
    const SamplingOptions& sampling, std::span<const RolloutRequest> requests)
    : m_model(model)
    , m_decoder(decoder)
    , m_cache(cache)
    , m_options(options)
    , m_sampling(sampling)
    , m_requests(requests)
    , m_isEnd(endTokens(model.config(), sampling))
    , m_responses(requests.size())
{
    check();
    sortRequests();
    std::int64_t longest = 1;
    for (const RolloutRequest& request : requests)
        longest = std::max(longest, sizeOf(request.promptTokens) + maxNewTokens(request));
    m_decoder.prepare(longest, sampleSettings(sampling), cache);
}

void Generation::check() const
{
    const model::ModelConfig& config = m_model.config();
    if (m_sampling.maxNewTokens <= 0 || !(m_sampling.temperature >= 0) || m_sampling.topK < 0 || !(m_sampling.topP > 0) || m_sampling.topP > 1)
        throw Error(ErrorKind::Config,
            concat("sampling: expected max_new_tokens >= 1, temperature >= 0, top_k >= 0 and 0 < top_p <= 1, found ", m_sampling.maxNewTokens,
                ", ", m_sampling.temperature, ", ", m_sampling.topK, " and ", m_sampling.topP));
    for (const RolloutRequest& request : m_requests) {
        const std::int64_t length = sizeOf(request.promptTokens);
        if (length == 0 || length >= config.maxPositions)
            throw Error(ErrorKind::Data,
                concat("prompt ", request.prompt, " has ", length, " tokens; expected 1 to ", config.maxPositions - 1,
                    " (max_position_embeddings of the model is ", config.maxPositions, ")"));
        for (const std::int32_t id : request.promptTokens)
            if (id < 0 || id >= config.vocabularySize)
                throw Error(ErrorKind::Data,
                    concat("prompt ", request.prompt, " has the token id ", id, "; the model's vocabulary has ", config.vocabularySize));
        const std::int64_t need = blocksOfPrompt(request) + blocksOfSequence(request);
        const std::int64_t blockBytes = BlockCache::bytesPerBlock(m_decoder.cacheShape(), m_decoder.layers());
        if (need > m_cache.freeBlocks())
            throw Error(ErrorKind::Resource,
                concat("the key-value cache of ", m_options.cacheMegabytes, " MiB (rollout.kv_cache_megabytes) cannot hold one sequence of ",
                    length, " prompt and ", maxNewTokens(request), " new tokens: it needs ",
                    (need * blockBytes + kMebibyte - 1) / kMebibyte, " MiB"));
    }
}

// Longest first, so that no long sequence is left over to decode alone at the end.
void Generation::sortRequests()
{
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < m_requests.size(); ++i)
        if (m_requests[i].samples > 0)
            order.push_back(i);
    const auto expected = [&](std::size_t i) {
        return m_requests[i].expectedTokens > 0 ? m_requests[i].expectedTokens : static_cast<double>(m_sampling.maxNewTokens);
    };
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return expected(a) > expected(b); });
    m_waiting.assign(order.begin(), order.end());
    for (const std::size_t i : order)
        m_responses[i].resize(static_cast<std::size_t>(m_requests[i].samples));
}

std::int64_t Generation::maxNewTokens(const RolloutRequest& request) const
{
    return std::min(m_sampling.maxNewTokens, m_model.config().maxPositions - sizeOf(request.promptTokens));
}

std::int64_t Generation::blocksOfPrompt(const RolloutRequest& request) const
{
    return m_cache.blocksFor(sizeOf(request.promptTokens));
}

std::int64_t Generation::blocksOfSequence(const RolloutRequest& request) const
{
    const std::int64_t prompt = sizeOf(request.promptTokens);
    const std::int64_t shared = prompt / m_cache.shape().blockTokens;
    return m_cache.blocksFor(prompt + maxNewTokens(request) - 1) - shared; // the last token is never fed
}

std::vector<std::vector<Response>> Generation::run(std::stop_token stop, const RolloutEngine::Progress& progress)
{
    std::int64_t all = 0;
    for (const auto& group : m_responses)
        all += static_cast<std::int64_t>(group.size());
    const Clock& clock = systemClock();
    while (m_finished < all) {
        if (stop.stop_requested())
            throw Error(ErrorKind::Cancelled, "generation was stopped");
        const double started = clock.steadySeconds();
        refill();
        const double filled = clock.steadySeconds();
        const bool hasBegun = beginStep();
        if (std::ssize(m_begun) > m_decoder.stepsAhead() || (!hasBegun && !m_begun.empty()))
            fetchStep();
        m_statistics.prefillSeconds += filled - started;
        m_statistics.decodeSeconds += clock.steadySeconds() - filled;
        if (progress)
            progress(m_finished, all);
    }
    m_statistics.cacheBytes = m_cache.touchedBytes();
    m_statistics.graphSteps = m_decoder.graphSteps();
    m_statistics.graphProblem = m_decoder.graphProblem();
    return std::move(m_responses);
}

void Generation::refill()
{
    while (static_cast<std::int64_t>(m_active.size()) < m_options.maxSequences) {
        if (m_started.empty()) {
            const std::vector<std::size_t> chosen = nextRequests();
            if (chosen.empty())
                break;
            prefill(chosen);
        }
        Group& group = m_started.front();
        if (!startSample(group))
            break;
        if (group.nextSample == m_requests[group.request].samples) {
            finishGroup(group);
            m_started.pop_front();
        }
    }
    MIDPOINT_ASSERT(!m_active.empty() || (m_waiting.empty() && m_started.empty()), "an empty cache holds at least one sequence");
    m_statistics.peakSequences = std::max(m_statistics.peakSequences, static_cast<std::int64_t>(m_active.size()));
    m_statistics.peakBlocks = std::max(m_statistics.peakBlocks, m_cache.usedBlocks());
}

// The first one may have to wait with some of its samples; all others are taken only if all of theirs can start at once. So prompts
// that wait never keep a sequence from starting.
std::vector<std::size_t> Generation::nextRequests()
{
    std::vector<std::size_t> chosen;
    std::int64_t slots = m_options.maxSequences - static_cast<std::int64_t>(m_active.size());
    std::int64_t blocks = spareBlocks();
    std::int64_t tokens = 0;
    while (!m_waiting.empty() && slots > 0) {
        const RolloutRequest& request = m_requests[m_waiting.front()];
        const std::int64_t all = blocksOfPrompt(request) + request.samples * blocksOfSequence(request);
        const std::int64_t need = chosen.empty() ? blocksOfPrompt(request) + blocksOfSequence(request) : all;
        tokens += sizeOf(request.promptTokens);
        if (need > blocks)
            break;
        if (!chosen.empty()
            && (request.samples > slots || tokens > m_options.prefillTokens
                || static_cast<std::int64_t>(chosen.size() + 1) * m_decoder.vocabulary() > kMostPrefillLogits))
            break;
        chosen.push_back(m_waiting.front());
        m_waiting.pop_front();
        blocks -= all;
        slots -= request.samples;
    }
    return chosen;
}

void Generation::prefill(const std::vector<std::size_t>& chosen)
{
    std::vector<Group> groups;
    for (const std::size_t index : chosen) {
        Group& group = groups.emplace_back();
        group.request = index;
        for (std::int64_t b = 0; b < blocksOfPrompt(m_requests[index]); ++b)
            group.table.push_back(m_cache.take());
        m_statistics.promptTokens += sizeOf(m_requests[index].promptTokens);
    }
    std::vector<PromptRead> reads;
    for (const Group& group : groups) {
        const RolloutRequest& request = m_requests[group.request];
        PromptRead& read = reads.emplace_back();
        read.tokens = request.promptTokens;
        read.table = group.table;
        for (std::int64_t s = 0; s < request.samples; ++s)
            read.draws.push_back(streamOf(request, s));
    }
    m_decoder.readPrompts(reads);
    for (std::size_t g = 0; g < groups.size(); ++g) {
        groups[g].tokens = std::move(reads[g].drawn);
        groups[g].logprobs = std::move(reads[g].logprobs);
        m_started.push_back(std::move(groups[g]));
    }
}

PhiloxStream Generation::streamOf(const RolloutRequest& request, std::int64_t sample) const
{
    return philoxStream({ m_sampling.seed, drawPurposeOf(request.purpose), request.step, request.prompt, request.firstSample + sample });
}

bool Generation::startSample(Group& group)
{
    const RolloutRequest& request = m_requests[group.request];
    const std::int64_t need = blocksOfSequence(request);
    if (need > spareBlocks())
        return false;
    Sequence sequence;
    sequence.request = group.request;
    sequence.sample = group.nextSample++;
    sequence.serial = m_serials++;
    sequence.length = sizeOf(request.promptTokens) + 1;
    sequence.draws = 1;
    sequence.reserved = need;
    sequence.stream = streamOf(request, sequence.sample);
    m_reserved += need;
    append(sequence, group.tokens[static_cast<std::size_t>(sequence.sample)], group.logprobs[static_cast<std::size_t>(sequence.sample)]);
    if (isFinished(sequence)) {
        retire(sequence);
        return true;
    }
    const std::int64_t whole = sizeOf(request.promptTokens) / m_cache.shape().blockTokens;
    sequence.table.assign(group.table.begin(), group.table.begin() + whole);
    for (const std::int32_t block : sequence.table)
        m_cache.share(block);
    if (whole < sizeOf(group.table)) { // the prompt's last block is written on by each sample
        sequence.table.push_back(m_cache.copy(group.table.back()));
        --sequence.reserved;
        --m_reserved;
    }
    if (m_freeSlots.empty()) {
        m_freeSlots.push_back(static_cast<std::int32_t>(m_slots.size()));
        m_slots.emplace_back();
    }
    m_active.push_back(m_freeSlots.back());
    m_freeSlots.pop_back();
    m_slots[static_cast<std::size_t>(m_active.back())] = std::move(sequence);
    return true;
}

void Generation::finishGroup(Group& group)
{
    for (const std::int32_t block : group.table)
        m_cache.release(block);
}

bool Generation::beginStep()
{
    m_rows.clear();
    Step step;
    for (const std::int32_t slot : m_active) {
        Sequence& sequence = m_slots[static_cast<std::size_t>(slot)];
        if (sequence.draws >= maxNewTokens(m_requests[sequence.request]))
            continue; // its last tokens are under way
        m_rows.push_back(rowOf(slot, std::ssize(m_rows)));
        step.push_back({ slot, sequence.serial });
    }
    if (m_rows.empty())
        return false;
    m_decoder.begin(m_rows);
    m_begun.push_back(std::move(step));
    ++m_statistics.decodeSteps;
    return true;
}

StepRow Generation::rowOf(std::int32_t slot, std::int64_t row)
{
    Sequence& sequence = m_slots[static_cast<std::size_t>(slot)];
    StepRow out;
    if (m_cache.blocksFor(sequence.length) > sizeOf(sequence.table)) {
        sequence.table.push_back(m_cache.take());
        --sequence.reserved;
        --m_reserved;
        out.hasNewBlock = true;
    }
    const std::vector<std::int32_t>& known = responseOf(sequence).tokens;
    out.slot = slot;
    out.isNew = sequence.lastRow < 0;
    out.table = sequence.table;
    out.position = sequence.length - 1;
    if (sizeOf(known) == sequence.draws)
        out.token = known.back();
    else
        out.source = sequence.lastRow;
    out.stream = sequence.stream;
    out.draw = sequence.draws;
    sequence.lastRow = row;
    ++sequence.length;
    ++sequence.draws;
    return out;
}

void Generation::fetchStep()
{
    const Step step = std::move(m_begun.front());
    m_begun.pop_front();
    const StepResult result = m_decoder.fetch();
    bool hasEnded = false;
    for (std::size_t row = 0; row < step.size(); ++row) {
        Sequence& sequence = m_slots[static_cast<std::size_t>(step[row].slot)];
        if (sequence.serial != step[row].serial)
            continue; // it ended before, and this was drawn in vain
        append(sequence, result.tokens[row], result.logprobs[row]);
        if (!isFinished(sequence))
            continue;
        retire(sequence);
        sequence.serial = -1;
        m_freeSlots.push_back(step[row].slot);
        hasEnded = true;
    }
    if (hasEnded)
        std::erase_if(m_active, [&](std::int32_t slot) { return m_slots[static_cast<std::size_t>(slot)].serial < 0; });
}

Response& Generation::responseOf(const Sequence& sequence)
{
    return m_responses[sequence.request][static_cast<std::size_t>(sequence.sample)];
}

void Generation::append(const Sequence& sequence, std::int32_t token, float logprob)
{
    if (token < 0)
        throw Error(ErrorKind::Numeric, concat("sampling: the logits of prompt ", m_requests[sequence.request].prompt, " are not finite"));
    Response& response = responseOf(sequence);
    response.tokens.push_back(token);
    response.logprobs.push_back(logprob);
    ++m_statistics.newTokens;
}

bool Generation::isFinished(const Sequence& sequence)
{
    Response& response = responseOf(sequence);
    if (m_isEnd[static_cast<std::size_t>(response.tokens.back())])
        response.finish = FinishReason::EndOfSequence;
    else if (sizeOf(response.tokens) >= maxNewTokens(m_requests[sequence.request]))
        response.finish = FinishReason::Length;
    else
        return false;
    return true;
}

void Generation::retire(Sequence& sequence)
{
    for (const std::int32_t block : sequence.table)
        m_cache.release(block);
    sequence.table.clear();
    m_reserved -= sequence.reserved;
    sequence.reserved = 0;
    ++m_finished;
}

} // namespace midpoint::rollout
