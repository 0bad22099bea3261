#include "backend/store/run_reader.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/store/run_reader_impl.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <unordered_map>

namespace midpoint::store {
namespace {

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

RunReader::Impl::Impl(const std::filesystem::path& path)
    : source(path, kRunDatabase)
{
    publishedMs = source.withConnection("read its description", [](SQLite::Database& database) {
        return numberOr(readMeta(database), "published_ms", 0);
    });
}

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

} // namespace midpoint::store
