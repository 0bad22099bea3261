// The parts of `midpoint doctor --selftest` that run the engine as users do, as JSON.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace midpoint::app {

inline constexpr std::int64_t kSelfTestSteps = 20;

struct SelfTestOptions {
    std::int64_t demoSteps = kSelfTestSteps;
};

// "decode" and "step": the benchmarks with their limits; "disk": the speed of writing where checkpoints go; "demo": steps of the
// demo in a process of its own; "gpu": the same on the first CUDA device, with models of usual sizes; "all_reduce" over all CUDA
// devices, "all_reduce_cpu" between two ranks on the CPU. Each holds "problem" where it failed and "skipped" where it could not be.
nlohmann::json selfTest(const SelfTestOptions& options, const nlohmann::json& cuda);

// What failed, in words; empty if all is well.
std::vector<std::string> selfTestProblems(const nlohmann::json& selfTest);

} // namespace midpoint::app
