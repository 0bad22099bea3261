// The result of `midpoint bench time-to-target` as one SQLite file that stands for itself: the window draws everything from it, without
// the runs. What every run did is written; the summaries over seeds are made of that again on reading, and stand in over_seeds for queries.
#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/store/database.h"
#include "backend/store/schema.h"
#include "backend/store/time_to_target.h"

#include <cmath>
#include <fstream>

// In the order of kQuantities; Cost::totalSeconds after them.
#define MIDPOINT_COST_NAMES "steps, rollouts, generated_tokens, trained_tokens, cpu_seconds, train_seconds, total_seconds"

namespace midpoint::store {
namespace {

constexpr int kCosts = 7; // columns

std::string insertInto(const char* table, int columns)
{
    std::vector<std::string> marks(static_cast<std::size_t>(columns), "?");
    return concat("INSERT INTO ", table, " VALUES(", join(marks, ", "), ")");
}

// Binds from left to right.
class Row {
public:
    Row(SQLite::Database& database, const std::string& sql)
        : m_statement(database, sql)
    {
    }
    Row& operator<<(double value)
    {
        if (std::isnan(value))
            m_statement.bind(++m_next);
        else
            m_statement.bind(++m_next, value);
        return *this;
    }
    Row& operator<<(std::int64_t value)
    {
        m_statement.bind(++m_next, value);
        return *this;
    }
    Row& operator<<(const std::string& value)
    {
        m_statement.bind(++m_next, value);
        return *this;
    }
    Row& operator<<(const Cost& cost)
    {
        for (const Quantity quantity : kQuantities)
            *this << valueOf(cost, quantity);
        return *this << cost.totalSeconds;
    }
    Row& operator<<(const MethodRun& run) { return *this << run.seed << run.folder.string() << std::string(nameOf(run.end)) << run.reason; }
    void write() { m_statement.exec(); }

private:
    SQLite::Statement m_statement;
    int m_next = 0;
};

void writeTrials(SQLite::Database& database, const MethodResult& method, std::int64_t methodId, std::int64_t& nextTrial)
{
    for (const RateTrial& trial : method.trials) {
        const std::int64_t id = nextTrial++;
        (Row(database, insertInto("rate_trials", 4)) << id << methodId << trial.learningRate << trial.accuracy).write();
        for (const RateTrialRun& each : trial.runs)
            (Row(database, insertInto("rate_trial_runs", 6)) << id << each.run << each.lateAccuracy).write();
    }
}

void writeRun(SQLite::Database& database, const RunResult& run, std::int64_t methodId, std::int64_t id)
{
    (Row(database, insertInto("runs", 14 + kCosts)) << id << methodId << run.run << run.finalAccuracy << run.bestAccuracy << run.evaluationSeconds
                                                    << run.oracleSeconds << run.split.generation << run.split.update << run.split.choice
                                                    << run.split.rest << run.total)
        .write();
    for (std::size_t target = 0; target < run.toTarget.size(); ++target)
        if (run.toTarget[target])
            (Row(database, insertInto("run_targets", 2 + kCosts)) << id << static_cast<std::int64_t>(target) << *run.toTarget[target]).write();
    for (const CurvePoint& point : run.curve)
        (Row(database, "INSERT INTO evaluations VALUES(NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)") << id << point.accuracy << point.smoothed << point.cost)
            .write();
}

void writeSummaries(SQLite::Database& database, const MethodResult& method, std::int64_t methodId, const MethodResult* baseline)
{
    const auto write = [&](std::optional<std::int64_t> target, const std::string& quantity, const OverSeeds& values, std::optional<Saving> saving) {
        SQLite::Statement insert(database, "INSERT INTO over_seeds VALUES(?, ?, ?, ?, ?, ?, ?, ?)");
        insert.bind(1, methodId);
        if (target)
            insert.bind(2, *target);
        insert.bind(3, quantity);
        int column = 4;
        for (const double value : { values.median, values.lowest, values.highest })
            if (const int at = column++; !std::isnan(value))
                insert.bind(at, value);
        if (saving) {
            insert.bind(7, saving->share);
            insert.bind(8, saving->isAtLeast ? 1 : 0);
        }
        insert.exec();
    };
    for (std::size_t target = 0; target < method.toTarget.size(); ++target)
        for (const Quantity quantity : kQuantities)
            write(static_cast<std::int64_t>(target), nameOf(quantity), method.toTarget[target].spent.of(quantity),
                baseline != nullptr ? saved(method.toTarget[target], baseline->toTarget[target], quantity) : std::nullopt);
    for (const Quantity quantity : kQuantities)
        write(std::nullopt, nameOf(quantity), method.wholeRuns.of(quantity), std::nullopt);
    for (const auto& [name, values] : { std::pair("final_accuracy", &method.finalAccuracy), std::pair("best_accuracy", &method.bestAccuracy),
             std::pair("generation_share", &method.split.generation), std::pair("update_share", &method.split.update),
             std::pair("choice_share", &method.split.choice), std::pair("rest_share", &method.split.rest) })
        write(std::nullopt, name, *values, std::nullopt);
}

// Reads from left to right.
class Columns {
public:
    explicit Columns(SQLite::Statement& statement)
        : m_statement(statement)
    {
    }
    double real() { return realOrMissing(m_statement.getColumn(m_next++)); }
    std::int64_t integer() { return m_statement.getColumn(m_next++).getInt64(); }
    std::string text() { return m_statement.getColumn(m_next++).getString(); }
    Cost cost()
    {
        Cost cost;
        for (double Cost::*field : { &Cost::step, &Cost::rollouts, &Cost::generatedTokens, &Cost::trainedTokens, &Cost::cpuSeconds,
                 &Cost::trainSeconds, &Cost::totalSeconds })
            cost.*field = real();
        return cost;
    }

private:
    SQLite::Statement& m_statement;
    int m_next = 0;
};

// Of one open file: keeps where each id of a table went.
class Reading {
public:
    Reading(SQLite::Database& database, const std::filesystem::path& file)
        : m_database(database)
        , m_file(file)
    {
    }

