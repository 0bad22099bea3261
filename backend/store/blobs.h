// How arrays stand in BLOB columns: float16 and int32 little-endian without a header, and zstd frames.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace midpoint::store {

// IEEE 754 binary16, rounded to nearest even; NaN stays NaN, too large becomes infinity.
std::uint16_t toHalf(float value);
float fromHalf(std::uint16_t bits);

std::string packHalf(std::span<const float> values);
std::vector<float> unpackHalf(std::string_view blob);
std::string packInt32(std::span<const std::int32_t> values);
std::vector<std::int32_t> unpackInt32(std::string_view blob);

std::string compress(std::string_view bytes, int level);
// Throws Error{Store} naming `what` for bytes that are no zstd frame or a damaged one.
std::string decompress(std::string_view frame, std::string_view what);

} // namespace midpoint::store
