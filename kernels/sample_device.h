// The device form of sample.h, for kernels/sample.cu and for the emulated block of the tests. One block draws for one row.
//
// Probability is counted in integers, weight = floor(e^(z - top) * 2^44). Integer sums do not depend on their order, so a draw is
// a function of row and u alone whatever the number of threads, and prefixes of the row add up to the total exactly. What is
// lost, a probability under 2^-44 for each token, is far below the rounding of the logits.
//
// Nothing is sorted. In falling order of z, the token at which a running sum passes a target is found by building the key of
// its z two bits at a time; the sums over all larger keys decide.
#pragma once

#include "kernels/cuda/forms.h"
#include "kernels/cuda/reduce.h"

namespace midpoint::kernels::cuda {

constexpr int kSampleThreads = 512;
constexpr int kSampleWarps = kSampleThreads / kWarp;
constexpr int kCandidates = 2048; // largest z that are looked at apart from the row
constexpr float kWeightScale = 0x1.0p44F;

// Rises with z; equal for equal z.
MIDPOINT_DEVICE std::uint32_t keyOf(float z)
{
    const std::uint32_t bits = bitsOf(z + 0.0F); // minus zero becomes zero
    return (bits & 0x80000000U) != 0 ? ~bits : bits | 0x80000000U;
}
MIDPOINT_DEVICE float valueOf(std::uint32_t key) { return floatOf((key & 0x80000000U) != 0 ? key & 0x7fffffffU : ~key); }

struct SampleMemory { // of one block
    std::uint64_t sum[3][kSampleWarps];
    float largest[kMostWarps];
    std::int32_t index[kMostWarps];
    std::int32_t candidateCount;
    float candidate[kCandidates];
};

// A place in the falling order: a value, how much lies above it, and how many of the tokens with this value come before.
struct Place {
    std::uint32_t key = 0;
    std::uint64_t above = 0;
    std::uint64_t tie = 0;
};

template <typename Block>
class RowSampler {
public:
    MIDPOINT_DEVICE RowSampler(Block& block, const float* logits, std::int64_t count, float factor)
        : m_block(block)
        , m_memory(*block.template shared<SampleMemory>())
        , m_logits(logits)
        , m_count(count)
        , m_factor(factor)
    {
    }

    // Finds the largest z; false if the row is not finite.
    MIDPOINT_DEVICE bool measure()
    {
        float largest = minusInfinity();
        std::int32_t broken = 0;
        std::int64_t best = 0;
        for (std::int64_t i = m_block.thread(); i < m_count; i += kSampleThreads) {
            const float z = at(i);
            broken |= static_cast<std::int32_t>(!(z <= 3.4e38F));
            if (z > largest) {
                largest = z;
                best = i;
            }
        }
        m_top = rowMax<kSampleThreads>(m_block, largest, m_memory.largest);
        m_best = -rowMax<kSampleThreads>(
            m_block, largest == m_top ? -static_cast<std::int32_t>(best) : -0x7fffffff, m_memory.index);
        broken = rowMax<kSampleThreads>(m_block, broken, m_memory.index);
        if (broken != 0 || !(m_top >= -3.4e38F))
            return false;
        std::uint64_t total = 0;
        for (std::int64_t i = m_block.thread(); i < m_count; i += kSampleThreads)
            total += weight(at(i));
        m_total = blockSum(total);
        return true;
    }

    MIDPOINT_DEVICE std::int64_t largestToken() const { return m_best; }

    MIDPOINT_DEVICE std::int64_t drawFromAll(double uniform)
    {
        return findInOrder(share(uniform, m_total), [&](std::int64_t i) { return weight(at(i)); });
    }

    MIDPOINT_DEVICE std::int64_t drawTruncated(std::int64_t topK, double topP, double uniform)
    {
        const bool hasTopK = topK > 0 && topK < m_count;
        const std::int64_t gathered = gather(hasTopK ? topK : 0, topP);
        const Place place = gathered >= 0
            ? drawFrom([&](std::int64_t i) { return m_memory.candidate[i]; }, gathered, hasTopK ? topK : 0, topP, uniform)
            : drawFrom([&](std::int64_t i) { return at(i); }, m_count, hasTopK ? topK : 0, topP, uniform);
        return findInOrder(place.tie, [&](std::int64_t i) { return static_cast<std::uint64_t>(keyOf(at(i)) == place.key); });
    }

    MIDPOINT_DEVICE float logprob(std::int64_t token) const
    {
        const double logTotal = log(static_cast<double>(m_total) * (1.0 / static_cast<double>(kWeightScale)));
        return static_cast<float>(static_cast<double>(at(token) - m_top) - logTotal);
    }

private:
    MIDPOINT_DEVICE float at(std::int64_t i) const { return m_logits[i] * m_factor; }
    MIDPOINT_DEVICE std::uint64_t weight(float z) const { return static_cast<std::uint64_t>(expf(z - m_top) * kWeightScale); }

