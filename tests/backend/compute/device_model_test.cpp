#include "backend/model/model.h"

#include "tests/backend/compute/device_testing.h"

#include <torch/types.h>

namespace midpoint::model {
namespace {

using test::randomTokens;
using test::smallConfig;

class DeviceModel : public test::OnDevice {};
MIDPOINT_ON_DEVICES(DeviceModel);

// A plain sequence, then a group of three responses, one of which is empty.
PackedBatch mixedBatch()
{
    PackedBatch batch;
    batch.addSequence(randomTokens(70, 5), PackedBatch::Score::Yes);
    const std::vector<std::vector<std::int32_t>> responses { randomTokens(9, 2), {}, randomTokens(1, 3), randomTokens(14, 4) };
    batch.addGroup(randomTokens(7, 1), std::vector<std::span<const std::int32_t>>(responses.begin(), responses.end()));
    return batch;
}

struct Outcome {
    torch::Tensor logprobs, entropy;
    std::vector<torch::Tensor> gradients;
};

Outcome runAll(Model& model)
{
    const PackedBatch batch = mixedBatch();
    model.zeroGradients();
    auto pass = model.forward(batch, { .temperature = 0.8, .entropy = Entropy::WithGradient });
    Outcome out { pass->scores().logprobs.cpu(), pass->scores().entropy.cpu(), {} };
    const torch::Tensor weights = torch::arange(batch.scoredCount(), torch::kFloat32).cos();
    model.backward(std::move(pass), weights, 0.3 * weights);
    for (const Parameter& parameter : model.parameters())
        out.gradients.push_back(parameter.gradient.cpu());
    return out;
}

double differenceOf(const torch::Tensor& a, const torch::Tensor& b)
{
    return (a - b).abs().max().item<double>() / (1.0 + b.abs().max().item<double>());
}

TEST_P(DeviceModel, ScoresAndGradients_OfEveryArchitecture_AreThoseOfTheProcessor)
{
    for (const Architecture architecture : { Architecture::Qwen2, Architecture::Qwen3, Architecture::Llama })
        for (const torch::ScalarType type : { torch::kFloat32, torch::kBFloat16, torch::kHalf }) {
            if (architecture != Architecture::Qwen2 && type != torch::kFloat32)
                continue;
            ModelOptions here;
            here.computeType = type;
            Model onProcessor = modelOf(smallConfig(architecture), here);
            Model onDevice = modelOf(smallConfig(architecture), on(type));
            const Outcome expected = runAll(onProcessor);
            const Outcome found = runAll(onDevice);
            const double tolerance = type == torch::kFloat32 ? 2e-5 : type == torch::kHalf ? 1e-2 : 6e-2;
            EXPECT_LT(differenceOf(found.logprobs, expected.logprobs), tolerance) << nameOf(architecture) << " " << type;
            EXPECT_LT(differenceOf(found.entropy, expected.entropy), tolerance) << nameOf(architecture) << " " << type;
            for (std::size_t i = 0; i < expected.gradients.size(); ++i)
                EXPECT_LT(differenceOf(found.gradients[i], expected.gradients[i]), tolerance)
                    << nameOf(architecture) << " " << type << " " << onDevice.parameters()[i].name;
        }
}

TEST_P(DeviceModel, Backward_Repeated_GivesTheSameBits)
{
    Model model = modelOf(smallConfig(Architecture::Qwen2), on(torch::kBFloat16));
    const Outcome first = runAll(model);
    const Outcome second = runAll(model);
    for (std::size_t i = 0; i < first.gradients.size(); ++i)
        EXPECT_TRUE(torch::equal(first.gradients[i], second.gradients[i])) << model.parameters()[i].name;
}

TEST_P(DeviceModel, ActivationCheckpointing_ChangesNoGradient)
{
    ModelOptions options = on();
    Model whole = modelOf(smallConfig(Architecture::Qwen3), options);
    options.activationCheckpointing = true;
    Model checkpointed = modelOf(smallConfig(Architecture::Qwen3), options);
    const Outcome expected = runAll(whole);
    const Outcome found = runAll(checkpointed);
    for (std::size_t i = 0; i < expected.gradients.size(); ++i)
        EXPECT_TRUE(torch::equal(found.gradients[i], expected.gradients[i])) << whole.parameters()[i].name;
}

TEST_P(DeviceModel, Embeddings_OfPrompts_AreThoseOfTheProcessor)
{
    const std::vector<std::vector<std::int32_t>> prompts { randomTokens(3, 1), randomTokens(40, 2), randomTokens(1, 3) };
    const torch::Tensor expected = modelOf(smallConfig(Architecture::Llama), {}).meanAndLastHidden(prompts, 42);
    const torch::Tensor found = modelOf(smallConfig(Architecture::Llama), on()).meanAndLastHidden(prompts, 42);
    EXPECT_TRUE(found.is_cpu());
    EXPECT_LT(differenceOf(found, expected), 2e-5);
}

} // namespace
} // namespace midpoint::model
