#include "backend/policy/policy_update.h"

#include "tests/backend/compute/device_testing.h"

#include <torch/types.h>

namespace midpoint::policy {
namespace {

using model::Architecture;
using test::randomTokens;
using test::smallConfig;

class DeviceUpdate : public test::OnDevice {};
MIDPOINT_ON_DEVICES(DeviceUpdate);

UpdateSettings settings()
{
    UpdateSettings out;
    out.optimizer.learningRate = 1e-3;
    out.batch.promptsPerUpdate = 2;
    out.batch.tokensPerMicrobatch = 60;
    out.policy.logEntropy = true;
    out.policy.klCoefficient = 0.01;
    out.maxNewTokens = 10;
    out.steps = 10;
    return out;
}

std::vector<TrainGroup> groups()
{
    std::vector<TrainGroup> all;
    for (std::int64_t g = 0; g < 3; ++g) {
        TrainGroup group { .id = g, .promptTokens = randomTokens(3 + g, g), .rows = {} };
        for (std::int64_t r = 0; r < 3; ++r) {
            TrainRow row;
            row.tokens = randomTokens(1 + (g + 2 * r) % 9, 100 + 10 * g + r);
            row.behaviourLogprobs.assign(row.tokens.size(), -4.0F);
            row.advantage = r == 0 ? 1.0 : -0.5;
            group.rows.push_back(std::move(row));
        }
        group.isReplayed = g == 2;
        all.push_back(std::move(group));
    }
    return all;
}

struct Trained {
    model::Model model;
    UpdateReport first, second;
    std::vector<model::NamedTensor> optimizer;
};

Trained train(model::Model model, model::Model reference)
{
    PolicyUpdate update(model, settings(), &reference);
    const UpdateReport first = update.step(groups(), 0);
    const UpdateReport second = update.step(groups(), 1);
    std::vector<model::NamedTensor> optimizer = update.optimizer().state(update.ranks());
    return { std::move(model), first, second, std::move(optimizer) };
}

double differenceOf(const torch::Tensor& a, const torch::Tensor& b)
{
    return (a.cpu().to(torch::kFloat64) - b.cpu().to(torch::kFloat64)).abs().max().item<double>();
}

TEST_P(DeviceUpdate, TwoSteps_GiveTheWeightsOfTheProcessor)
{
    const model::ModelConfig config = smallConfig(Architecture::Qwen2);
    const Trained expected = train(modelOf(config, {}), modelOf(config, {}, 2.9));
    const Trained found = train(modelOf(config, on()), modelOf(config, on(), 2.9));
    EXPECT_EQ(found.second.updates, expected.second.updates);
    EXPECT_EQ(found.second.microbatches, expected.second.microbatches);
    EXPECT_EQ(found.first.trainedTokens, expected.first.trainedTokens);
    EXPECT_NEAR(found.first.loss, expected.first.loss, 1e-4);
    EXPECT_NEAR(found.second.gradientNorm, expected.second.gradientNorm, 1e-3 * expected.second.gradientNorm);
    EXPECT_NEAR(found.second.kl, expected.second.kl, 1e-4);
    EXPECT_NEAR(found.first.entropy.value_or(0.0), expected.first.entropy.value_or(1.0), 1e-4);
    EXPECT_GT(found.first.activationBytes, 0);
    for (std::size_t i = 0; i < expected.model.parameters().size(); ++i)
        EXPECT_LT(differenceOf(found.model.parameters()[i].value, expected.model.parameters()[i].value), 2e-4)
            << expected.model.parameters()[i].name;
    for (std::size_t i = 0; i < expected.optimizer.size(); ++i) {
        EXPECT_EQ(found.optimizer[i].first, expected.optimizer[i].first);
        EXPECT_LT(differenceOf(found.optimizer[i].second, expected.optimizer[i].second), 1e-3) << expected.optimizer[i].first;
    }
}

TEST_P(DeviceUpdate, Bfloat16_MastersStayFloat32AndWeightsAreTheirRounding)
{
    const model::ModelConfig config = smallConfig(Architecture::Qwen2);
    const Trained trained = train(modelOf(config, on(torch::kBFloat16)), modelOf(config, on(torch::kBFloat16), 2.9));
    EXPECT_GT(trained.first.updates, 0);
    for (const model::Parameter& parameter : trained.model.parameters()) {
        EXPECT_EQ(parameter.value.scalar_type(), torch::kFloat32);
        EXPECT_TRUE(torch::equal(parameter.compute, parameter.value.to(torch::kBFloat16))) << parameter.name;
    }
}

// A checkpoint of one place continues at the other.
TEST_P(DeviceUpdate, OptimizerState_OfTheProcessor_GoesOnOnTheDevice)
{
    const model::ModelConfig config = smallConfig(Architecture::Qwen2);
    const auto lastStep = [&](model::Model model, const Trained& before) {
        model::Model reference = modelOf(config, model.options(), 2.9);
        for (std::size_t i = 0; i < model.parameters().size(); ++i)
            model.parameters()[i].value.copy_(before.model.parameters()[i].value);
        model.refreshComputeWeights();
        PolicyUpdate update(model, settings(), &reference);
        std::vector<model::NamedTensor> state; // as files give it
        for (const auto& [name, tensor] : before.optimizer)
            state.emplace_back(name, tensor.cpu());
        update.optimizer().restore(state);
        update.step(groups(), 2);
        return model;
    };
    const Trained before = train(modelOf(config, {}), modelOf(config, {}, 2.9));
    const model::Model expected = lastStep(modelOf(config, {}), before);
    const model::Model found = lastStep(modelOf(config, on()), before);
    for (std::size_t i = 0; i < expected.parameters().size(); ++i)
        EXPECT_LT(differenceOf(found.parameters()[i].value, expected.parameters()[i].value), 2e-4) << expected.parameters()[i].name;
}

TEST_P(DeviceUpdate, Step_Repeated_GivesTheSameBits)
{
    const model::ModelConfig config = smallConfig(Architecture::Qwen3);
    const Trained first = train(modelOf(config, on()), modelOf(config, on(), 2.9));
    const Trained second = train(modelOf(config, on()), modelOf(config, on(), 2.9));
    for (std::size_t i = 0; i < first.model.parameters().size(); ++i)
        EXPECT_TRUE(torch::equal(first.model.parameters()[i].value, second.model.parameters()[i].value));
}

} // namespace
} // namespace midpoint::policy