    // floor(fraction * total), below total.
    MIDPOINT_DEVICE static std::uint64_t share(double fraction, std::uint64_t total)
    {
        const auto part = static_cast<std::uint64_t>(fraction * static_cast<double>(total));
        return part < total ? part : total - 1;
    }

    MIDPOINT_DEVICE std::uint64_t blockSum(std::uint64_t value) { return rowSum<kSampleThreads>(m_block, value, m_memory.sum[0]); }

    // Three sums at once.
    MIDPOINT_DEVICE void blockSums(std::uint64_t (&value)[3])
    {
        for (int c = 0; c < 3; ++c) {
            value[c] = m_block.sum(value[c]);
            if (m_block.thread() % kWarp == 0)
                m_memory.sum[c][m_block.thread() / kWarp] = value[c];
        }
        m_block.sync();
        for (int c = 0; c < 3; ++c) {
            value[c] = 0;
            for (int w = 0; w < kSampleWarps; ++w)
                value[c] += m_memory.sum[c][w];
        }
        m_block.sync();
    }

    // The first token, in rising order of ids, at which the running sum of `measureOf` passes the target.
    template <typename Measure>
    MIDPOINT_DEVICE std::int64_t findInOrder(std::uint64_t target, const Measure& measureOf)
    {
        std::int64_t begin = 0;
        std::int64_t end = m_count;
        while (end - begin > kSampleWarps * kWarp) { // one part for each warp; then the same within the part that holds it
            const std::int64_t length = ceilDivide(end - begin, kSampleWarps);
            const std::int64_t first = begin + m_block.thread() / kWarp * length;
            const std::int64_t last = first + length < end ? first + length : end;
            std::uint64_t sum = 0;
            for (std::int64_t i = first + m_block.thread() % kWarp; i < last; i += kWarp)
                sum += measureOf(i);
            sum = m_block.sum(sum);
            if (m_block.thread() % kWarp == 0)
                m_memory.sum[0][m_block.thread() / kWarp] = sum;
            m_block.sync();
            int part = 0;
            while (part + 1 < kSampleWarps && m_memory.sum[0][part] <= target)
                target -= m_memory.sum[0][part++];
            m_block.sync();
            begin += part * length;
            end = begin + length < end ? begin + length : end;
        }
        for (; begin < end; begin += kWarp) { // every warp alike
            const std::int64_t i = begin + m_block.thread() % kWarp;
            const std::uint64_t running = m_block.runningSum(i < end ? measureOf(i) : 0);
            const std::int32_t passed = running > target ? -(m_block.thread() % kWarp) : -kWarp;
            const std::int32_t lane = -m_block.max(passed);
            if (lane < kWarp)
                return begin + lane;
            target -= m_block.max(running);
        }
        return m_best; // not reached: targets are below the total
    }

    // In falling order of z, the place at which the running sum of measureOf(z) passes the target.
    template <typename Source, typename Measure>
    MIDPOINT_DEVICE Place findFalling(const Source& source, std::int64_t count, std::uint64_t target, const Measure& measureOf)
    {
        Place place;
        for (int shift = 30; shift >= 0; shift -= 2) {
            std::uint64_t atLeast[3] = {};
            for (std::int64_t i = m_block.thread(); i < count; i += kSampleThreads) {
                const float z = source(i);
                const std::uint32_t key = keyOf(z);
                if (key < place.key + (1U << shift))
                    continue;
                const std::uint64_t measure = measureOf(z);
                for (std::uint32_t c = 0; c < 3; ++c)
                    atLeast[c] += key >= place.key + ((c + 1U) << shift) ? measure : 0;
            }
            blockSums(atLeast);
            std::uint32_t digit = 0;
            while (digit < 3 && atLeast[digit] > target)
                ++digit;
            if (digit < 3)
                place.above = atLeast[digit];
            place.key += digit << shift;
        }
        place.tie = (target - place.above) / measureOf(valueOf(place.key));
        return place;
    }

    // The sum of weights down to the place, the place with it.
    template <typename Source>
    MIDPOINT_DEVICE std::uint64_t weightDownTo(const Source& source, std::int64_t count, const Place& place)
    {
        std::uint64_t sum = 0;
        for (std::int64_t i = m_block.thread(); i < count; i += kSampleThreads)
            if (keyOf(source(i)) > place.key)
                sum += weight(source(i));
        return blockSum(sum) + (place.tie + 1) * weight(valueOf(place.key));
    }

