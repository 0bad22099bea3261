// The generator behind rng.h, Philox 4x32-10, as a plain function of key and counter that devices can run too.
#pragma once

#include <cstdint>

namespace midpoint {

struct RngKey;

// What sets one generator apart from all others.
struct PhiloxStream {
    std::uint32_t key[2] = {};
    std::uint32_t counter[2] = {}; // the upper half; the lower one is the position
};

PhiloxStream philoxStream(const RngKey& key); // of the Rng with this key

struct PhiloxBlock {
    std::uint32_t word[4] = {};
};

constexpr PhiloxBlock philox(const PhiloxStream& stream, std::uint64_t position)
{
    constexpr std::uint64_t kMultiplier0 = 0xD2511F53U;
    constexpr std::uint64_t kMultiplier1 = 0xCD9E8D57U;
    constexpr std::uint32_t kWeyl0 = 0x9E3779B9U;
    constexpr std::uint32_t kWeyl1 = 0xBB67AE85U;
    const auto low = [](std::uint64_t value) { return static_cast<std::uint32_t>(value); };
    const auto high = [](std::uint64_t value) { return static_cast<std::uint32_t>(value >> 32U); };
    PhiloxBlock c { { low(position), high(position), stream.counter[0], stream.counter[1] } };
    std::uint32_t key0 = stream.key[0];
    std::uint32_t key1 = stream.key[1];
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t product0 = kMultiplier0 * c.word[0];
        const std::uint64_t product1 = kMultiplier1 * c.word[2];
        c = { { high(product1) ^ c.word[1] ^ key0, low(product1), high(product0) ^ c.word[3] ^ key1, low(product0) } };
        key0 += kWeyl0;
        key1 += kWeyl1;
    }
    return c;
}

// 53 random bits as a number in (0, 1).
constexpr double unitNumber(std::uint32_t a, std::uint32_t b)
{
    const std::uint64_t bits = ((static_cast<std::uint64_t>(a) << 32U) | b) >> 11U;
    return (static_cast<double>(bits) + 0.5) * 0x1.0p-53;
}

} // namespace midpoint