    TimeToTarget read()
    {
        readFrame();
        readMethods();
        readTrials();
        readRuns();
        readTargetsAndCurves();
        for (MethodResult& method : m_result.methods)
            summarise(method, m_result.targets.size());
        return std::move(m_result);
    }

private:
    [[noreturn]] void fail(const std::string& expected, const std::string& found) const
    {
        throw Error(ErrorKind::Store, concat(m_file.string(), ": damaged: expected ", expected, ", found ", found));
    }
    template <typename Take>
    void each(const char* sql, Take take)
    {
        SQLite::Statement query(m_database, sql);
        while (query.executeStep()) {
            Columns columns(query);
            take(columns);
        }
    }
    template <typename Value>
    Value& at(std::vector<Value>& values, std::int64_t position, const char* what) const
    {
        if (position < 0 || position >= std::ssize(values))
            fail(concat(what, " 0 to ", std::ssize(values) - 1), concat(position));
        return values[static_cast<std::size_t>(position)];
    }
    MethodRun methodRun(Columns& row) const
    {
        MethodRun run;
        run.seed = row.integer();
        run.folder = row.text();
        const std::string end = row.text();
        run.reason = row.text();
        for (const RunEnd known : { RunEnd::Complete, RunEnd::Failed, RunEnd::Missing })
            if (end == nameOf(known)) {
                run.end = known;
                return run;
            }
        fail("a run that is complete, failed or missing", concat("'", end, "'"));
    }

    void readFrame()
    {
        std::int64_t rows = 0;
        each("SELECT metric, smoothing, baseline FROM benchmark", [&](Columns& row) {
            m_result.metric = row.text();
            m_result.smoothing = row.real();
            m_result.baseline = row.text();
            ++rows;
        });
        if (rows != 1)
            fail("one row in benchmark", concat(rows));
        each("SELECT accuracy, is_plateau FROM targets ORDER BY target", [&](Columns& row) {
            const double accuracy = row.real();
            m_result.targets.push_back({ accuracy, row.integer() != 0 });
        });
        if (m_result.targets.empty())
            fail("at least one row in targets", "none");
    }
    void readMethods()
    {
        each("SELECT name, learning_rate, setup_seconds FROM methods ORDER BY method", [&](Columns& row) {
            MethodResult& method = m_result.methods.emplace_back();
            method.name = row.text();
            if (const double rate = row.real(); !std::isnan(rate))
                method.learningRate = rate;
            method.setupSeconds = row.real();
        });
    }
    void readTrials()
    {
        std::vector<std::pair<std::size_t, std::size_t>> places; // by trial: method, position
        each("SELECT method, learning_rate, accuracy FROM rate_trials ORDER BY trial", [&](Columns& row) {
            const std::int64_t method = row.integer();
            auto& trials = at(m_result.methods, method, "a method of").trials;
            places.emplace_back(static_cast<std::size_t>(method), trials.size());
            RateTrial& trial = trials.emplace_back();
            trial.learningRate = row.real();
            trial.accuracy = row.real();
        });
        each("SELECT trial, seed, folder, state, reason, accuracy FROM rate_trial_runs ORDER BY rowid", [&](Columns& row) {
            const auto [method, position] = at(places, row.integer(), "a trial of");
            RateTrialRun run;
            run.run = methodRun(row);
            run.lateAccuracy = row.real();
            m_result.methods[method].trials[position].runs.push_back(std::move(run));
        });
    }
    void readRuns()
    {
        each("SELECT method, seed, folder, state, reason, final_accuracy, best_accuracy, evaluation_seconds, oracle_seconds, generation_seconds, "
             "update_seconds, choice_seconds, rest_seconds, " MIDPOINT_COST_NAMES " FROM runs ORDER BY run",
            [&](Columns& row) {
                const std::int64_t method = row.integer();
                auto& runs = at(m_result.methods, method, "a method of").runs;
                m_runs.emplace_back(static_cast<std::size_t>(method), runs.size());
                RunResult& run = runs.emplace_back();
                run.run = methodRun(row);
                run.toTarget.resize(m_result.targets.size());
                for (double RunResult::*field : { &RunResult::finalAccuracy, &RunResult::bestAccuracy, &RunResult::evaluationSeconds,
                         &RunResult::oracleSeconds })
                    run.*field = row.real();
                for (double WallSplit::*part : { &WallSplit::generation, &WallSplit::update, &WallSplit::choice, &WallSplit::rest })
                    run.split.*part = row.real();
                run.total = row.cost();
            });
    }
    RunResult& runAt(std::int64_t id)
    {
        const auto [method, position] = at(m_runs, id, "a run of");
        return m_result.methods[method].runs[position];
    }
    void readTargetsAndCurves()
    {
        each("SELECT run, target, " MIDPOINT_COST_NAMES " FROM run_targets", [&](Columns& row) {
            RunResult& run = runAt(row.integer());
            std::optional<Cost>& cost = at(run.toTarget, row.integer(), "a target of");
            cost = row.cost();
        });
        each("SELECT run, accuracy, smoothed, " MIDPOINT_COST_NAMES " FROM evaluations ORDER BY id", [&](Columns& row) {
            RunResult& run = runAt(row.integer());
            CurvePoint point;
            point.accuracy = row.real();
            point.smoothed = row.real();
            point.cost = row.cost();
            run.curve.push_back(point);
        });
    }

