// The device forms against their references: in emulated blocks on every machine, and on a device where there is one.
#include "kernels/cuda/packed_tiles.h"
#include "kernels/cuda/twin_checks.h"
#include "tests/kernels/block_emulator.h"
#include "tests/kernels/emulated_module.h"

#include "backend/core/error.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>

namespace midpoint::kernels::cuda {
namespace {

// The module beside the engine; null with the reason where it cannot be used.
Module* moduleOnDevice(std::string& reason)
{
    const char* binary = std::getenv("MIDPOINT_BINARY");
    if (binary == nullptr) {
        reason = "MIDPOINT_BINARY is not set";
        return nullptr;
    }
    const std::filesystem::path file = std::filesystem::path(binary).parent_path().parent_path() / "lib" / kModuleFile;
    if (!std::filesystem::exists(file)) {
        reason = "this build has no CUDA module";
        return nullptr;
    }
    void* library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    EXPECT_NE(library, nullptr) << ::dlerror();
    void* entry = library == nullptr ? nullptr : ::dlsym(library, "midpoint_cuda_module");
    EXPECT_NE(entry, nullptr);
    if (entry == nullptr)
        return nullptr;
    Module* module = reinterpret_cast<Module* (*)()>(entry)();
    const Discovery found = module->discover();
    EXPECT_FALSE(found.runtime.empty());
    EXPECT_FALSE(found.architectures.empty());
    EXPECT_EQ(found.devices.empty(), !found.problem.empty()) << found.problem;
    reason = found.problem;
    return found.problem.empty() ? module : nullptr;
}

void expectTwins(const std::string& operation, Module& module, TwinSizes sizes)
{
    int compared = 0;
    compareTwins(operation, module, sizes, [&](const TwinResult& result) {
        ++compared;
        EXPECT_TRUE(result.isWithin()) << result.operation << ", " << result.what << ": error " << result.error << ", tolerance " << result.tolerance;
    });
    EXPECT_GT(compared, 0);
}

class CudaTwins : public testing::TestWithParam<const char*> {};

TEST_P(CudaTwins, EmulatedBlocks_AnyShapeAndType_EqualReference) { expectTwins(GetParam(), *test::emulatedModule(), TwinSizes::Small); }

TEST_P(CudaTwins, Device_AnyShapeAndType_EqualsReference)
{
    std::string reason;
    Module* module = moduleOnDevice(reason);
    if (module == nullptr)
        GTEST_SKIP() << "no CUDA device: " << reason;
    expectTwins(GetParam(), *module, TwinSizes::Large);
}

INSTANTIATE_TEST_SUITE_P(All, CudaTwins, testing::ValuesIn(kTwinOperations), [](const auto& tested) { return std::string(tested.param); });

TEST(CudaOperations, ShapesThatDoNotFit_Throw)
{
    const auto module = test::emulatedModule();
    Operations& operations = module->operations();
    EXPECT_THROW(operations.rmsNormForward({ 1, 0, 1e-6F, ElementType::Float32 }, {}, nullptr), Error);
    EXPECT_THROW(operations.rotary({}, { 1, 1, 3, 3, nullptr, nullptr }, nullptr), Error);
    EXPECT_THROW(operations.swigluForward({ 1, 8, 7, ElementType::Float32 }, {}, nullptr), Error);
    EXPECT_THROW(operations.tokenLogprobForward({ 1, 5, 0.0, ElementType::Float32 }, {}, nullptr), Error);
    EXPECT_THROW(operations.sample({ 1.0, 0, 1.5 }, { 1, 4, 4, nullptr, nullptr, nullptr, nullptr }, nullptr), Error);
    EXPECT_THROW(operations.sample({}, { 1, kLargestVocabulary + 1, kLargestVocabulary + 1, nullptr, nullptr, nullptr, nullptr }, nullptr), Error);
    EXPECT_THROW(operations.pagedAttention({ 12, 1, 8, ElementType::Float32 }, { 1, 1 }, 1, nullptr, nullptr), Error);
    EXPECT_THROW(operations.packedAttentionForward({ nullptr, 0, nullptr, 0, 0, 2, 1, 257, 1.0F, ElementType::Float32 }, {}, nullptr), Error);
    EXPECT_THROW(compareTwins("no such operation", *module, TwinSizes::Small, [](const TwinResult&) {}), Error);
}

TEST(CudaOperations, ContentsOutOfRange_GiveNan)
{
    const auto module = test::emulatedModule();
    const std::vector<float> logits = { 1.0F, 2.0F, 3.0F };
    const std::int64_t outside = 3;
    float logprob = 0;
    module->operations().tokenLogprobForward({ 1, 3, 1.0, ElementType::Float32 }, { logits.data(), &outside, &logprob, nullptr, nullptr }, nullptr);
    EXPECT_TRUE(std::isnan(logprob));
    std::vector<float> x = { 1.0F, 2.0F };
    const float angles[] = { 1.0F, 1.0F, 1.0F };
    module->operations().rotary({ angles, angles, 3 }, { 1, 1, 2, 2, &outside, x.data() }, nullptr);
    EXPECT_TRUE(std::isnan(x[0]) && std::isnan(x[1]));
}

TEST(PackedTiles, SharedPrompt_EveryTokenInOneTileOfEachKind)
{
    const std::vector<std::int64_t> segments = { 0, 70, 70, 200, 205 };
    const std::vector<std::int64_t> groups = { 0, 3, 3, 4 };
    const PackedTiles tiles = packedTiles({ segments, groups, 1, 1, 64, 1.0F, ElementType::Float32 });
    std::vector<int> asQuery(205), asKey(205);
    for (const QueryTile& tile : tiles.queries)
        for (int i = 0; i < tile.count; ++i)
            ++asQuery[static_cast<std::size_t>(tile.first + i)];
    for (const KeyTile& tile : tiles.keys) {
        EXPECT_EQ(tile.queryEnd, tile.first < 200 ? 200 : 205);
        for (int i = 0; i < tile.count; ++i)
            ++asKey[static_cast<std::size_t>(tile.first + i)];
    }
    EXPECT_EQ(asQuery, std::vector<int>(205, 1));
    EXPECT_EQ(asKey, std::vector<int>(205, 1));
}

// The emulator finds the two mistakes that matter.
struct MissingBarrier {
    static constexpr int kThreads = 64;
    int* result;
    std::int64_t sharedBytes() const { return 4 * kThreads; }
    template <typename Block>
    void operator()(Block& block) const
    {
        block.template shared<int>()[block.thread()] = block.thread();
        result[block.thread()] = block.template shared<int>()[kThreads - 1 - block.thread()];
    }
};
struct BarrierOfSome {
    static constexpr int kThreads = 64;
    std::int64_t sharedBytes() const { return 0; }
    template <typename Block>
    void operator()(Block& block) const
    {
        if (block.thread() < 40)
            block.sync();
    }
};

TEST(BlockEmulator, MissingBarrier_OrdersDiffer)
{
    std::vector<int> rising(64), falling(64);
    test::EmulatedLaunch { test::ThreadOrder::Rising }(Grid {}, MissingBarrier { rising.data() });
    test::EmulatedLaunch { test::ThreadOrder::Falling }(Grid {}, MissingBarrier { falling.data() });
    EXPECT_NE(rising, falling);
}

TEST(BlockEmulator, BarrierThatSomeNeverReach_Throws) { EXPECT_THROW(test::EmulatedLaunch {}(Grid {}, BarrierOfSome {}), std::logic_error); }

} // namespace
} // namespace midpoint::kernels::cuda
