#include "backend/policy/adamw.h"

#include "backend/core/error.h"

#include <gtest/gtest.h>
#include <torch/types.h>

namespace midpoint::policy {
namespace {

std::vector<model::Parameter> parameters(torch::ScalarType type = torch::kFloat32)
{
    torch::manual_seed(4);
    std::vector<model::Parameter> out;
    for (const char* name : { "a", "b" })
        out.push_back({ .name = name, .value = torch::randn({ 5, 7 }, type), .gradient = torch::zeros({ 5, 7 }, type) });
    return out;
}

void setGradients(std::vector<model::Parameter>& all, std::int64_t step)
{
    for (std::size_t i = 0; i < all.size(); ++i)
        all[i].gradient.copy_(torch::arange(35, torch::kFloat64).add(static_cast<double>(step) + static_cast<double>(i)).sin().view({ 5, 7 }));
}

const config::OptimizerSection kSettings { .learningRate = 0.01, .beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-8, .weightDecay = 0.1 };

TEST(AdamW, Steps_WithDecayAndScale_EqualTheFormulaInDouble)
{
    std::vector<model::Parameter> found = parameters();
    std::vector<torch::Tensor> expected, first, second;
    for (const model::Parameter& parameter : found) {
        expected.push_back(parameter.value.to(torch::kFloat64));
        first.push_back(torch::zeros_like(expected.back()));
        second.push_back(torch::zeros_like(expected.back()));
    }
    AdamW optimizer(found, kSettings);
    for (std::int64_t t = 1; t <= 4; ++t) {
        setGradients(found, t);
        for (std::size_t i = 0; i < found.size(); ++i) {
            const torch::Tensor gradient = found[i].gradient.to(torch::kFloat64) * 0.5;
            expected[i] *= 1.0 - 0.01 * 0.1;
            first[i] = 0.8 * first[i] + 0.2 * gradient;
            second[i] = 0.95 * second[i] + 0.05 * gradient * gradient;
            const double power = static_cast<double>(t);
            expected[i] -= 0.01 * (first[i] / (1.0 - std::pow(0.8, power)))
                / ((second[i] / (1.0 - std::pow(0.95, power))).sqrt() + 1e-8);
        }
        optimizer.step(found, 0.01, 0.5);
    }
    for (std::size_t i = 0; i < found.size(); ++i)
        EXPECT_LT((found[i].value - expected[i]).abs().max().item<double>(), 1e-6);
    EXPECT_EQ(optimizer.updates(), 4);
}

TEST(AdamW, Restore_State_ContinuesWithTheSameBits)
{
    std::vector<model::Parameter> straight = parameters();
    AdamW one(straight, kSettings);
    std::vector<model::Parameter> resumed = parameters();
    AdamW two(resumed, kSettings);
    for (std::int64_t t = 0; t < 3; ++t) {
        setGradients(straight, t);
        one.step(straight, 0.01, 1.0);
        setGradients(resumed, t);
        two.step(resumed, 0.01, 1.0);
    }
    AdamW three(resumed, kSettings);
    SoloRank alone;
    three.restore(two.state(alone));
    setGradients(straight, 3);
    one.step(straight, 0.01, 1.0);
    setGradients(resumed, 3);
    three.step(resumed, 0.01, 1.0);
    for (std::size_t i = 0; i < straight.size(); ++i)
        EXPECT_TRUE(torch::equal(straight[i].value, resumed[i].value));
}

TEST(AdamW, Restore_OtherState_NamesTheTensor)
{
    std::vector<model::Parameter> all = parameters();
    AdamW optimizer(all, kSettings);
    SoloRank alone;
    std::vector<model::NamedTensor> state = optimizer.state(alone);
    state.back().second = torch::zeros({ 3 });
    try {
        optimizer.restore(state);
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Checkpoint);
        EXPECT_NE(std::string(error.what()).find("'second.b': expected Float of shape [5, 7], found Float of shape [3]"), std::string::npos)
            << error.what();
    }
    state.pop_back();
    EXPECT_THROW(optimizer.restore(state), Error);
}

TEST(GradientNorm, SeveralParameters_IsTheNormOfAll)
{
    std::vector<model::Parameter> all = parameters();
    for (model::Parameter& parameter : all)
        parameter.gradient.fill_(2.0);
    EXPECT_NEAR(gradientSquares(all), 70.0 * 4.0, 1e-4);
    all.back().gradient[1][2] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_FALSE(std::isfinite(gradientSquares(all)));
}

TEST(LearningRate, Schedules_WithWarmup_FollowTheirCurves)
{
    config::OptimizerSection settings { .learningRate = 1.0, .warmupSteps = 4, .minLearningRateRatio = 0.2 };
    EXPECT_DOUBLE_EQ(learningRateAt(settings, 0, 24), 0.2);
    EXPECT_DOUBLE_EQ(learningRateAt(settings, 3, 24), 0.8);
    EXPECT_DOUBLE_EQ(learningRateAt(settings, 20, 24), 1.0);
    settings.schedule = "linear";
    EXPECT_DOUBLE_EQ(learningRateAt(settings, 4, 24), 1.0);
    EXPECT_DOUBLE_EQ(learningRateAt(settings, 14, 24), 0.6);
    EXPECT_DOUBLE_EQ(learningRateAt(settings, 100, 24), 0.2);
    settings.schedule = "cosine";
    EXPECT_DOUBLE_EQ(learningRateAt(settings, 14, 24), 0.6);
    EXPECT_GT(learningRateAt(settings, 8, 24), 0.85);
    settings.schedule = "steps";
    EXPECT_THROW(learningRateAt(settings, 4, 24), Error);
}

} // namespace
} // namespace midpoint::policy
