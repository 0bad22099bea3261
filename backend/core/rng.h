// Counter-based random numbers (Philox 4x32-10; Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
// A draw is a function of its key and position alone, so it does not depend on batch composition, thread count or on
// what was drawn before, and a resumed run continues with the same numbers without storing any state.
#pragma once

#include <array>
#include <cstdint>

namespace midpoint {

// What a draw is for. Values are stored in checkpoints and must not be renumbered.
enum class DrawPurpose : std::uint32_t {
    TrainRollout = 1,
    ReferenceRollout = 2,
    ScreenRollout = 3,
    ExploreRollout = 4,
    EvaluateRollout = 5,
    OracleRollout = 6,
    Selection = 16,
    ReferenceChoice = 17,
    ReplayChoice = 18,
    Shuffle = 19,
    Initialisation = 20,
    Warmup = 21,
    Predictor = 22,
    Exploration = 23,
    Benchmark = 24,
    Simulation = 25,
};

struct RngKey {
    std::uint64_t seed = 0;
    DrawPurpose purpose = DrawPurpose::Selection;
    std::int64_t step = 0;
    std::int64_t prompt = 0; // prompt id, or any other 64-bit subject of the draw
    std::int64_t sample = 0; // index in the group
};

class Rng {
public:
    explicit Rng(const RngKey& key);

    // Random access by position: the four 32-bit words, or one number made of them.
    std::array<std::uint32_t, 4> block(std::uint64_t position) const;
    double uniformAt(std::uint64_t position) const; // in (0, 1), 53 bits

    // Sequential use: each call takes the next position.
    double uniform() { return uniformAt(m_next++); } // in (0, 1)
    double normal();                                 // standard normal (Box-Muller)
    double gumbel();                                 // standard Gumbel, -log(-log u)
    double gamma(double shape);                      // Gamma(shape, 1) (Marsaglia and Tsang)
    double beta(double a, double b);
    std::uint64_t next();                            // 64 random bits
    std::int64_t below(std::int64_t count);          // uniform in [0, count)

    // The two key words, for kernels that draw by themselves.
    std::array<std::uint32_t, 2> key() const { return m_key; }
    std::uint32_t stream() const { return m_stream; }

private:
    std::array<std::uint32_t, 2> m_key{};
    std::uint32_t m_stream = 0;
    std::uint32_t m_streamHigh = 0;
    std::uint64_t m_next = 0;
};

// Fisher-Yates on anything with size() and operator[].
template <typename Sequence>
void shuffle(Sequence& items, Rng& rng)
{
    for (auto i = static_cast<std::int64_t>(items.size()) - 1; i > 0; --i) {
        using std::swap;
        swap(items[static_cast<std::size_t>(i)], items[static_cast<std::size_t>(rng.below(i + 1))]);
    }
}

} // namespace midpoint
