#include "backend/store/blobs.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

#include <bit>
#include <cstring>
#include <zstd.h>

namespace midpoint::store {
namespace {

static_assert(std::endian::native == std::endian::little, "blobs are little-endian; a big-endian machine would have to swap");

template <typename Number>
std::vector<Number> unpack(std::string_view blob)
{
    std::vector<Number> values(blob.size() / sizeof(Number));
    if (!values.empty())
        std::memcpy(values.data(), blob.data(), values.size() * sizeof(Number));
    return values;
}

} // namespace

std::uint16_t toHalf(float value)
{
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t sign = (bits >> 16) & 0x8000u;
    const std::uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u)
        return static_cast<std::uint16_t>(sign | 0x7e00u);
    if (magnitude >= 0x477ff000u) // 65520 and above round to infinity
        return static_cast<std::uint16_t>(sign | 0x7c00u);
    if (magnitude < 0x38800000u) { // below 2^-14: subnormal, units of 2^-24; adding 0.5 lets the hardware round
        const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
        return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000u));
    }
    const std::uint32_t odd = (magnitude >> 13) & 1u;
    return static_cast<std::uint16_t>(sign | ((magnitude - 0x38000000u + 0xfffu + odd) >> 13));
}

float fromHalf(std::uint16_t bits)
{
    const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
    const std::uint32_t exponent = (bits >> 10) & 0x1fu;
    const std::uint32_t fraction = bits & 0x3ffu;
    if (exponent == 0) {
        const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
        return std::bit_cast<float>(std::bit_cast<std::uint32_t>(magnitude) | sign);
    }
    if (exponent == 31)
        return std::bit_cast<float>(sign | 0x7f800000u | (fraction << 13));
    return std::bit_cast<float>(sign | ((exponent + 112u) << 23) | (fraction << 13));
}

std::string packHalf(std::span<const float> values)
{
    std::string blob(values.size() * sizeof(std::uint16_t), '\0');
    for (std::size_t i = 0; i < values.size(); ++i) {
        const std::uint16_t half = toHalf(values[i]);
        std::memcpy(blob.data() + i * sizeof half, &half, sizeof half);
    }
    return blob;
}

std::vector<float> unpackHalf(std::string_view blob)
{
    const auto halves = unpack<std::uint16_t>(blob);
    std::vector<float> values(halves.size());
    for (std::size_t i = 0; i < halves.size(); ++i)
        values[i] = fromHalf(halves[i]);
    return values;
}

std::string packInt32(std::span<const std::int32_t> values)
{
    return values.empty() ? std::string() : std::string(reinterpret_cast<const char*>(values.data()), values.size_bytes());
}

std::vector<std::int32_t> unpackInt32(std::string_view blob)
{
    return unpack<std::int32_t>(blob);
}

std::string compress(std::string_view bytes, int level)
{
    std::string frame(ZSTD_compressBound(bytes.size()), '\0');
    const std::size_t size = ZSTD_compress(frame.data(), frame.size(), bytes.data(), bytes.size(), level);
    if (ZSTD_isError(size) != 0)
        throw Error(ErrorKind::Internal, concat("zstd cannot compress ", bytes.size(), " bytes: ", ZSTD_getErrorName(size)));
    frame.resize(size);
    return frame;
}

std::string decompress(std::string_view frame, std::string_view what)
{
    constexpr unsigned long long kLargest = 1ULL << 31; // a damaged header must not ask for all memory
    const unsigned long long size = ZSTD_getFrameContentSize(frame.data(), frame.size());
    if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > kLargest)
        throw Error(ErrorKind::Store, concat(what, ": expected a zstd frame with its size, found ", frame.size(), " other bytes"));
    std::string bytes(static_cast<std::size_t>(size), '\0');
    const std::size_t got = ZSTD_decompress(bytes.data(), bytes.size(), frame.data(), frame.size());
    if (ZSTD_isError(got) != 0)
        throw Error(ErrorKind::Store, concat(what, ": damaged zstd frame: ", ZSTD_getErrorName(got)));
    if (got != bytes.size())
        throw Error(ErrorKind::Store, concat(what, ": expected ", bytes.size(), " bytes in the zstd frame, found ", got));
    return bytes;
}

} // namespace midpoint::store
