#include "backend/rollout/processor_steps.h"

#include <algorithm>

namespace midpoint::rollout {
namespace {

constexpr std::int64_t kMostDecodeLogits = 16 << 20; // 64 MiB of next-token logits of sequences at once

double uniformAt(const PhiloxStream& stream, std::int64_t draw)
{
    const PhiloxBlock words = philox(stream, static_cast<std::uint64_t>(draw));
    return unitNumber(words.word[0], words.word[1]);
}

} // namespace

ProcessorSteps::ProcessorSteps(const model::Model& model, const RolloutOptions& options)
    : m_decoder(model, options.blockTokens)
    , m_prefillTokens(options.prefillTokens)
{
}

void ProcessorSteps::prepare(std::int64_t /*longest*/, const kernels::SampleSettings& sampling, BlockCache& cache)
{
    m_decoder.refresh();
    m_sampling = sampling;
    m_cache = &cache;
}

// All prompt tokens, in pieces of at most prefillTokens rows.
void ProcessorSteps::readPrompts(std::span<PromptRead> prompts)
{
    const std::int64_t vocabulary = m_decoder.vocabulary();
    std::vector<float> logits(prompts.size() * static_cast<std::size_t>(vocabulary));
    std::vector<DecodeRow> rows;
    std::vector<std::int64_t> wanted;
    std::int64_t done = 0;
    const auto flush = [&] {
        m_decoder.prefill(rows, wanted, *m_cache, logits.data() + done * vocabulary);
        done += static_cast<std::int64_t>(wanted.size());
        rows.clear();
        wanted.clear();
    };
    for (const PromptRead& prompt : prompts)
        for (std::size_t t = 0; t < prompt.tokens.size(); ++t) {
            rows.push_back({ prompt.tokens[t], static_cast<std::int64_t>(t), prompt.table.data() });
            if (t + 1 == prompt.tokens.size())
                wanted.push_back(static_cast<std::int64_t>(rows.size()) - 1);
            if (static_cast<std::int64_t>(rows.size()) == m_prefillTokens)
                flush();
        }
    if (!rows.empty())
        flush();
    const float* next = logits.data();
    for (PromptRead& prompt : prompts) {
        for (const PhiloxStream& stream : prompt.draws) {
            const double uniform = uniformAt(stream, 0);
            kernels::sample(m_sampling,
                { 1, vocabulary, vocabulary, next, &uniform, &prompt.drawn.emplace_back(), &prompt.logprobs.emplace_back() });
        }
        next += vocabulary;
    }
}

void ProcessorSteps::begin(std::span<const StepRow> rows)
{
    const std::int64_t vocabulary = m_decoder.vocabulary();
    const auto count = std::ssize(rows);
    m_rows.clear();
    m_uniform.clear();
    for (const StepRow& row : rows) {
        m_rows.push_back({ row.token, row.position, row.table.data() });
        m_uniform.push_back(uniformAt(row.stream, row.draw));
    }
    m_tokens.resize(rows.size());
    m_logprobs.resize(rows.size());
    // Logits of all rows at once only while they are few.
    const std::int64_t rowsAtOnce = m_decoder.splitsRows() ? count : std::clamp<std::int64_t>(kMostDecodeLogits / vocabulary, 1, count);
    m_logits.resize(static_cast<std::size_t>(rowsAtOnce * vocabulary));
    m_decoder.reserve(count);
    m_decoder.forEachRange(count, [&](std::int64_t begin, std::int64_t end) {
        m_decoder.decodeRange(m_rows, begin, end, *m_cache);
        for (std::int64_t first = begin; first < end; first += rowsAtOnce) {
            const std::int64_t last = std::min(end, first + rowsAtOnce);
            float* logits = m_logits.data() + (m_decoder.splitsRows() ? first * vocabulary : 0);
            m_decoder.logits(first, last, logits);
            kernels::sample(m_sampling,
                { last - first, vocabulary, vocabulary, logits, m_uniform.data() + first, m_tokens.data() + first,
                    m_logprobs.data() + first });
        }
    });
}

} // namespace midpoint::rollout
