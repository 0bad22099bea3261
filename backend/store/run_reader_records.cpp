// RunReader's second half: prompts, observations, prediction rounds, the buffer, events and phases.
#include "backend/store/run_reader.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/store/blobs.h"
#include "backend/store/buffer_json.h"
#include "backend/store/run_reader_impl.h"

#include <algorithm>

namespace midpoint::store {
namespace {

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

#undef MIDPOINT_VISIBLE

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

} // namespace

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
