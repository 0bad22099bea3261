#include "backend/core/error.h"
#include "backend/store/blobs.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

namespace midpoint::store {
namespace {

TEST(Half, EveryFiniteBitPattern_RoundTrips)
{
    for (std::uint32_t bits = 0; bits < 0x10000u; ++bits) {
        const auto half = static_cast<std::uint16_t>(bits);
        const float value = fromHalf(half);
        if (!std::isnan(value)) {
            ASSERT_EQ(toHalf(value), half) << bits;
        }
    }
}

TEST(Half, KnownValues_AreTheStandards)
{
    EXPECT_EQ(toHalf(0.0f), 0x0000);
    EXPECT_EQ(toHalf(-0.0f), 0x8000);
    EXPECT_EQ(toHalf(1.0f), 0x3c00);
    EXPECT_EQ(toHalf(-2.0f), 0xc000);
    EXPECT_EQ(toHalf(65504.0f), 0x7bff);
    EXPECT_EQ(toHalf(65520.0f), 0x7c00);
    EXPECT_EQ(toHalf(0x1p-24f), 0x0001);
    EXPECT_EQ(toHalf(0x1p-25f), 0x0000); // half way to the least subnormal: to even
    EXPECT_EQ(toHalf(0x1.8p-25f), 0x0001);
    EXPECT_EQ(toHalf(0.1f), 0x2e66);
    EXPECT_FLOAT_EQ(fromHalf(0x3555), 0.333251953125f);
}

TEST(Half, HalfWay_RoundsToEven)
{
    EXPECT_EQ(toHalf(1.0f + 0x1p-11f), 0x3c00);
    EXPECT_EQ(toHalf(1.0f + 3 * 0x1p-11f), 0x3c02);
    EXPECT_EQ(toHalf(1.0f + 0x1p-11f + 0x1p-20f), 0x3c01);
}

TEST(Half, NanAndInfinity_Stay)
{
    EXPECT_TRUE(std::isnan(fromHalf(toHalf(std::numeric_limits<float>::quiet_NaN()))));
    EXPECT_EQ(fromHalf(toHalf(std::numeric_limits<float>::infinity())), std::numeric_limits<float>::infinity());
    EXPECT_EQ(fromHalf(toHalf(-std::numeric_limits<float>::infinity())), -std::numeric_limits<float>::infinity());
}

TEST(Half, Probabilities_AreWithinTheirStep)
{
    for (int i = 0; i <= 1000; ++i) {
        const float value = static_cast<float>(i) / 1000.0f;
        EXPECT_NEAR(fromHalf(toHalf(value)), value, 0x1p-12);
    }
}

TEST(Blobs, Arrays_RoundTrip)
{
    const std::vector<std::int32_t> numbers { 0, -1, 2147483647 };
    EXPECT_EQ(unpackInt32(packInt32(numbers)), numbers);
    EXPECT_TRUE(unpackInt32(packInt32({})).empty());
    EXPECT_EQ(packHalf(std::vector<float> { 1.0f, 0.5f }).size(), 4u);
    EXPECT_EQ(unpackHalf(packHalf(std::vector<float> { 1.0f, 0.5f })), (std::vector<float> { 1.0f, 0.5f }));
}

TEST(Compression, Text_RoundTrips)
{
    const std::string text(10'000, 'x');
    EXPECT_LT(compress(text, 3).size(), 100u);
    EXPECT_EQ(decompress(compress(text, 3), "a test"), text);
    EXPECT_EQ(decompress(compress("", 3), "a test"), "");
}

TEST(Compression, DamagedFrame_IsAnErrorThatNamesIt)
{
    std::string frame = compress("some text that is long enough to be compressed, compressed, compressed", 3);
    EXPECT_THROW(decompress("no frame", "a test"), Error);
    try {
        decompress(frame.substr(0, frame.size() - 4), "the thing");
        FAIL() << "a cut frame was read";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Store);
        EXPECT_NE(std::string(error.what()).find("the thing"), std::string::npos);
    }
}

} // namespace
} // namespace midpoint::store
