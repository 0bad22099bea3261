// A plausible run of any size, written through RunWriter and RolloutStore: for the tests of what reads runs. Never shipped, and no
// claim about training: the numbers only have the shape of a run's.
#pragma once

#include "backend/core/clock.h"
#include "backend/store/rollout_store.h"
#include "backend/store/run_writer.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace midpoint::test {

struct FakeRunOptions {
    std::string name = "fake";
    std::uint64_t seed = 1;
    std::int64_t steps = 60;
    std::int64_t prompts = 200;
    std::int64_t groupsPerStep = 8;
    std::int64_t samplesPerPrompt = 8;
    bool usesSelection = true;          // dots: prediction rounds, faster learning; else uniform choice
    bool usesReplay = true;             // buffer composition
    std::int64_t roundEvery = 2;        // steps between prediction rounds
    std::int64_t evaluateEvery = 10;
    std::int64_t entriesEvery = 20;     // steps between full lists of the buffer
    std::int64_t rolloutEvery = 5;      // steps with stored rollouts; 0: no rollouts.db
    std::int64_t extraMetrics = 0;      // more metrics per step, "extra/0000", ...
    std::int64_t ranks = 1;
    std::int64_t startedMs = 1'700'000'000'000;
    double stepSeconds = 1.5;           // as recorded
    double finalAccuracy = 0.88;
    std::string configText;             // empty: a small one made from these options
};

// Writes steps one by one, for live tests. Same options, same seed: the same run, also over a resume.
class FakeRun {
public:
    // keepThroughStep: resume, as in RunWriterOptions.
    FakeRun(const std::filesystem::path& folder, FakeRunOptions options, std::optional<std::int64_t> keepThroughStep = {});
    ~FakeRun();
    std::int64_t nextStep() const { return m_next; }
    void writeStep();
    void writeThrough(std::int64_t step);
    void finish(); // clean end of the databases
    store::RunWriter& writer() { return *m_writer; }

private:
    FakeRunOptions m_options;
    std::unique_ptr<store::RunWriter> m_writer;
    std::unique_ptr<store::RolloutStore> m_rollouts;
    std::int64_t m_next = 0;
};

// A whole finished run.
void writeFakeRun(const std::filesystem::path& folder, const FakeRunOptions& options = {});

// What step `step` of such a run records.
store::StepRecord fakeStep(const FakeRunOptions& options, std::int64_t step);
std::vector<store::PromptRecord> fakePrompts(const FakeRunOptions& options);
std::vector<store::StoredGroup> fakeGroups(const FakeRunOptions& options, std::int64_t step);

} // namespace midpoint::test
