// The engine's way over a device, beside its way over the processor: with a module that emulates a device in the processor's memory,
// and on the first GPU where there is one. The same tests, so that what a machine without a GPU proves is what a GPU does, up to rounding.
#pragma once

#include "backend/compute/open_device.h"
#include "backend/core/error.h"
#include "backend/model/model.h"
#include "tests/kernels/emulated_module.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace midpoint::test {

class OnDevice : public testing::TestWithParam<const char*> {
protected:
    void SetUp() override
    {
        if (isEmulated()) {
            m_module = emulatedModule();
            device = compute::Device(torch::kCPU, *m_module);
            return;
        }
        try {
            device = compute::openDevice(GetParam());
        } catch (const Error& error) {
            GTEST_SKIP() << error.what();
        }
    }
    static bool isEmulated() { return std::string(GetParam()) == "emulated"; }
    model::ModelOptions on(torch::ScalarType type = torch::kFloat32) const
    {
        model::ModelOptions options;
        options.computeType = type;
        options.device = device;
        return options;
    }
    // The same weights at both places, larger than at the start of training, so that nothing is nearly linear.
    static model::Model modelOf(const model::ModelConfig& config, const model::ModelOptions& options, double scale = 3.0)
    {
        model::Model model = model::Model::random(config, { .seed = 5, .purpose = DrawPurpose::Initialisation }, options);
        for (model::Parameter& parameter : model.parameters())
            if (parameter.value.dim() == 2)
                parameter.value.mul_(scale);
        model.refreshComputeWeights();
        return model;
    }

    compute::Device device;

private:
    std::unique_ptr<kernels::cuda::Module> m_module;
};

inline std::string placeName(const testing::TestParamInfo<const char*>& tested)
{
    return std::string(tested.param) == "emulated" ? "Emulated" : "Gpu";
}

inline model::ModelConfig smallConfig(model::Architecture architecture)
{
    model::ModelConfig config;
    config.architecture = architecture;
    config.vocabularySize = 61;
    config.hiddenSize = 32;
    config.intermediateSize = 48;
    config.layerCount = 2;
    config.headCount = 4;
    config.kvHeadCount = 2;
    config.headDimension = 8;
    config.maxPositions = 600;
    config.isTied = architecture != model::Architecture::Llama;
    config.hasQkvBias = architecture == model::Architecture::Qwen2;
    config.hasQueryKeyNorm = architecture == model::Architecture::Qwen3;
    config.endTokens = { 1, 2 };
    return config;
}

inline std::vector<std::int32_t> randomTokens(std::int64_t count, std::int64_t subject)
{
    Rng rng({ 5, DrawPurpose::Benchmark, 0, subject, 0 });
    std::vector<std::int32_t> tokens;
    for (std::int64_t i = 0; i < count; ++i)
        tokens.push_back(static_cast<std::int32_t>(3 + rng.below(58)));
    return tokens;
}

} // namespace midpoint::test

#define MIDPOINT_ON_DEVICES(suite) \
    INSTANTIATE_TEST_SUITE_P(Places, suite, testing::Values("emulated", "cuda:0"), ::midpoint::test::placeName)
