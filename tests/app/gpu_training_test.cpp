// Training on a GPU as users start it, and what is said where there is none.
#include "tests/app/process.h"
#include "tests/support/fixtures.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <fstream>

namespace midpoint::app::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const std::string& demo()
{
    static const std::string path = (midpoint::test::sourceFolder() / "projects/arithmetic/dots-rr.toml").string();
    return path;
}

Finished train(const std::filesystem::path& run, const std::string& device, int steps)
{
    return runMidpoint({ "train", demo(), "--run-dir", run.string(), "run.devices=" + device, "run.steps=" + std::to_string(steps),
        "eval.every_steps=2", "checkpoint.every_steps=2", "--json" });
}

// The last line of metrics.jsonl.
json lastMetrics(const std::filesystem::path& run)
{
    std::ifstream file(run / "metrics.jsonl");
    std::string last;
    for (std::string line; std::getline(file, line);)
        last = line;
    return json::parse(last);
}

TEST(GpuTraining, DeviceThatIsMissing_IsNamedWithWhatToDo)
{
    const midpoint::test::TemporaryFolder folder;
    const Finished finished = train(folder / "run", "cuda:99", 1);
    EXPECT_EQ(finished.code, 1);
    EXPECT_THAT(finished.err, HasSubstr("cuda:99: "));
    EXPECT_THAT(finished.err, testing::ContainsRegex("NVIDIA driver|no device|expected a device below|no CUDA module|pip install torch"));
}

TEST(GpuTraining, Demo_OnTheFirstGpu_TrainsAndGoesOnOnTheCpu)
{
    const json doctor = json::parse(runMidpoint({ "doctor", "--json" }).out);
    const std::string problem = doctor.value("/cuda/problem"_json_pointer, doctor.value("/engine/gpu_problem"_json_pointer, std::string()));
    if (!problem.empty())
        GTEST_SKIP() << "no GPU: " << problem;
    const midpoint::test::TemporaryFolder folder;
    const Finished onGpu = train(folder / "run", "cuda:0", 4);
    ASSERT_EQ(onGpu.code, 0) << onGpu.err;
    const json metrics = lastMetrics(folder / "run");
    EXPECT_LT(metrics["training/rollout_logprob_diff_mean"].get<double>(), 1e-4) << "rollouts and trainer agree in float32";
    EXPECT_GT(metrics["memory/cache_gb"].get<double>(), 0.0);
    const Finished onCpu = train(folder / "run", "cpu", 6);
    ASSERT_EQ(onCpu.code, 0) << onCpu.err;
    EXPECT_EQ(json::parse(onCpu.out)["last_step"], 6);
}

} // namespace
} // namespace midpoint::app::test
