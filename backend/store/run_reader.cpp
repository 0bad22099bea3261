#include "backend/store/run_reader.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/store/blobs.h"
#include "backend/store/buffer_json.h"
#include "backend/store/database.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <unordered_map>

namespace midpoint::store {
namespace {

// Every table with a step and a segment is read through this condition.
#define MIDPOINT_VISIBLE "JOIN segments s ON s.id = t.segment WHERE (s.cut_after IS NULL OR t.step <= s.cut_after) "

const char* const kMeta = "SELECT key, value FROM meta";
const char* const kSegments = "SELECT id, first_step, cut_after, started_ms FROM segments ORDER BY id";
const char* const kRanks = "SELECT rank, host, pid, device, device_name, memory_bytes FROM ranks "
                           "WHERE segment = (SELECT max(segment) FROM ranks) ORDER BY rank";
const char* const kNames = "SELECT id, name FROM metric_names ORDER BY id";
const char* const kRowsSince = "SELECT id, metric, step, segment, value FROM metrics WHERE id > ? ORDER BY id";
const char* const kRowsOfMetric = "SELECT step, segment, value FROM metrics WHERE metric = ? ORDER BY id";
const char* const kAllRows = "SELECT metric, step, segment, value FROM metrics ORDER BY id";
const char* const kRow = "SELECT step, segment FROM metrics WHERE id = ?";
const char* const kMetricsAt
    = "SELECT n.name, m.value FROM steps t JOIN segments s ON s.id = t.segment "
      "JOIN metrics m ON m.id >= t.first_metric AND m.id < t.first_metric + t.metric_count JOIN metric_names n ON n.id = m.metric "
      "WHERE t.step = ? AND (s.cut_after IS NULL OR t.step <= s.cut_after)";
const char* const kLastMetrics = "SELECT n.name, m.value FROM metric_names n JOIN metrics m ON m.id = n.last_row";
const char* const kSteps = "SELECT t.step, t.wall_ms, t.segment FROM steps t " MIDPOINT_VISIBLE "ORDER BY t.id";
const char* const kPrompts = "SELECT prompt, id, text, answer, source FROM prompts ORDER BY prompt";
const char* const kPrompt = "SELECT prompt, id, text, answer, source FROM prompts WHERE prompt = ?";
const char* const kObservations
    = "SELECT t.step, t.prompt, t.purpose, t.attempts, t.successes, t.tokens, t.truncated, t.unparseable, t.reward_sum, t.logprob_sum "
      "FROM observations t " MIDPOINT_VISIBLE "AND t.step BETWEEN ? AND ? ORDER BY t.id";
const char* const kObservationsOf
    = "SELECT t.step, t.prompt, t.purpose, t.attempts, t.successes, t.tokens, t.truncated, t.unparseable, t.reward_sum, t.logprob_sum "
      "FROM observations t " MIDPOINT_VISIBLE "AND t.prompt = ? ORDER BY t.id";
const char* const kRoundSteps = "SELECT t.step FROM prediction_rounds t " MIDPOINT_VISIBLE "ORDER BY t.id";
const char* const kRound = "SELECT t.step, t.belief, t.success_rates, t.signals, t.reference_prompts, t.selected_prompts "
                           "FROM prediction_rounds t " MIDPOINT_VISIBLE "AND t.step <= ? ORDER BY t.step DESC, t.id DESC LIMIT 1";
const char* const kRoundRates
    = "SELECT t.step, substr(t.success_rates, ?, 2) FROM prediction_rounds t " MIDPOINT_VISIBLE "ORDER BY t.id";
const char* const kBuffer = "SELECT t.step, t.entries, t.capacity, t.reused_groups, t.fresh_groups, t.admitted, t.evicted, t.histograms "
                            "FROM buffer t " MIDPOINT_VISIBLE "AND t.step BETWEEN ? AND ? ORDER BY t.id";
const char* const kEntrySteps = "SELECT t.step FROM buffer_entries t " MIDPOINT_VISIBLE "ORDER BY t.id";
const char* const kEntries = "SELECT t.entries FROM buffer_entries t " MIDPOINT_VISIBLE "AND t.step = ?";
const char* const kEvents
    = "SELECT id, wall_ms, step, level, rule, message, data FROM events WHERE id > ? ORDER BY id LIMIT ?";
const char* const kPhases = "SELECT t.step, t.rank, t.phase, t.start_seconds, t.seconds FROM phases t " MIDPOINT_VISIBLE
                            "AND t.step BETWEEN ? AND ? ORDER BY t.id";
const char* const kProgress
    = "SELECT (SELECT t.step FROM steps t " MIDPOINT_VISIBLE "ORDER BY t.id DESC LIMIT 1), (SELECT min(started_ms) FROM segments), "
      "(SELECT wall_ms FROM steps ORDER BY id DESC LIMIT 1), (SELECT count(*) FROM segments), "
      "(SELECT coalesce(max(id), 0) FROM events), (SELECT count(*) FROM prompts), "
      "(SELECT value FROM meta WHERE key = 'total_steps')";

#undef MIDPOINT_VISIBLE

constexpr std::int64_t kNoCut = std::numeric_limits<std::int64_t>::max();

// For the scans over millions of rows, where a join would cost more than this look-up.
class Visibility {
public:
    explicit Visibility(SQLite::Database& database)
    {
        SQLite::Statement query(database, kSegments);
        while (query.executeStep()) {
            const auto id = static_cast<std::size_t>(query.getColumn(0).getInt64());
            if (m_cuts.size() <= id)
                m_cuts.resize(id + 1, -1);
            m_cuts[id] = query.getColumn(2).isNull() ? kNoCut : query.getColumn(2).getInt64();
        }
    }
    bool isVisible(std::int64_t segment, std::int64_t step) const
    {
        const auto id = static_cast<std::size_t>(segment);
        return id < m_cuts.size() && step <= m_cuts[id];
    }

private:
    std::vector<std::int64_t> m_cuts; // by segment id: the last step that counts
};

std::vector<MetricName> readNames(SQLite::Database& database)
{
    std::vector<MetricName> names;
    SQLite::Statement query(database, kNames);
    while (query.executeStep())
        names.push_back({ query.getColumn(0).getInt64(), query.getColumn(1).getString() });
    return names;
}

PromptRecord readPrompt(SQLite::Statement& query)
{
    return { query.getColumn(0).getInt64(), query.getColumn(1).getInt64(), query.getColumn(2).getString(),
             query.getColumn(3).getString(), query.getColumn(4).getString() };
}

std::vector<Observation> readObservations(SQLite::Statement& query)
{
    std::vector<Observation> rows;
    while (query.executeStep()) {
        Observation row;
        row.step = query.getColumn(0).getInt64();
        row.promptIndex = query.getColumn(1).getInt64();
        row.purpose = static_cast<Purpose>(query.getColumn(2).getInt());
        row.attempts = query.getColumn(3).getInt64();
        row.successes = query.getColumn(4).getInt64();
        row.tokens = query.getColumn(5).getInt64();
        row.truncated = query.getColumn(6).getInt64();
        row.unparseable = query.getColumn(7).getInt64();
        row.rewardSum = realOrMissing(query.getColumn(8));
        row.logprobSum = realOrMissing(query.getColumn(9));
        rows.push_back(row);
    }
    return rows;
}

std::vector<std::int64_t> readSteps(SQLite::Database& database, const char* sql)
{
    std::vector<std::int64_t> steps;
    SQLite::Statement query(database, sql);
    while (query.executeStep())
        steps.push_back(query.getColumn(0).getInt64());
    return steps;
}

std::int64_t numberOr(const std::map<std::string, std::string>& rows, const char* key, std::int64_t otherwise)
{
    const auto found = rows.find(key);
    return found == rows.end() ? otherwise : std::strtoll(found->second.c_str(), nullptr, 10);
}

std::map<std::string, std::string> readMeta(SQLite::Database& database)
{
    std::map<std::string, std::string> rows;
    SQLite::Statement query(database, kMeta);
    while (query.executeStep())
        rows[query.getColumn(0).getString()] = query.getColumn(1).getString();
    return rows;
}

} // namespace

class RunReader::Impl {
public:
    explicit Impl(const std::filesystem::path& path)
        : source(path, kRunDatabase)
    {
        publishedMs = source.withConnection("read its description", [](SQLite::Database& database) {
            return numberOr(readMeta(database), "published_ms", 0);
        });
    }
    ReadSource source;
    std::int64_t publishedMs = 0; // > 0: a copy put here by publication
};

RunReader::RunReader(const std::filesystem::path& path)
    : m_impl(std::make_unique<Impl>(path))
{
}

RunReader::~RunReader() = default;

const std::filesystem::path& RunReader::path() const { return m_impl->source.path(); }
bool RunReader::isSnapshot() const { return m_impl->source.isSnapshot() || m_impl->publishedMs > 0; }
std::int64_t RunReader::asOfMs() const { return m_impl->source.asOfMs(); }
bool RunReader::changed() { return m_impl->source.changed(); }

RunInfo RunReader::info() const
{
    return m_impl->source.withConnection("read its description", [](SQLite::Database& database) {
        auto rows = readMeta(database);
        RunInfo info;
        info.name = rows["name"];
        info.version = rows["version"];
        info.configText = rows["config"];
        info.resolvedText = rows["resolved"];
        info.dataHash = rows["data_hash"];
        info.modelName = rows["model"];
        info.seed = numberOr(rows, "seed", 0);
        info.totalSteps = numberOr(rows, "total_steps", 0);
        return info;
    });
}

RunProgress RunReader::progress() const
{
    return m_impl->source.withConnection("read its progress", [](SQLite::Database& database) {
        SQLite::Statement query(database, kProgress);
        query.executeStep();
        RunProgress progress;
        if (!query.getColumn(0).isNull())
            progress.lastStep = query.getColumn(0).getInt64();
        progress.firstWallMs = query.getColumn(1).getInt64();
        progress.lastWallMs = query.getColumn(2).getInt64();
        progress.segments = query.getColumn(3).getInt64();
        progress.lastEventId = query.getColumn(4).getInt64();
        progress.promptCount = query.getColumn(5).getInt64();
        progress.totalSteps = query.getColumn(6).getInt64();
        return progress;
    });
}

std::vector<Segment> RunReader::segments() const
{
    return m_impl->source.withConnection("read its segments", [](SQLite::Database& database) {
        std::vector<Segment> rows;
        SQLite::Statement query(database, kSegments);
        while (query.executeStep()) {
            Segment& row = rows.emplace_back();
            row.id = query.getColumn(0).getInt64();
            row.firstStep = query.getColumn(1).getInt64();
            if (!query.getColumn(2).isNull())
                row.cutAfter = query.getColumn(2).getInt64();
            row.startedMs = query.getColumn(3).getInt64();
        }
        return rows;
    });
}

std::vector<RankRecord> RunReader::ranks() const
{
    return m_impl->source.withConnection("read its ranks", [](SQLite::Database& database) {
        std::vector<RankRecord> rows;
        SQLite::Statement query(database, kRanks);
        while (query.executeStep())
            rows.push_back({ query.getColumn(0).getInt64(), query.getColumn(1).getString(), query.getColumn(2).getInt64(),
                             query.getColumn(3).getString(), query.getColumn(4).getString(), query.getColumn(5).getInt64() });
        return rows;
    });
}

std::vector<MetricName> RunReader::metricNames() const
{
    return m_impl->source.withConnection("read the metric names", readNames);
}

MetricUpdate RunReader::newMetrics(std::int64_t sinceRow, std::size_t maxRows) const
{
    return m_impl->source.withConnection("read the metrics", [&](SQLite::Database& database) {
        MetricUpdate update;
        const Visibility visibility(database);
        if (sinceRow > 0) {
            // Steps grow along the rows, so all rows sent before are still visible exactly if the last one is.
            SQLite::Statement row(database, kRow);
            row.bind(1, sinceRow);
            update.restarted = !row.executeStep() || !visibility.isVisible(row.getColumn(1).getInt64(), row.getColumn(0).getInt64());
        }
        update.lastRow = update.restarted ? 0 : sinceRow;
        update.names = readNames(database);
        NumberScan query(database, kRowsSince);
        query.bind(1, update.lastRow);
        while (update.rows.size() < maxRows && query.next()) {
            const std::int64_t step = query.integer(2);
            if (!visibility.isVisible(query.integer(3), step))
                continue;
            update.lastRow = query.integer(0);
            update.rows.push_back({ query.integer(1), step, query.real(4) });
        }
        return update;
    });
}

Series RunReader::series(std::string_view metric) const
{
    return m_impl->source.withConnection("read a metric", [&](SQLite::Database& database) {
        Series series;
        series.name = metric;
        const auto names = readNames(database);
        const auto found = std::ranges::find(names, metric, &MetricName::name);
        if (found == names.end())
            return series;
        const Visibility visibility(database);
        NumberScan query(database, kRowsOfMetric);
        query.bind(1, found->id);
        while (query.next()) {
            const std::int64_t step = query.integer(0);
            if (!visibility.isVisible(query.integer(1), step))
                continue;
            series.steps.push_back(step);
            series.values.push_back(query.real(2));
        }
        return series;
    });
}

std::vector<Series> RunReader::allSeries() const
{
    return m_impl->source.withConnection("read the metrics", [](SQLite::Database& database) {
        const auto names = readNames(database);
        std::vector<Series> byId(names.empty() ? 1 : static_cast<std::size_t>(names.back().id) + 1);
        for (const MetricName& name : names)
            byId[static_cast<std::size_t>(name.id)].name = name.name;
        const Visibility visibility(database);
        NumberScan query(database, kAllRows);
        while (query.next()) {
            const auto id = static_cast<std::size_t>(query.integer(0));
            const std::int64_t step = query.integer(1);
            if (id >= byId.size() || !visibility.isVisible(query.integer(2), step))
                continue;
            byId[id].steps.push_back(step);
            byId[id].values.push_back(query.real(3));
        }
        std::erase_if(byId, [](const Series& series) { return series.steps.empty(); });
        std::ranges::sort(byId, {}, &Series::name);
        return byId;
    });
}

std::map<std::string, double> RunReader::metricsAt(std::int64_t step) const
{
    return m_impl->source.withConnection("read the metrics of a step", [&](SQLite::Database& database) {
        std::map<std::string, double> values;
        SQLite::Statement query(database, kMetricsAt);
        query.bind(1, step);
        while (query.executeStep())
            values[query.getColumn(0).getString()] = realOrMissing(query.getColumn(1));
        return values;
    });
}

std::map<std::string, double> RunReader::lastMetrics() const
{
    return m_impl->source.withConnection("read the last metrics", [](SQLite::Database& database) {
        std::map<std::string, double> values;
        SQLite::Statement query(database, kLastMetrics);
        while (query.executeStep())
            values[query.getColumn(0).getString()] = realOrMissing(query.getColumn(1));
        return values;
    });
}

std::vector<StepTime> RunReader::steps() const
{
    return m_impl->source.withConnection("read the steps", [](SQLite::Database& database) {
        std::vector<StepTime> rows;
        SQLite::Statement query(database, kSteps);
        while (query.executeStep())
            rows.push_back({ query.getColumn(0).getInt64(), query.getColumn(1).getInt64(), query.getColumn(2).getInt64() });
        return rows;
    });
}

std::vector<PromptRecord> RunReader::prompts() const
{
    return m_impl->source.withConnection("read the prompts", [](SQLite::Database& database) {
        std::vector<PromptRecord> rows;
        SQLite::Statement query(database, kPrompts);
        while (query.executeStep())
            rows.push_back(readPrompt(query));
        return rows;
    });
}

std::optional<PromptRecord> RunReader::prompt(std::int64_t index) const
{
    return m_impl->source.withConnection("read a prompt", [&](SQLite::Database& database) {
        SQLite::Statement query(database, kPrompt);
        query.bind(1, index);
        return query.executeStep() ? std::optional(readPrompt(query)) : std::nullopt;
    });
}

std::vector<Observation> RunReader::observations(std::int64_t fromStep, std::int64_t toStep) const
{
    return m_impl->source.withConnection("read the observations", [&](SQLite::Database& database) {
        SQLite::Statement query(database, kObservations);
        query.bind(1, fromStep);
        query.bind(2, toStep);
        return readObservations(query);
    });
}

std::vector<Observation> RunReader::observationsOf(std::int64_t promptIndex) const
{
    return m_impl->source.withConnection("read the observations of a prompt", [&](SQLite::Database& database) {
        SQLite::Statement query(database, kObservationsOf);
        query.bind(1, promptIndex);
        return readObservations(query);
    });
}

std::vector<std::int64_t> RunReader::predictionSteps() const
{
    return m_impl->source.withConnection("read the prediction rounds",
                                         [](SQLite::Database& database) { return readSteps(database, kRoundSteps); });
}

std::optional<PredictionRound> RunReader::predictionRound(std::int64_t step) const
{
    return m_impl->source.withConnection("read a prediction round", [&](SQLite::Database& database) -> std::optional<PredictionRound> {
        SQLite::Statement query(database, kRound);
        query.bind(1, step);
        if (!query.executeStep())
            return std::nullopt;
        PredictionRound round;
        round.step = query.getColumn(0).getInt64();
        round.belief = query.getColumn(1).getString();
        round.successRates = unpackHalf(blobOf(query.getColumn(2)));
        round.signals = unpackHalf(blobOf(query.getColumn(3)));
        round.references = unpackInt32(blobOf(query.getColumn(4)));
        round.selected = unpackInt32(blobOf(query.getColumn(5)));
        return round;
    });
}

Series RunReader::predictionsOf(std::int64_t promptIndex) const
{
    return m_impl->source.withConnection("read the predictions of a prompt", [&](SQLite::Database& database) {
        constexpr std::int64_t kHalfBytes = 2;
        Series series;
        series.name = concat("prompt ", promptIndex);
        SQLite::Statement query(database, kRoundRates);
        query.bind(1, promptIndex * kHalfBytes + 1);
        while (query.executeStep()) {
            const auto rate = unpackHalf(blobOf(query.getColumn(1)));
            if (rate.empty())
                continue;
            series.steps.push_back(query.getColumn(0).getInt64());
            series.values.push_back(rate.front());
        }
        return series;
    });
}

std::vector<BufferComposition> RunReader::bufferCompositions(std::int64_t fromStep, std::int64_t toStep) const
{
    return m_impl->source.withConnection("read the buffer's composition", [&](SQLite::Database& database) {
        std::vector<BufferComposition> rows;
        SQLite::Statement query(database, kBuffer);
        query.bind(1, fromStep);
        query.bind(2, toStep);
        while (query.executeStep()) {
            BufferComposition& row = rows.emplace_back();
            row.step = query.getColumn(0).getInt64();
            row.entries = query.getColumn(1).getInt64();
            row.capacity = query.getColumn(2).getInt64();
            row.reusedGroups = query.getColumn(3).getInt64();
            row.freshGroups = query.getColumn(4).getInt64();
            row.admitted = query.getColumn(5).getInt64();
            row.evicted = query.getColumn(6).getInt64();
            row.histograms = histogramsFromJson(query.getColumn(7).getString());
        }
        return rows;
    });
}

std::vector<std::int64_t> RunReader::bufferEntrySteps() const
{
    return m_impl->source.withConnection("read the buffer's lists",
                                         [](SQLite::Database& database) { return readSteps(database, kEntrySteps); });
}

std::vector<BufferEntry> RunReader::bufferEntries(std::int64_t step) const
{
    return m_impl->source.withConnection("read the buffer's list", [&](SQLite::Database& database) {
        SQLite::Statement query(database, kEntries);
        query.bind(1, step);
        if (!query.executeStep())
            return std::vector<BufferEntry>();
        return entriesFromJson(decompress(blobOf(query.getColumn(0)), concat(path().string(), ": buffer entries of step ", step)));
    });
}

std::vector<Event> RunReader::eventsSince(std::int64_t eventId, std::size_t maxEvents) const
{
    return m_impl->source.withConnection("read the events", [&](SQLite::Database& database) {
        std::vector<Event> rows;
        SQLite::Statement query(database, kEvents);
        query.bind(1, eventId);
        query.bind(2, static_cast<std::int64_t>(maxEvents));
        while (query.executeStep()) {
            Event& row = rows.emplace_back();
            row.id = query.getColumn(0).getInt64();
            row.wallMs = query.getColumn(1).getInt64();
            row.step = query.getColumn(2).getInt64();
            row.level = static_cast<EventLevel>(query.getColumn(3).getInt());
            row.rule = query.getColumn(4).getString();
            row.message = query.getColumn(5).getString();
            row.data = query.getColumn(6).getString();
        }
        return rows;
    });
}

std::vector<PhaseTiming> RunReader::phases(std::int64_t fromStep, std::int64_t toStep) const
{
    return m_impl->source.withConnection("read the phases", [&](SQLite::Database& database) {
        std::vector<PhaseTiming> rows;
        SQLite::Statement query(database, kPhases);
        query.bind(1, fromStep);
        query.bind(2, toStep);
        while (query.executeStep()) {
            PhaseTiming& row = rows.emplace_back();
            row.step = query.getColumn(0).getInt64();
            row.rank = query.getColumn(1).getInt64();
            row.phase = query.getColumn(2).getString();
            row.startSeconds = realOrMissing(query.getColumn(3));
            row.seconds = realOrMissing(query.getColumn(4));
        }
        return rows;
    });
}

} // namespace midpoint::store
