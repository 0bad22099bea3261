// The inputs that the fuzzers found worth keeping, and those that once broke something, through the same functions.
#include "tests/fuzz/targets.h"
#include "tests/support/fixtures.h"

#include <gtest/gtest.h>

namespace midpoint::fuzz {
namespace {

std::vector<std::filesystem::path> inputsOf(const std::string& target)
{
    std::vector<std::filesystem::path> inputs;
    for (const auto& entry : std::filesystem::directory_iterator(test::sourceFolder() / "tests/fuzz/corpus" / target))
        inputs.push_back(entry.path());
    std::sort(inputs.begin(), inputs.end());
    return inputs;
}

class FuzzCorpus : public testing::TestWithParam<Target> { };

TEST_P(FuzzCorpus, EveryKeptInput_KeepsThePromises)
{
    const auto inputs = inputsOf(GetParam().name);
    ASSERT_FALSE(inputs.empty());
    for (const std::filesystem::path& input : inputs) {
        const std::string bytes = test::read(input);
        SCOPED_TRACE(input.filename().string());
        GetParam().run({ reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size() });
    }
}

INSTANTIATE_TEST_SUITE_P(Targets, FuzzCorpus, testing::ValuesIn(targets().begin(), targets().end()),
    [](const testing::TestParamInfo<Target>& target) { return std::string(target.param.name); });

} // namespace
} // namespace midpoint::fuzz
