#include "backend/reward/grader_factory.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/reward/external_grader.h"
#include "backend/reward/math_grader.h"
#include "backend/reward/text_graders.h"
#include "backend/reward/worker_pool.h"

#include <cstdlib>
#include <filesystem>

namespace midpoint::reward {

namespace {

// The program itself serves as the process that decides what is too large to be decided in this one. In a test or a
// library the environment may name it.
std::string ownProgram()
{
    std::error_code ignored;
    const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", ignored);
    if (self.filename() == "midpoint")
        return self.string();
    const char* named = std::getenv("MIDPOINT_BINARY");
    return named != nullptr ? findProgram(named) : std::string();
}

std::unique_ptr<Grader> makeConfiguredMathGrader(const config::RewardSection& settings)
{
    constexpr std::int64_t kMegabyte = 1 << 20;
    MathGraderOptions options;
    options.extraction = extractionOptions(settings.extraction);
    const std::string program = ownProgram();
    if (!program.empty()) {
        WorkerPoolOptions pool;
        pool.command = { { program, "grade", "--serve" }, settings.workerMemoryMegabytes * kMegabyte };
        pool.workers = 1;
        pool.deadlineSeconds = settings.deadlineSeconds;
        pool.startSeconds = settings.startSeconds;
        // Shared, because a std::function is copied; the process starts with the first question.
        const auto shared = std::make_shared<WorkerPool>(std::move(pool));
        options.beyondBounds = [shared](const GradeRequest& request) { return shared->grade({ &request, 1 }).front(); };
    }
    return makeMathGrader(std::move(options));
}

} // namespace

std::unique_ptr<Grader> makeGrader(const config::RewardSection& settings)
{
    if (settings.kind == "math")
        return makeConfiguredMathGrader(settings);
    if (settings.kind == "exact")
        return makeExactGrader(settings.pattern);
    if (settings.kind == "numeric")
        return makeNumericGrader(settings.tolerance, extractionOptions(settings.extraction));
    if (settings.kind == "choice")
        return makeChoiceGrader(extractionOptions(settings.extraction));
    if (settings.kind == "regex")
        return makeRegexGrader(settings.pattern);
    if (settings.kind == "external")
        return makeExternalGrader(settings);
    throw Error(ErrorKind::Config,
        concat("reward.kind: expected math, exact, numeric, choice, regex or external, found '", settings.kind, "'"));
}

std::unique_ptr<Grader> makeServingGrader()
{
    MathGraderOptions options;
    options.bounds = math::Bounds::forWorker();
    return makeMathGrader(std::move(options));
}

} // namespace midpoint::reward
