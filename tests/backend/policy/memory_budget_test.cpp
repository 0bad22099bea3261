// Memory that runs out in the middle of an update: an allocator that gives only so much.
#include "backend/core/error.h"
#include "backend/model/model.h"
#include "backend/policy/policy_update.h"

#include <c10/core/CPUAllocator.h>
#include <gmock/gmock.h>
#include <torch/types.h>

#include <map>
#include <mutex>

namespace midpoint::policy {
namespace {

// Fails like LibTorch's own allocator when more than the limit is in use at a time.
class LimitedAllocator final : public c10::Allocator {
public:
    static LimitedAllocator& install()
    {
        static auto* allocator = [] {
            auto* made = new LimitedAllocator; // LibTorch keeps it for the life of the process
            c10::SetCPUAllocator(made, 100);
            return made;
        }();
        return *allocator;
    }
    void setLimit(std::int64_t bytes) { m_limit = bytes == 0 ? 0 : s_used + bytes; }
    std::int64_t refusals() const { return m_refusals; }

    c10::DataPtr allocate(std::size_t bytes) override
    {
        const auto size = static_cast<std::int64_t>(bytes);
        const std::lock_guard lock(s_mutex);
        if (m_limit > 0 && s_used + size > m_limit) {
            ++m_refusals;
            TORCH_CHECK(false, "DefaultCPUAllocator: can't allocate memory: you tried to allocate ", bytes, " bytes.");
        }
        void* data = c10::GetDefaultCPUAllocator()->raw_allocate(bytes);
        if (data != nullptr) {
            s_sizes[data] = size;
            s_used += size;
        }
        return { data, data, &LimitedAllocator::release, c10::Device(c10::kCPU) };
    }
    c10::DeleterFnPtr raw_deleter() const override { return &LimitedAllocator::release; }
    void copy_data(void* to, const void* from, std::size_t count) const override { default_copy_data(to, from, count); }

private:
    static void release(void* data)
    {
        if (data == nullptr)
            return;
        {
            const std::lock_guard lock(s_mutex);
            s_used -= s_sizes.extract(data).mapped();
        }
        c10::GetDefaultCPUAllocator()->raw_deallocate(data);
    }
    static inline std::mutex s_mutex;
    static inline std::map<void*, std::int64_t> s_sizes;
    static inline std::int64_t s_used = 0;
    std::int64_t m_limit = 0;
    std::int64_t m_refusals = 0;
};

model::Model tinyModel()
{
    model::ModelConfig config;
    config.vocabularySize = 31;
    config.hiddenSize = 32;
    config.intermediateSize = 96;
    config.layerCount = 3;
    config.headCount = 4;
    config.kvHeadCount = 2;
    config.headDimension = 8;
    config.maxPositions = 128;
    config.isTied = true;
    return model::Model::random(config, { .seed = 1, .purpose = DrawPurpose::Initialisation });
}

std::vector<TrainGroup> groups(std::int64_t count)
{
    std::vector<TrainGroup> made;
    for (std::int64_t g = 0; g < count; ++g) {
        Rng rng({ .seed = 2, .purpose = DrawPurpose::TrainRollout, .prompt = g });
        TrainGroup group;
        group.id = g;
        for (int i = 0; i < 8; ++i)
            group.promptTokens.push_back(static_cast<std::int32_t>(rng.below(31)));
        for (int r = 0; r < 4; ++r) {
            TrainRow row;
            for (int i = 0; i < 60; ++i) {
                row.tokens.push_back(static_cast<std::int32_t>(rng.below(31)));
                row.behaviourLogprobs.push_back(-3.4F);
            }
            row.advantage = r % 2 == 0 ? 1.0 : -1.0;
            group.rows.push_back(std::move(row));
        }
        made.push_back(std::move(group));
    }
    return made;
}

UpdateSettings settings()
{
    UpdateSettings settings;
    settings.optimizer.learningRate = 1e-3;
    settings.batch.promptsPerUpdate = 100;
    settings.batch.tokensPerMicrobatch = 4096;
    settings.policy.maxLogprobDifference = 100.0; // the rows' log-probs are made up
    settings.steps = 10;
    return settings;
}

TEST(MemoryBudget, Step_WhereMemoryEnds_GoesOnWithSmallerMicroBatches)
{
    LimitedAllocator& allocator = LimitedAllocator::install();
    model::Model wide = tinyModel();
    PolicyUpdate unlimited(wide, settings());
    const UpdateReport whole = unlimited.step(groups(16), 0);
    EXPECT_TRUE(whole.memorySplits.empty());
    EXPECT_EQ(whole.updates, 1);
    ASSERT_GT(whole.activationBytes, 0);

    model::Model narrow = tinyModel();
    PolicyUpdate limited(narrow, settings());
    narrow.zeroGradients();
    allocator.setLimit(whole.activationBytes / 3);
    const UpdateReport split = limited.step(groups(16), 0);
    allocator.setLimit(0);
    ASSERT_GT(allocator.refusals(), 0);
    ASSERT_FALSE(split.memorySplits.empty());
    EXPECT_EQ(split.memorySplits.front().tokensBefore, 4096);
    EXPECT_EQ(split.memorySplits.front().tokensAfter, 2048);
    EXPECT_THAT(split.memorySplits.front().reason, testing::HasSubstr("can't allocate memory"));
    EXPECT_GT(split.microbatches, whole.microbatches);
    EXPECT_EQ(split.updates, 1);
    EXPECT_LT(split.activationBytes, whole.activationBytes / 3);
    EXPECT_NEAR(split.gradientNorm, whole.gradientNorm, 1e-5 * whole.gradientNorm) << "nothing is counted twice";
    for (std::size_t i = 0; i < wide.parameters().size(); ++i)
        EXPECT_TRUE(torch::allclose(wide.parameters()[i].gradient, narrow.parameters()[i].gradient, 1e-4, 1e-6)) << wide.parameters()[i].name;
    EXPECT_TRUE(limited.step(groups(16), 1).memorySplits.empty()) << "the size that fits is kept";
}

TEST(MemoryBudget, Step_WithoutRoomForAnything_SaysWhatToDo)
{
    LimitedAllocator& allocator = LimitedAllocator::install();
    model::Model model = tinyModel();
    PolicyUpdate update(model, settings());
    model.zeroGradients();
    allocator.setLimit(2000);
    try {
        update.step(groups(2), 0);
        ADD_FAILURE() << "2000 bytes are not enough";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Resource);
        EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("out of memory"), testing::HasSubstr("model.activation_checkpointing")));
    }
    allocator.setLimit(0);
}

TEST(MemoryBudget, TryLargest_BeforeTheFirstStep_LeavesWeightsAndOptimizer)
{
    model::Model model = tinyModel();
    model::Model same = tinyModel();
    PolicyUpdate update(model, settings());
    const UpdateReport tried = update.tryLargest(8, 60);
    EXPECT_GT(tried.packedTokens, 4096 - 60);
    EXPECT_LE(tried.packedTokens, 4096);
    EXPECT_EQ(update.optimizer().updates(), 0);
    update.step(groups(4), 0);
    PolicyUpdate plain(same, settings());
    plain.step(groups(4), 0);
    for (std::size_t i = 0; i < model.parameters().size(); ++i)
        EXPECT_TRUE(torch::equal(model.parameters()[i].value, same.parameters()[i].value)) << model.parameters()[i].name;
}

TEST(MemoryBudget, IsOutOfMemory_OfOtherErrors_IsFalse)
{
    EXPECT_TRUE(isOutOfMemory(std::bad_alloc()));
    EXPECT_FALSE(isOutOfMemory(std::runtime_error("can't allocate memory")));
    EXPECT_FALSE(isOutOfMemory(Error(ErrorKind::Resource, "another resource")));
}

} // namespace
} // namespace midpoint::policy
