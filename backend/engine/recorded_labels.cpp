#include "backend/engine/recorded_labels.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/core/unicode.h"
#include "backend/store/run_reader.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

namespace midpoint::engine {
namespace {

constexpr const char* kSteps = ", steps ";

// By row of the embeddings: successes and attempts.
using Counts = std::map<std::int64_t, std::pair<std::int64_t, std::int64_t>>;

bool isRun(const std::filesystem::path& path) { return std::filesystem::is_directory(path) || path.extension() == ".db"; }

predictor::PolicyLabels toLabels(std::string policy, const Counts& counts)
{
    predictor::PolicyLabels labels;
    labels.policy = std::move(policy);
    for (const auto& [row, count] : counts) {
        labels.rows.push_back(row);
        labels.successes.push_back(count.first);
        labels.attempts.push_back(count.second);
    }
    return labels;
}

std::int64_t rowOf(const store::PromptRecord& prompt, const store::RunReader& run, const predictor::EmbeddingMatrix& embeddings)
{
    if (const auto row = embeddings.rowOf(prompt.id))
        return *row;
    throw Error(ErrorKind::Data,
        concat(run.path().string(), ": the prompt ", prompt.id, " ('", excerpt(prompt.text, 60), "') has no embedding in ", embeddings.name(),
            "; the run and the embeddings must come from the same prompt set"));
}

std::vector<predictor::PolicyLabels> labelsOfRun(
    const std::filesystem::path& path, std::int64_t stepsPerPolicy, const predictor::EmbeddingMatrix& embeddings)
{
    const store::RunReader run(path);
    const std::int64_t steps = run.progress().lastStep.value_or(0);
    const std::int64_t policies = std::max<std::int64_t>(steps / stepsPerPolicy, 1);
    const std::vector<store::PromptRecord> prompts = run.prompts();
    std::vector<Counts> counts(static_cast<std::size_t>(policies));
    for (const store::Observation& seen : run.observations(1, steps)) {
        if (seen.purpose == Purpose::Evaluate || seen.attempts == 0)
            continue;
        const std::int64_t policy = std::min((seen.step - 1) / stepsPerPolicy, policies - 1);
        auto& [successes, attempts]
            = counts[static_cast<std::size_t>(policy)][rowOf(prompts.at(static_cast<std::size_t>(seen.promptIndex)), run, embeddings)];
        successes += seen.successes;
        attempts += seen.attempts;
    }
    std::vector<predictor::PolicyLabels> labels;
    for (std::int64_t policy = 0; policy < policies; ++policy) {
        const Counts& measured = counts[static_cast<std::size_t>(policy)];
        const std::int64_t last = policy == policies - 1 ? steps : (policy + 1) * stepsPerPolicy;
        if (!measured.empty())
            labels.push_back(toLabels(concat(run.info().name, kSteps, policy * stepsPerPolicy + 1, " to ", last), measured));
    }
    if (labels.empty())
        throw Error(ErrorKind::Data, concat(run.path().string(), ": expected a run with rollouts, found none in ", steps, " steps"));
    return labels;
}

} // namespace

std::vector<predictor::PolicyLabels> readLabelsAndRuns(
    std::span<const std::filesystem::path> paths, std::int64_t stepsPerPolicy, const predictor::EmbeddingMatrix& embeddings)
{
    std::vector<std::filesystem::path> files;
    std::copy_if(paths.begin(), paths.end(), std::back_inserter(files), [](const auto& path) { return !isRun(path); });
    std::vector<predictor::PolicyLabels> all = predictor::readLabels(files, embeddings);
    for (const std::filesystem::path& path : paths)
        if (isRun(path))
            for (predictor::PolicyLabels& labels : labelsOfRun(path, stepsPerPolicy, embeddings))
                all.push_back(std::move(labels));
    return all;
}

bool isPolicyOf(const std::string& policy, const std::string& name) { return policy == name || startsWith(policy, name + kSteps); }

} // namespace midpoint::engine
