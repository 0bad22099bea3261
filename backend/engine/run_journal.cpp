#include "backend/engine/run_journal.h"

#include "backend/core/clock.h"
#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"
#include "backend/engine/stored_groups.h"
#include "backend/launch/run_folder.h"
#include "backend/store/publication.h"

#include <cstdlib>

namespace midpoint::engine {
namespace {

// SQLite needs a disk of this machine while it writes. MIDPOINT_SCRATCH names one; that is no setting of a run, for it differs
// between machines.
std::filesystem::path databaseFolder(const RunParts& parts, LogSink& log)
{
    const char* scratch = std::getenv("MIDPOINT_SCRATCH");
    const std::filesystem::path folder = store::databaseFolderFor(parts.runFolder, scratch != nullptr ? scratch : "");
    if (folder != parts.runFolder)
        log.info(concat("databases are written in ", folder.string(), " and published to the run folder every few seconds"));
    return folder;
}

store::RunWriterOptions writerOptions(
    const RunParts& parts, const std::filesystem::path& databases, std::string modelName, std::optional<std::int64_t> resumedAfter)
{
    const launch::RunFolder folder = launch::RunFolder::open(parts.runFolder);
    store::RunWriterOptions options;
    options.folder = parts.runFolder;
    options.databaseFolder = databases;
    options.info.name = folder.name();
    options.info.version = MIDPOINT_VERSION;
    options.info.configText = std::filesystem::exists(folder.config()) ? readFile(folder.config()) : std::string();
    options.info.resolvedText = parts.resolvedToml;
    options.info.dataHash = parts.prompts->dataHash;
    options.info.modelName = std::move(modelName);
    options.info.seed = parts.config.run.seed;
    options.info.totalSteps = parts.config.run.steps;
    options.keepThroughStep = resumedAfter;
    return options;
}

store::Event makeEvent(std::int64_t step, store::EventLevel level, const std::string& rule, const std::string& message)
{
    store::Event event;
    event.step = step;
    event.level = level;
    event.rule = rule;
    event.message = message;
    return event;
}

std::string textOf(const std::vector<EvaluationResult>& evaluations)
{
    std::string text;
    for (const EvaluationResult& result : evaluations)
        text += concat(text.empty() ? "" : "; ", result.set, ": ", fixed(result.meanAccuracy, 4), " +- ",
            fixed(result.standardError, 4), " (mean@", result.samplesPerPrompt, ", ", result.prompts, " prompts)");
    return text;
}

} // namespace

RunJournal::RunJournal(
    const RunParts& parts, std::string modelName, std::optional<std::int64_t> resumedAfter, LogSink& log)
    : m_parts(parts)
    , m_log(log)
    , m_databases(databaseFolder(parts, log))
    , m_writer(writerOptions(parts, m_databases, std::move(modelName), resumedAfter))
{
    std::vector<store::PromptRecord> prompts;
    for (const PoolPrompt& prompt : parts.prompts->prompts)
        prompts.push_back({ prompt.index, prompt.id, prompt.question, prompt.answer, prompt.source });
    m_writer.setPrompts(prompts);
    std::vector<store::RankRecord> ranks;
    for (const distributed::Identity& rank : parts.meeting.ranks)
        ranks.push_back({ rank.rank, rank.host, rank.pid, rank.device, rank.device, 0 });
    m_writer.setRanks(ranks);
    if (parts.config.store.rolloutsPerStep != 0) {
        store::RolloutStoreOptions options;
        options.maxBytes = parts.config.store.maxRolloutMegabytes * 1'000'000;
        options.published = parts.runFolder / "rollouts.db";
        m_rollouts = std::make_unique<store::RolloutStore>(m_databases / "rollouts.db", options, resumedAfter);
    }
}

void RunJournal::logEvent(const store::Event& event)
{
    const LogLevel level = event.level == store::EventLevel::Error ? LogLevel::Error
        : event.level == store::EventLevel::Warning                ? LogLevel::Warning
                                                                   : LogLevel::Info;
    m_log.write(level, concat("step ", event.step, " ", event.rule, ": ", event.message));
}

void RunJournal::addEvent(const store::Event& event)
{
    m_writer.addEvent(event);
    logEvent(event);
}

void RunJournal::addEvent(
    std::int64_t step, store::EventLevel level, const std::string& rule, const std::string& message)
{
    addEvent(makeEvent(step, level, rule, message));
}

void RunJournal::commitStart(const std::vector<EvaluationResult>& evaluations)
{
    store::StepRecord record;
    record.step = 0;
    for (const EvaluationResult& result : evaluations)
        for (const store::Metric& metric : evaluationMetrics(result))
            record.metrics.push_back(metric);
    // The start of every curve over rollouts, tokens or time.
    for (const char* name : { "budget/rollouts", "budget/generated_tokens", "budget/trained_tokens", "budget/train_seconds",
             "budget/cpu_seconds" })
        record.metrics.push_back({ name, 0.0 });
    record.events.push_back(makeEvent(0, store::EventLevel::Info, "evaluation", textOf(evaluations)));
    m_writer.commitStep(record);
    logEvent(record.events.back());
}

void RunJournal::commitStep(const StepOutcome& outcome, const RecordContext& context, std::vector<store::Event> events,
    const std::vector<EvaluationResult>& evaluations)
{
    const double started = systemClock().steadySeconds();
    store::StepRecord record = stepRecord(outcome, context);
    for (const EvaluationResult& result : evaluations)
        for (const store::Metric& metric : evaluationMetrics(result))
            record.metrics.push_back(metric);
    record.events = std::move(events);
    if (!evaluations.empty())
        record.events.push_back(makeEvent(record.step, store::EventLevel::Info, "evaluation", textOf(evaluations)));
    for (const policy::SkippedUpdate& skipped : outcome.update.skipped)
        m_log.warning(concat("step ", record.step, ": update ", skipped.update, " skipped: ", skipped.reason));
    for (const store::Metric& metric : record.metrics)
        m_lastMetrics[metric.name] = metric.value;
    // Its own cost is known only afterwards, so a step carries that of the step before.
    if (m_lastMetrics.contains("own/commit_seconds"))
        record.metrics.push_back({ "timing_s/store", m_lastMetrics["own/commit_seconds"] });
    m_writer.commitStep(record);
    for (const store::Event& event : record.events)
        logEvent(event);
    storeRollouts(outcome);
    m_lastMetrics["own/commit_seconds"] = systemClock().steadySeconds() - started;
}

void RunJournal::storeRollouts(const StepOutcome& outcome)
{
    const config::StoreSection& settings = m_parts.config.store;
    if (m_rollouts == nullptr || outcome.step % std::max<std::int64_t>(1, settings.rolloutEverySteps) != 0)
        return;
    try {
        const std::vector<store::StoredGroup> groups = storedGroups(outcome, settings.rolloutsPerStep, *m_parts.tokenizer);
        m_rollouts->append(storedStep(outcome.step), groups);
    } catch (const Error& error) {
        // Texts are worth less than the run: go on without them, and say so.
        m_rollouts.reset();
        addEvent(storedStep(outcome.step), store::EventLevel::Warning, "rollouts_not_stored",
            concat("rollouts are no longer stored: ", error.what()));
    }
}

void RunJournal::makeDurable()
{
    m_writer.makeDurable();
    if (m_rollouts != nullptr)
        m_rollouts->publish();
}

void RunJournal::finish()
{
    if (m_rollouts != nullptr)
        m_rollouts->finish();
    m_writer.finish();
}

std::optional<double> RunJournal::lastMetric(const std::string& name) const
{
    const auto found = m_lastMetrics.find(name);
    return found != m_lastMetrics.end() ? std::optional(found->second) : std::nullopt;
}

} // namespace midpoint::engine
