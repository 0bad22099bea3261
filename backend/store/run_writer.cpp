#include "backend/store/run_writer.h"

#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"
#include "backend/store/blobs.h"
#include "backend/store/buffer_json.h"
#include "backend/store/database.h"
#include "backend/store/metrics_log.h"
#include "backend/store/publication.h"
#include "backend/store/schema.h"

#include <algorithm>
#include <unordered_map>

namespace midpoint::store {
namespace {

constexpr int kEntriesCompression = 3;

const char* const kInsertStep = "INSERT INTO steps(step, segment, wall_ms, first_metric, metric_count) VALUES(?, ?, ?, ?, ?)";
const char* const kInsertName = "INSERT INTO metric_names(name) VALUES(?)";
const char* const kInsertMetric = "INSERT INTO metrics(id, step, metric, segment, value) VALUES(?, ?, ?, ?, ?)";
const char* const kTouchName = "UPDATE metric_names SET last_row = ? WHERE id = ?";
const char* const kInsertObservation
    = "INSERT INTO observations(step, segment, prompt, purpose, attempts, successes, tokens, truncated, unparseable, reward_sum, "
      "logprob_sum) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const char* const kInsertRound = "INSERT INTO prediction_rounds(step, segment, belief, success_rates, signals, reference_prompts, "
                                 "selected_prompts) VALUES(?, ?, ?, ?, ?, ?, ?)";
const char* const kInsertBuffer = "INSERT INTO buffer(step, segment, entries, capacity, reused_groups, fresh_groups, admitted, evicted, "
                                  "histograms) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)";
const char* const kInsertEntries = "INSERT INTO buffer_entries(step, segment, entries) VALUES(?, ?, ?)";
const char* const kInsertEvent
    = "INSERT INTO events(wall_ms, step, segment, level, rule, message, data) VALUES(?, ?, ?, ?, ?, ?, ?)";
const char* const kInsertPhase = "INSERT INTO phases(step, segment, rank, phase, start_seconds, seconds) VALUES(?, ?, ?, ?, ?, ?)";
const char* const kInsertPrompt = "INSERT INTO prompts(prompt, id, text, answer, source) VALUES(?, ?, ?, ?, ?)";
const char* const kVisibleLastStep = "SELECT max(step) FROM visible_steps";
const char* const kVisibleMetrics
    = "SELECT t.step, t.wall_ms, n.name, m.value FROM steps t JOIN segments s ON s.id = t.segment "
      "LEFT JOIN metrics m ON m.id >= t.first_metric AND m.id < t.first_metric + t.metric_count "
      "LEFT JOIN metric_names n ON n.id = m.metric WHERE s.cut_after IS NULL OR t.step <= s.cut_after ORDER BY t.id, m.id";
// After a resume the newest row of a metric may be a hidden one.
const char* const kRecountLastRows
    = "UPDATE metric_names SET last_row = (SELECT newest FROM (SELECT m.metric AS metric, max(m.id) AS newest FROM metrics m "
      "JOIN segments s ON s.id = m.segment WHERE s.cut_after IS NULL OR m.step <= s.cut_after GROUP BY m.metric) t "
      "WHERE t.metric = metric_names.id)";

// Binds the arguments in order, runs the statement and makes it ready for the next row.
class Inserter {
public:
    Inserter(SQLite::Database& database, const char* sql)
        : m_statement(database, sql)
    {
    }
    template <typename... Values>
    void operator()(const Values&... values)
    {
        m_statement.tryReset(); // returns the failure of the run before, which was reported then
        int index = 0;
        (put(++index, values), ...);
        m_statement.exec();
        m_statement.reset();
    }

private:
    void put(int index, std::int64_t value) { m_statement.bind(index, value); }
    void put(int index, double value) { m_statement.bind(index, value); } // NaN becomes NULL
    void put(int index, const std::string& value) { m_statement.bindNoCopy(index, value); }
    void put(int index, std::string_view blob) { bindBlob(m_statement, index, blob); }

    SQLite::Statement m_statement;
};

std::unique_ptr<SQLite::Database> openRunDatabase(const RunWriterOptions& options, const std::filesystem::path& file,
                                                  const Patience& patience)
{
    if (options.databaseFolder != options.folder)
        prepareLocalDatabases(options.databaseFolder, options.folder);
    const bool isThere = std::filesystem::exists(file);
    if (!options.keepThroughStep && isThere)
        throw Error(ErrorKind::Store, concat((options.folder / kRunDatabase.name).string(), ": expected no run database, found one of an "
                                             "earlier run; resume that run or choose another name"));
    if (options.keepThroughStep && !isThere)
        throw Error(ErrorKind::Store, concat((options.folder / kRunDatabase.name).string(), ": expected the run database to resume from step ",
                                             *options.keepThroughStep, ", found nothing there"));
    return openForWriting(file, kRunDatabase, kRunSchema, runMigrations(), patience);
}

} // namespace

class RunWriter::Impl {
public:
    explicit Impl(RunWriterOptions options);
    void setPrompts(std::span<const PromptRecord> prompts);
    void setRanks(std::span<const RankRecord> ranks);
    void commitStep(const StepRecord& record);
    void addEvent(const Event& event);
    void makeDurable();
    void finish();

