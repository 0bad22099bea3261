#include "backend/compute/open_device.h"

#include "backend/core/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace midpoint::compute {
namespace {

TEST(OpenDevice, Cpu_IsTheProcessor)
{
    const Device device = openDevice("cpu");
    EXPECT_TRUE(device.isProcessor());
    EXPECT_EQ(device.name(), "cpu");
}

TEST(OpenDevice, OtherNames_SayWhatIsExpected)
{
    for (const char* name : { "gpu", "cuda", "cuda:", "cuda:x", "cuda:-1", "cuda:1 " })
        try {
            openDevice(name);
            FAIL() << name;
        } catch (const Error& error) {
            EXPECT_EQ(error.kind(), ErrorKind::Config);
            EXPECT_THAT(error.what(), testing::HasSubstr("cuda:N"));
        }
}

// A device that no machine has: whatever is missing here is named, and a machine with devices says how many.
TEST(OpenDevice, MissingDevice_SaysWhatIsMissing)
{
    try {
        openDevice("cuda:99");
        FAIL() << "expected an error";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Resource);
        EXPECT_THAT(error.what(), testing::StartsWith("cuda:99: "));
        EXPECT_THAT(error.what(), testing::ContainsRegex("NVIDIA driver|no device|expected a device below|no CUDA module"));
    }
}

TEST(OpenDevice, Names_BeginWithTheProcessorAndSayWhyThereIsNoGpu)
{
    std::string problem;
    const std::vector<std::string> names = deviceNames(problem);
    EXPECT_EQ(names.front(), "cpu");
    EXPECT_EQ(names.size() == 1, !problem.empty()) << problem;
}

} // namespace
} // namespace midpoint::compute