    SQLite::Database& m_database;
    const std::filesystem::path& m_file;
    TimeToTarget m_result;
    std::vector<std::pair<std::size_t, std::size_t>> m_runs; // by run: method, position
};

constexpr std::string_view kMagic("SQLite format 3", 16); // with its closing 0
constexpr std::size_t kIdOffset = 68; // of PRAGMA application_id in an SQLite file: four bytes, the highest first

// Of the first bytes of a file; nothing for what is no SQLite file.
std::optional<std::int64_t> applicationIdOf(const std::filesystem::path& file)
{
    std::ifstream stream(file, std::ios::binary);
    std::array<char, kIdOffset + 4> head {};
    if (!stream.read(head.data(), std::ssize(head)) || std::string_view(head.data(), kMagic.size()) != kMagic)
        return std::nullopt;
    std::int64_t id = 0;
    for (std::size_t i = kIdOffset; i < head.size(); ++i)
        id = id * 256 + static_cast<unsigned char>(head[i]);
    return id;
}

bool isUnmarkedResult(const std::filesystem::path& file)
{
    return applicationIdOf(file) == std::optional<std::int64_t>(0) && file.filename() == kTimeToTargetDatabase.name;
}

} // namespace

void writeTimeToTarget(const TimeToTarget& result, const std::filesystem::path& file)
{
    const std::filesystem::path partial = file.string() + ".partial";
    std::error_code error;
    std::filesystem::remove(partial, error);
    guarded(partial, "write the results", [&] {
        SQLite::Database database(partial.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
        database.exec(concat("PRAGMA application_id = ", kTimeToTargetDatabase.applicationId));
        database.exec(concat("PRAGMA user_version = ", kTimeToTargetDatabase.version));
        SQLite::Transaction transaction(database);
        database.exec(kTimeToTargetSchema);
        (Row(database, insertInto("benchmark", 3)) << result.metric << result.smoothing << result.baseline).write();
        for (std::int64_t i = 0; i < std::ssize(result.targets); ++i) {
            const Target& target = result.targets[static_cast<std::size_t>(i)];
            (Row(database, insertInto("targets", 3)) << i << target.accuracy << std::int64_t { target.isPlateau }).write();
        }
        std::int64_t nextRun = 0;
        std::int64_t nextTrial = 0;
        for (std::int64_t id = 0; id < std::ssize(result.methods); ++id) {
            const MethodResult& method = result.methods[static_cast<std::size_t>(id)];
            (Row(database, insertInto("methods", 4)) << id << method.name << method.learningRate.value_or(kMissing) << method.setupSeconds).write();
            writeTrials(database, method, id, nextTrial);
            for (const RunResult& run : method.runs)
                writeRun(database, run, id, nextRun++);
            writeSummaries(database, method, id, baselineOf(result));
        }
        transaction.commit();
    });
    std::filesystem::rename(partial, file, error);
    if (error)
        throw Error(ErrorKind::Io, concat(file.string(), ": cannot be replaced: ", error.message()));
}

TimeToTarget readTimeToTarget(const std::filesystem::path& file)
{
    std::error_code error;
    const std::filesystem::path path = std::filesystem::is_directory(file, error) ? file / kTimeToTargetDatabase.name : file;
    if (isUnmarkedResult(path))
        throw Error(ErrorKind::Store, concat(path.string(), ": expected a ", kTimeToTargetDatabase.what, " of schema version ", kTimeToTargetDatabase.version,
                                          ", found a file from before versions; `midpoint bench time-to-target FILE --report-only` writes it again"));
    ReadSource source(path, kTimeToTargetDatabase);
    return source.withConnection("read the results", [&](SQLite::Database& database) { return Reading(database, path).read(); });
}

bool isTimeToTargetFile(const std::filesystem::path& file)
{
    return applicationIdOf(file) == std::optional<std::int64_t>(kTimeToTargetDatabase.applicationId) || isUnmarkedResult(file);
}

} // namespace midpoint::store