    std::int64_t m_segment = 1;
    std::optional<std::int64_t> m_lastStep;

private:
    void beginSegment();
    void writeInfo();
    void rewriteMetricsLog();
    void readCounters();
    std::int64_t metricId(const std::string& name);
    void insertMetrics(const StepRecord& record, std::int64_t wallMs);
    void insertDifficulty(const StepRecord& record);
    void insertBuffer(const StepRecord& record);
    void insertEvent(const Event& event);
    void comparePrompts(std::span<const PromptRecord> prompts);
    RunWriterOptions m_options;
    std::filesystem::path m_file;
    Patience m_patience;
    std::unique_ptr<SQLite::Database> m_database;
    std::unique_ptr<MetricsLog> m_log;
    std::unordered_map<std::string, std::int64_t> m_metricIds;
    std::int64_t m_lastMetricRow = 0;
    std::unique_ptr<Publisher> m_publisher;
    bool m_isFinished = false;
    struct Inserters;
    std::shared_ptr<Inserters> m_insert;
};

struct RunWriter::Impl::Inserters {
    explicit Inserters(SQLite::Database& database)
        : step(database, kInsertStep)
        , name(database, kInsertName)
        , metric(database, kInsertMetric)
        , touchName(database, kTouchName)
        , observation(database, kInsertObservation)
        , round(database, kInsertRound)
        , buffer(database, kInsertBuffer)
        , entries(database, kInsertEntries)
        , event(database, kInsertEvent)
        , phase(database, kInsertPhase)
    {
    }
    Inserter step, name, metric, touchName, observation, round, buffer, entries, event, phase;
};

RunWriter::Impl::Impl(RunWriterOptions options)
    : m_options(std::move(options))
{
    if (m_options.clock == nullptr)
        m_options.clock = &systemClock();
    if (m_options.databaseFolder.empty())
        m_options.databaseFolder = m_options.folder;
    m_patience = { m_options.clock, m_options.busyDeadlineSeconds };
    m_file = m_options.databaseFolder / kRunDatabase.name;
    m_publisher = std::make_unique<Publisher>(
        m_file, m_options.folder / kRunDatabase.name, m_options.publishEverySeconds, *m_options.clock);
    m_database = openRunDatabase(m_options, m_file, m_patience);
    m_insert = std::make_shared<Inserters>(*m_database);
    beginSegment();
    guarded(m_file, "read the run database", [&] { readCounters(); });
    rewriteMetricsLog();
    const std::int64_t wanted = m_options.keepThroughStep.value_or(-1);
    if (wanted >= 0 && m_lastStep.value_or(-1) < wanted) {
        Event lost;
        lost.step = wanted;
        lost.level = EventLevel::Warning;
        lost.rule = "store";
        lost.message = concat("resumed after step ", wanted, ", but the run database ends at step ", m_lastStep.value_or(-1),
                              ": the steps between were lost, probably in a power failure");
        addEvent(lost);
        m_lastStep = wanted;
    }
    m_publisher->publish();
}

void RunWriter::Impl::beginSegment()
{
    WriteTransaction transaction(*m_database, m_patience);
    guarded(m_file, "begin a segment", [&] {
        SQLite::Statement newest(*m_database, "SELECT coalesce(max(id), 0) + 1 FROM segments");
        newest.executeStep();
        m_segment = newest.getColumn(0).getInt64();
        newest.reset();
        const std::int64_t keep = m_options.keepThroughStep.value_or(-1);
        Inserter(*m_database, "UPDATE segments SET cut_after = ?1 WHERE cut_after IS NULL OR cut_after > ?1")(keep);
        Inserter(*m_database, "INSERT INTO segments(id, first_step, started_ms) VALUES(?, ?, ?)")(
            m_segment, keep + 1, m_options.clock->wallMilliseconds());
        if (m_segment > 1)
            m_database->exec(kRecountLastRows);
        writeInfo();
    });
    transaction.commit();
}

void RunWriter::Impl::writeInfo()
{
    Inserter put(*m_database, "INSERT OR REPLACE INTO meta(key, value) VALUES(?, ?)");
    const RunInfo& info = m_options.info;
    const std::pair<const char*, std::string> rows[] = {
        { "name", info.name },
        { "version", info.version },
        { "config", info.configText },
        { "resolved", info.resolvedText },
        { "data_hash", info.dataHash },
        { "model", info.modelName },
        { "seed", std::to_string(info.seed) },
        { "total_steps", std::to_string(info.totalSteps) },
    };
    for (const auto& [key, value] : rows)
        put(std::string(key), value);
    m_database->exec("DELETE FROM meta WHERE key = 'published_ms'"); // of the copy that this run resumes from
}

void RunWriter::Impl::readCounters()
{
    SQLite::Statement names(*m_database, "SELECT id, name FROM metric_names");
    while (names.executeStep())
        m_metricIds[names.getColumn(1).getString()] = names.getColumn(0).getInt64();
    SQLite::Statement row(*m_database, "SELECT coalesce(max(id), 0) FROM metrics");
    row.executeStep();
    m_lastMetricRow = row.getColumn(0).getInt64();
    SQLite::Statement step(*m_database, kVisibleLastStep);
    if (step.executeStep() && !step.getColumn(0).isNull())
        m_lastStep = step.getColumn(0).getInt64();
}

// From the database, which is the truth: a line lost between commit and append comes back, an abandoned one goes.
void RunWriter::Impl::rewriteMetricsLog()
{
    const auto path = m_options.folder / "metrics.jsonl";
    std::string content;
    guarded(m_file, "read the metrics", [&] {
        SQLite::Statement query(*m_database, kVisibleMetrics);
        std::vector<Metric> metrics;
        std::optional<std::int64_t> step;
        std::int64_t wallMs = 0;
        const auto flush = [&] {
            if (step)
                content += metricsLine(*step, wallMs, metrics);
            metrics.clear();
        };
        while (query.executeStep()) {
            const std::int64_t rowStep = query.getColumn(0).getInt64();
            if (step != rowStep)
                flush();
            step = rowStep;
            wallMs = query.getColumn(1).getInt64();
            if (!query.getColumn(2).isNull())
                metrics.push_back({ query.getColumn(2).getString(), realOrMissing(query.getColumn(3)) });
        }
        flush();
    });
    writeFileAtomically(path, content);
    m_log = std::make_unique<MetricsLog>(path);
}

void RunWriter::Impl::setPrompts(std::span<const PromptRecord> prompts)
{
    comparePrompts(prompts);
    WriteTransaction transaction(*m_database, m_patience);
    guarded(m_file, "store the prompts", [&] {
        m_database->exec("DELETE FROM prompts");
        Inserter insert(*m_database, kInsertPrompt);
        for (const PromptRecord& prompt : prompts)
            insert(prompt.index, prompt.id, prompt.text, prompt.answer, prompt.source);
    });
    transaction.commit();
    m_publisher->publishIfDue();
}

void RunWriter::Impl::comparePrompts(std::span<const PromptRecord> prompts)
{
    guarded(m_file, "read the prompts", [&] {
        SQLite::Statement query(*m_database, "SELECT prompt, id FROM prompts ORDER BY prompt");
        std::size_t count = 0;
        for (; query.executeStep(); ++count) {
            const std::int64_t index = query.getColumn(0).getInt64();
            const std::int64_t id = query.getColumn(1).getInt64();
            if (count >= prompts.size() || prompts[count].index != index || prompts[count].id != id)
                throw Error(ErrorKind::Store,
                            concat(m_file.string(), ": expected prompt ", index, " of the run to have id ", id, ", found ",
                                   count < prompts.size() ? concat("id ", prompts[count].id) : std::string("no such prompt"),
                                   "; the prompt set is not the one this run began with"));
        }
        if (count != 0 && count != prompts.size())
            throw Error(ErrorKind::Store, concat(m_file.string(), ": expected the run's ", count, " prompts, found ", prompts.size(),
                                                 "; the prompt set is not the one this run began with"));
    });
}

void RunWriter::Impl::setRanks(std::span<const RankRecord> ranks)
{
    WriteTransaction transaction(*m_database, m_patience);
    guarded(m_file, "store the ranks", [&] {
        Inserter insert(*m_database, "INSERT OR REPLACE INTO ranks VALUES(?, ?, ?, ?, ?, ?, ?)");
        for (const RankRecord& rank : ranks)
            insert(m_segment, rank.rank, rank.host, rank.pid, rank.device, rank.deviceName, rank.memoryBytes);
    });
    transaction.commit();
}

void RunWriter::Impl::commitStep(const StepRecord& record)
{
    if (m_lastStep && record.step <= *m_lastStep)
        throw Error(ErrorKind::Store, concat(m_file.string(), ": expected a step after ", *m_lastStep, ", found step ", record.step));
    const std::int64_t wallMs = record.wallMs != 0 ? record.wallMs : m_options.clock->wallMilliseconds();
    const std::int64_t rowBefore = m_lastMetricRow;
    const auto idsBefore = m_metricIds.size();
    try {
        WriteTransaction transaction(*m_database, m_patience);
        guarded(m_file, concat("store step ", record.step), [&] {
            insertMetrics(record, wallMs);
            insertDifficulty(record);
            insertBuffer(record);
            for (Event event : record.events) {
                event.wallMs = event.wallMs != 0 ? event.wallMs : wallMs;
                insertEvent(event);
            }
            for (const PhaseTiming& phase : record.phases)
                m_insert->phase(record.step, m_segment, phase.rank, phase.phase, phase.startSeconds, phase.seconds);
        });
        transaction.commit();
    } catch (...) {
        m_lastMetricRow = rowBefore;
        if (m_metricIds.size() != idsBefore) // ids of names that were rolled back
            std::erase_if(m_metricIds, [&](const auto& item) { return item.second > static_cast<std::int64_t>(idsBefore); });
        throw;
    }
    m_lastStep = record.step;
    m_log->append(metricsLine(record.step, wallMs, record.metrics));
    m_publisher->publishIfDue();
}

std::int64_t RunWriter::Impl::metricId(const std::string& name)
{
    const auto found = m_metricIds.find(name);
    if (found != m_metricIds.end())
        return found->second;
    m_insert->name(name);
    const std::int64_t id = m_database->getLastInsertRowid();
    m_metricIds.emplace(name, id);
    return id;
}

void RunWriter::Impl::insertMetrics(const StepRecord& record, std::int64_t wallMs)
{
    m_insert->step(record.step, m_segment, wallMs, m_lastMetricRow + 1, static_cast<std::int64_t>(record.metrics.size()));
    for (const Metric& metric : record.metrics) {
        const std::int64_t id = metricId(metric.name);
        const std::int64_t row = ++m_lastMetricRow;
        m_insert->metric(row, record.step, id, m_segment, metric.value);
        m_insert->touchName(row, id);
    }
}

void RunWriter::Impl::insertDifficulty(const StepRecord& record)
{
    for (const Observation& o : record.observations)
        m_insert->observation(record.step, m_segment, o.promptIndex, static_cast<std::int64_t>(o.purpose), o.attempts, o.successes,
                              o.tokens, o.truncated, o.unparseable, o.rewardSum, o.logprobSum);
    for (const PredictionRound& round : record.predictionRounds) {
        const std::string rates = packHalf(round.successRates);
        const std::string signals = packHalf(round.signals);
        const std::string references = packInt32(round.references);
        const std::string selected = packInt32(round.selected);
        m_insert->round(round.step, m_segment, round.belief, std::string_view(rates), std::string_view(signals),
                        std::string_view(references), std::string_view(selected));
    }
}

void RunWriter::Impl::insertBuffer(const StepRecord& record)
{
    for (const BufferComposition& buffer : record.buffer)
        m_insert->buffer(record.step, m_segment, buffer.entries, buffer.capacity, buffer.reusedGroups, buffer.freshGroups,
                         buffer.admitted, buffer.evicted, histogramsToJson(buffer.histograms));
    if (!record.bufferEntries.empty()) {
        const std::string entries = compress(entriesToJson(record.bufferEntries), kEntriesCompression);
        m_insert->entries(record.step, m_segment, std::string_view(entries));
    }
}

void RunWriter::Impl::insertEvent(const Event& event)
{
    m_insert->event(event.wallMs, event.step, m_segment, static_cast<std::int64_t>(event.level), event.rule, event.message, event.data);
}

void RunWriter::Impl::addEvent(const Event& event)
{
    Event stamped = event;
    if (stamped.wallMs == 0)
        stamped.wallMs = m_options.clock->wallMilliseconds();
    WriteTransaction transaction(*m_database, m_patience);
    guarded(m_file, "store an event", [&] { insertEvent(stamped); });
    transaction.commit();
    m_publisher->publishIfDue();
}

void RunWriter::Impl::makeDurable()
{
    // A checkpoint syncs the log before it copies it into the file, and syncs the file after.
    guarded(m_file, "make it durable", [&] {
        SQLite::Statement checkpoint(*m_database, "PRAGMA wal_checkpoint(PASSIVE)");
        checkpoint.executeStep();
    });
    m_log->sync();
    m_publisher->publish();
}

void RunWriter::Impl::finish()
{
    if (m_isFinished)
        return;
    m_isFinished = true;
    m_log->sync();
    m_insert.reset();
    leaveDeleteMode(*m_database, m_patience);
    m_publisher->end();
}

RunWriter::RunWriter(RunWriterOptions options)
    : m_impl(std::make_unique<Impl>(std::move(options)))
{
}

RunWriter::~RunWriter() = default;

void RunWriter::setPrompts(std::span<const PromptRecord> prompts) { m_impl->setPrompts(prompts); }
void RunWriter::setRanks(std::span<const RankRecord> ranks) { m_impl->setRanks(ranks); }
void RunWriter::commitStep(const StepRecord& record) { m_impl->commitStep(record); }
void RunWriter::addEvent(const Event& event) { m_impl->addEvent(event); }
void RunWriter::makeDurable() { m_impl->makeDurable(); }
void RunWriter::finish() { m_impl->finish(); }
std::int64_t RunWriter::segment() const { return m_impl->m_segment; }
std::optional<std::int64_t> RunWriter::lastStep() const { return m_impl->m_lastStep; }

} // namespace midpoint::store
