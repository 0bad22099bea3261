#include "backend/reward/external_grader.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/reward/worker_pool.h"

#include <algorithm>
#include <array>
#include <filesystem>

namespace midpoint::reward {

namespace {

constexpr std::int64_t kMegabyte = 1 << 20;

class ExternalGrader final : public Grader {
public:
    explicit ExternalGrader(WorkerPoolOptions options)
        : m_pool(std::move(options))
    {
    }

    std::vector<Grade> grade(std::span<const GradeRequest> requests) override { return m_pool.grade(requests); }

    std::string referenceProblem(std::string_view reference) override
    {
        return trim(reference).empty() ? "the reference is empty" : "";
    }

private:
    WorkerPool m_pool;
};

// "python3 grader.py" fails for every sample if grader.py is missing: better said before the run.
void requireScript(const std::vector<std::string>& words)
{
    static constexpr std::array<std::string_view, 8> kInterpreters = { "python", "python3", "bash", "sh", "perl", "ruby", "node", "Rscript" };
    const std::string program = std::filesystem::path(words.front()).filename().string();
    if (words.size() < 2 || std::find(kInterpreters.begin(), kInterpreters.end(), program) == kInterpreters.end())
        return;
    const std::string& script = words[1];
    if (!script.starts_with('-') && !std::filesystem::exists(script))
        throw Error(ErrorKind::Config, concat("reward.external_command: expected a script for ", program, ", found no file '", script, "'"));
}

} // namespace

std::unique_ptr<Grader> makeExternalGrader(const config::RewardSection& settings)
{
    const std::vector<std::string>& words = settings.externalCommand;
    if (words.empty())
        throw Error(ErrorKind::Config, "reward.external_command: expected a program because reward.kind is 'external', found none");
    if (findProgram(words.front()).empty())
        throw Error(ErrorKind::Config,
            concat("reward.external_command: expected an executable program, found '", words.front(), "', which is ",
                words.front().find('/') == std::string::npos ? "in no folder of PATH" : "missing or not executable"));
    requireScript(words);
    WorkerPoolOptions options;
    options.command = { words, settings.workerMemoryMegabytes * kMegabyte };
    options.workers = settings.workers;
    options.deadlineSeconds = settings.deadlineSeconds;
    options.startSeconds = settings.startSeconds;
    return std::make_unique<ExternalGrader>(std::move(options));
}

} // namespace midpoint::reward
