#include "backend/core/bytes.h"

#include <gtest/gtest.h>

namespace midpoint {
namespace {

std::string sample()
{
    ByteWriter out;
    out.putText("thing 1");
    out.put(std::int32_t { -7 });
    out.put(0.1);
    out.putVector(std::vector<float> { 1.5F, -2.25F });
    return out.take();
}

TEST(Bytes, WrittenAndRead_SameValues)
{
    const std::string bytes = sample();
    ByteReader in(bytes, "thing");
    in.expectTag("thing 1");
    EXPECT_EQ(in.get<std::int32_t>(), -7);
    EXPECT_EQ(in.get<double>(), 0.1);
    EXPECT_EQ(in.getVector<float>(), (std::vector<float> { 1.5F, -2.25F }));
    EXPECT_NO_THROW(in.expectEnd());
}

TEST(Bytes, CutAnywhere_IsAnErrorThatNamesTheObject)
{
    const std::string bytes = sample();
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        ByteReader in(std::string_view(bytes).substr(0, size), "thing");
        try {
            in.expectTag("thing 1");
            in.get<std::int32_t>();
            in.get<double>();
            in.getVector<float>();
            FAIL() << "accepted " << size << " of " << bytes.size() << " bytes";
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::Checkpoint);
            EXPECT_NE(std::string(error.what()).find("thing"), std::string::npos);
        }
    }
}

TEST(Bytes, OtherTagOrRest_IsAnError)
{
    const std::string bytes = sample();
    ByteReader other(bytes, "thing");
    EXPECT_THROW(other.expectTag("thing 2"), Error);
    ByteReader unread(bytes, "thing");
    EXPECT_THROW(unread.expectEnd(), Error);
}

TEST(Bytes, ListLengthBeyondTheEnd_IsAnErrorWithoutAllocating)
{
    ByteWriter out;
    out.put(~std::uint64_t { 0 });
    const std::string bytes = out.take();
    ByteReader in(bytes, "thing");
    EXPECT_THROW(in.getVector<double>(), Error);
}

} // namespace
} // namespace midpoint
