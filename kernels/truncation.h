// What top-k and top-p keep of one row of logits, and a draw from it.
#pragma once

#include "kernels/sample.h"
#include "kernels/sample_cpu.h"

#include <cstdint>
#include <vector>

namespace midpoint::kernels {

// Tokens are ordered by falling value, equal values by rising id. Nothing is sorted but the few tokens around a boundary: both the
// end of the kept prefix and the drawn token are found by selection, so a row costs O(vocabulary) however flat it is.
class Truncation {
public:
    Truncation(const SampleSettings& settings, CpuIsa isa);

    std::int32_t draw(const SampleRow& row, const SampleBlocks& blocks, double uniform);

private:
    struct Candidate {
        float value = 0;  // z
        float weight = 0; // e^(z - top)
        std::int32_t id = 0;
        bool operator<(const Candidate& other) const { return value != other.value ? value > other.value : id < other.id; }
    };
    using Candidates = std::vector<Candidate>;

    void keepTopK(const SampleRow& row, const SampleBlocks& blocks);
    void keepMass(const SampleRow& row, const SampleBlocks& blocks);
    void collect(const SampleRow& row, const SampleBlocks& blocks, float bound);
    double mass() const;
    template <class HasReached> Candidates::iterator selectByMass(HasReached hasReached);

    SampleSettings m_settings;
    decltype(&baseline::collectAtLeast) m_collect;
    std::vector<std::int32_t> m_ids; // [vocabulary]
    std::vector<float> m_weights;    // [vocabulary]
    Candidates m_kept;
};

} // namespace midpoint::kernels