    template <typename Source>
    MIDPOINT_DEVICE Place drawFrom(const Source& source, std::int64_t count, std::int64_t topK, double topP, double uniform)
    {
        const auto weightOf = [&](float z) { return weight(z); };
        std::uint64_t kept = m_total;
        if (topK > 0) {
            const auto one = [](float) { return std::uint64_t { 1 }; };
            kept = weightDownTo(source, count, findFalling(source, count, static_cast<std::uint64_t>(topK - 1), one));
        }
        if (topP < 1.0) { // the shortest prefix with at least topP of what is kept
            const Place last = findFalling(source, count, leastShare(topP, kept) - 1, weightOf);
            kept = last.above + (last.tie + 1) * weight(valueOf(last.key));
        }
        return findFalling(source, count, share(uniform, kept), weightOf);
    }

    MIDPOINT_DEVICE static std::uint64_t leastShare(double fraction, std::uint64_t total)
    {
        const auto part = static_cast<std::uint64_t>(ceil(fraction * static_cast<double>(total)));
        return part < 1 ? 1 : part < total ? part : total;
    }

    // Brings the z that truncation can keep into shared memory, in any order; returns their number, or -1 if they are too many.
    MIDPOINT_DEVICE std::int64_t gather(std::int64_t topK, double topP)
    {
        constexpr float kDepths[3] = { 4.0F, 8.0F, 16.0F };
        std::uint64_t count[3] = {};
        std::uint64_t mass[3] = {};
        for (std::int64_t i = m_block.thread(); i < m_count; i += kSampleThreads) {
            const float z = at(i);
            for (int d = 0; d < 3; ++d)
                if (z >= m_top - kDepths[d]) {
                    ++count[d];
                    mass[d] += weight(z);
                }
        }
        blockSums(count);
        blockSums(mass);
        int depth = 0;
        while (depth < 3 && (topK > 0 ? count[depth] < static_cast<std::uint64_t>(topK) : mass[depth] < leastShare(topP, m_total)))
            ++depth;
        if (depth == 3 || count[depth] > kCandidates)
            return -1;
        if (m_block.thread() == 0)
            m_memory.candidateCount = 0;
        m_block.sync();
        for (std::int64_t i = m_block.thread(); i < m_count; i += kSampleThreads)
            if (at(i) >= m_top - kDepths[depth])
                m_memory.candidate[m_block.fetchAdd(&m_memory.candidateCount, 1)] = at(i);
        m_block.sync();
        return static_cast<std::int64_t>(count[depth]);
    }

    Block& m_block;
    SampleMemory& m_memory;
    const float* m_logits;
    std::int64_t m_count;
    float m_factor;
    float m_top = 0;
    std::int32_t m_best = 0;
    std::uint64_t m_total = 0;
};

struct SampleBody {
    static constexpr int kThreads = kSampleThreads;
    SampleSettings settings;
    SampleArguments a;

    std::int64_t sharedBytes() const { return sizeof(SampleMemory); }

    template <typename Block>
    MIDPOINT_DEVICE void operator()(Block& block) const
    {
        const std::int64_t row = block.x();
        const bool isGreedy = settings.temperature == 0;
        const bool isTruncated = settings.topP < 1.0 || (settings.topK > 0 && settings.topK < a.vocabulary);
        const float factor = isGreedy ? 1.0F : static_cast<float>(1.0 / settings.temperature);
        RowSampler<Block> sampler(block, a.logits + row * a.stride, a.vocabulary, factor);
        std::int64_t token = -1;
        float logprob = notANumber();
        if (sampler.measure()) {
            const double uniform = isGreedy ? 0.0 : a.uniform[row];
            token = isGreedy ? sampler.largestToken()
                : isTruncated ? sampler.drawTruncated(settings.topK, settings.topP, uniform)
                              : sampler.drawFromAll(uniform);
            logprob = sampler.logprob(token);
        }
        if (block.thread() == 0) {
            a.token[row] = static_cast<std::int32_t>(token);
            a.logprob[row] = logprob;
        }
    }
};

struct UniformBody {
    static constexpr int kThreads = 128;
    UniformArguments a;

    std::int64_t sharedBytes() const { return 0; }

    template <typename Block>
    MIDPOINT_DEVICE void operator()(Block& block) const
    {
        const std::int64_t row = block.x() * kThreads + block.thread();
        if (row >= a.rows)
            return;
        const PhiloxBlock words = philox(a.stream[row], static_cast<std::uint64_t>(a.position[row]));
        a.number[row] = unitNumber(words.word[0], words.word[1]);
    }
};

template <typename Launch>
void launchUniformNumbers(const Launch& launch, const UniformArguments& arguments)
{
    launch(Grid { ceilDivide(arguments.rows, UniformBody::kThreads) }, UniformBody { arguments });
}

template <typename Launch>
void launchSample(const Launch& launch, const SampleSettings& settings, const SampleArguments& arguments)
{
    launch(Grid { arguments.rows }, SampleBody { settings, arguments });
}

} // namespace midpoint::kernels::cuda
