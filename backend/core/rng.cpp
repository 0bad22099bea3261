#include "backend/core/rng.h"

#include "backend/core/philox.h"

#include <cmath>
#include <numbers>

namespace midpoint {
namespace {

// SplitMix64 finaliser: spreads the fields of a key over all bits.
std::uint64_t mix(std::uint64_t value)
{
    value += 0x9E3779B97F4A7C15ULL;
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ULL;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EBULL;
    return value ^ (value >> 31);
}

std::uint32_t low(std::uint64_t value) { return static_cast<std::uint32_t>(value); }
std::uint32_t high(std::uint64_t value) { return static_cast<std::uint32_t>(value >> 32); }

} // namespace

PhiloxStream philoxStream(const RngKey& key)
{
    const std::uint64_t first = mix(mix(key.seed) ^ mix(static_cast<std::uint64_t>(key.purpose) << 32));
    const std::uint64_t second = mix(first ^ mix(static_cast<std::uint64_t>(key.step)));
    const std::uint64_t third = mix(second ^ mix(static_cast<std::uint64_t>(key.prompt)));
    const std::uint64_t fourth = mix(third ^ mix(static_cast<std::uint64_t>(key.sample)));
    return { { low(third), high(third) }, { low(fourth), high(fourth) } };
}

Rng::Rng(const RngKey& key)
{
    const PhiloxStream stream = philoxStream(key);
    m_key = { stream.key[0], stream.key[1] };
    m_stream = stream.counter[0];
    m_streamHigh = stream.counter[1];
}

std::array<std::uint32_t, 4> Rng::block(std::uint64_t position) const
{
    const PhiloxBlock words = philox({ { m_key[0], m_key[1] }, { m_stream, m_streamHigh } }, position);
    return { words.word[0], words.word[1], words.word[2], words.word[3] };
}

double Rng::uniformAt(std::uint64_t position) const
{
    const auto words = block(position);
    return unitNumber(words[0], words[1]);
}

std::uint64_t Rng::next()
{
    const auto words = block(m_next++);
    return (static_cast<std::uint64_t>(words[0]) << 32) | words[1];
}

std::int64_t Rng::below(std::int64_t count)
{
    const auto range = static_cast<std::uint64_t>(count);
    const std::uint64_t limit = ~0ULL - (~0ULL % range + 1) % range; // largest value that keeps the draw unbiased
    std::uint64_t value = next();
    while (value > limit)
        value = next();
    return static_cast<std::int64_t>(value % range);
}

double Rng::normal()
{
    const auto words = block(m_next++);
    const double radius = std::sqrt(-2.0 * std::log(unitNumber(words[0], words[1])));
    return radius * std::cos(2.0 * std::numbers::pi * unitNumber(words[2], words[3]));
}

double Rng::gumbel() { return -std::log(-std::log(uniform())); }

double Rng::gamma(double shape)
{
    if (shape < 1.0) {
        const double boosted = gamma(shape + 1.0);
        return boosted * std::pow(uniform(), 1.0 / shape);
    }
    const double d = shape - 1.0 / 3.0;
    const double c = 1.0 / std::sqrt(9.0 * d);
    while (true) {
        const double x = normal();
        const double cube = std::pow(1.0 + c * x, 3);
        if (cube <= 0.0)
            continue;
        if (std::log(uniform()) < 0.5 * x * x + d - d * cube + d * std::log(cube))
            return d * cube;
    }
}

double Rng::beta(double a, double b)
{
    const double x = gamma(a);
    const double y = gamma(b);
    return x / (x + y);
}

} // namespace midpoint
