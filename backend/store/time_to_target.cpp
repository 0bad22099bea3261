#include "backend/store/time_to_target.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/store/database.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace midpoint::store {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

const char* const kSchema = R"sql(
CREATE TABLE benchmark(metric TEXT NOT NULL, target REAL NOT NULL, baseline TEXT NOT NULL, is_plateau INTEGER NOT NULL);
CREATE TABLE method(name TEXT PRIMARY KEY, learning_rate REAL, setup_seconds REAL NOT NULL, seeds INTEGER NOT NULL, reached INTEGER NOT NULL,
    final_median REAL, final_lowest REAL, final_highest REAL, evaluation_seconds REAL);
CREATE TABLE method_run(method TEXT NOT NULL, seed INTEGER NOT NULL, folder TEXT NOT NULL, failure TEXT NOT NULL, final_smoothed REAL,
    best REAL, step REAL, rollouts REAL, generated_tokens REAL, trained_tokens REAL, train_seconds REAL, cpu_seconds REAL,
    PRIMARY KEY(method, seed));
)sql";
const char* const kInsertBenchmark = "INSERT INTO benchmark VALUES(?, ?, ?, ?)";
const char* const kInsertMethod = "INSERT INTO method VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)";
const char* const kInsertRun = "INSERT INTO method_run VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

std::vector<std::filesystem::path> completeFolders(const Method& method)
{
    std::vector<std::filesystem::path> folders;
    for (const MethodRun& run : method.runs)
        if (run.failure.empty())
            folders.push_back(run.folder);
    return folders;
}

std::string sharedMetric(const std::vector<Method>& methods)
{
    std::vector<std::filesystem::path> all;
    for (const Method& method : methods)
        for (const auto& folder : completeFolders(method))
            all.push_back(folder);
    if (all.empty())
        throw Error(ErrorKind::Data, "time-to-target: no run is complete, so there is nothing to compare");
    return compareRuns(all).metric;
}

double plateauOf(const std::vector<Method>& methods, const TargetRule& rule, const std::string& metric)
{
    for (const Method& method : methods) {
        if (method.name != rule.baseline)
            continue;
        const auto folders = completeFolders(method);
        if (folders.empty())
            break;
        double sum = 0.0;
        for (const RunComparison& run : compareRuns(folders, { metric, std::nullopt, rule.smoothing, true }).runs)
            sum += run.finalSmoothed;
        return sum / static_cast<double>(folders.size());
    }
    throw Error(ErrorKind::Data,
        concat("time-to-target: expected a complete run of the baseline '", rule.baseline, "', found none; its plateau is the target"));
}

OverSeeds gather(const std::vector<RunComparison>& runs, double Cost::*field)
{
    std::vector<double> values;
    for (const RunComparison& run : runs)
        values.push_back(run.toTarget ? (*run.toTarget).*field : kNever);
    return overSeeds(std::move(values));
}

MethodResult resultOf(const Method& method, const TargetRule& rule, const TimeToTarget& frame)
{
    MethodResult result;
    result.method = method;
    const auto folders = completeFolders(method);
    if (folders.empty())
        return result;
    result.runs = compareRuns(folders, { frame.metric, frame.target, rule.smoothing, true }).runs;
    std::vector<double> finals;
    std::vector<double> bests;
    std::vector<double> evaluations;
    for (const RunComparison& run : result.runs) {
        result.reached += run.toTarget ? 1 : 0;
        finals.push_back(run.finalSmoothed);
        bests.push_back(run.bestAccuracy);
        const auto spent = RunReader(run.path).series("budget/evaluation_seconds");
        evaluations.push_back(spent.values.empty() ? 0.0 : spent.values.back());
    }
    result.steps = gather(result.runs, &Cost::step);
    result.rollouts = gather(result.runs, &Cost::rollouts);
    result.generatedTokens = gather(result.runs, &Cost::generatedTokens);
    result.trainedTokens = gather(result.runs, &Cost::trainedTokens);
    result.trainSeconds = gather(result.runs, &Cost::trainSeconds);
    result.cpuSeconds = gather(result.runs, &Cost::cpuSeconds);
    result.finalAccuracy = overSeeds(std::move(finals));
    result.bestAccuracy = overSeeds(std::move(bests));
    result.evaluationSeconds = overSeeds(std::move(evaluations)).median;
    return result;
}

void bindReal(SQLite::Statement& statement, int index, double value)
{
    if (std::isfinite(value))
        statement.bind(index, value);
    else
        statement.bind(index); // NULL: not known, or the target was not reached
}

void insertRuns(SQLite::Database& database, const MethodResult& result)
{
    std::size_t next = 0; // complete runs stand in result.runs in order
    for (const MethodRun& run : result.method.runs) {
        const RunComparison* compared = run.failure.empty() ? &result.runs[next++] : nullptr;
        const Cost cost = compared != nullptr && compared->toTarget ? *compared->toTarget : Cost {};
        SQLite::Statement insert(database, kInsertRun);
        insert.bind(1, result.method.name);
        insert.bind(2, run.seed);
        insert.bind(3, run.folder.string());
        insert.bind(4, run.failure);
        bindReal(insert, 5, compared != nullptr ? compared->finalSmoothed : kMissing);
        bindReal(insert, 6, compared != nullptr ? compared->bestAccuracy : kMissing);
        int column = 7;
        for (const double value : { cost.step, cost.rollouts, cost.generatedTokens, cost.trainedTokens, cost.trainSeconds, cost.cpuSeconds })
            bindReal(insert, column++, value);
        insert.exec();
    }
}

void insertMethod(SQLite::Database& database, const MethodResult& result)
{
    SQLite::Statement insert(database, kInsertMethod);
    insert.bind(1, result.method.name);
    bindReal(insert, 2, result.method.learningRate.value_or(kMissing));
    insert.bind(3, result.method.setupSeconds);
    insert.bind(4, static_cast<std::int64_t>(result.method.runs.size()));
    insert.bind(5, result.reached);
    bindReal(insert, 6, result.finalAccuracy.median);
    bindReal(insert, 7, result.finalAccuracy.lowest);
    bindReal(insert, 8, result.finalAccuracy.highest);
    bindReal(insert, 9, result.evaluationSeconds);
    insert.exec();
    insertRuns(database, result);
}

} // namespace

OverSeeds overSeeds(std::vector<double> values)
{
    if (values.empty())
        return {};
    std::sort(values.begin(), values.end());
    const std::size_t middle = values.size() / 2;
    const double median = values.size() % 2 == 1 ? values[middle] : 0.5 * (values[middle - 1] + values[middle]);
    return { median, values.front(), values.back() };
}

double chooseLearningRate(std::vector<RateTrial>& trials, const std::string& metric)
{
    for (RateTrial& trial : trials) {
        double sum = 0.0;
        for (const MethodRun& run : trial.runs)
            if (run.failure.empty()) {
                const std::vector<std::filesystem::path> one = { run.folder };
                sum += compareRuns(one, { metric, std::nullopt, 0.0, false }).runs.front().lateAccuracy;
            }
        trial.accuracy = trial.runs.empty() ? 0.0 : sum / static_cast<double>(trial.runs.size());
    }
    return std::ranges::max_element(trials, {}, &RateTrial::accuracy)->learningRate;
}

TimeToTarget timeToTarget(const std::vector<Method>& methods, const TargetRule& rule)
{
    TimeToTarget result;
    result.metric = rule.metric.empty() ? sharedMetric(methods) : rule.metric;
    result.baseline = rule.baseline;
    result.isPlateau = !rule.target.has_value();
    result.target = rule.target ? *rule.target : plateauOf(methods, rule, result.metric);
    for (const Method& method : methods)
        result.methods.push_back(resultOf(method, rule, result));
    return result;
}

void writeDatabase(const TimeToTarget& result, const std::filesystem::path& file)
{
    const std::filesystem::path partial = file.string() + ".partial";
    std::error_code error;
    std::filesystem::remove(partial, error);
    guarded(partial, "write the results", [&] {
        SQLite::Database database(partial.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
        SQLite::Transaction transaction(database);
        database.exec(kSchema);
        SQLite::Statement insert(database, kInsertBenchmark);
        insert.bind(1, result.metric);
        insert.bind(2, result.target);
        insert.bind(3, result.baseline);
        insert.bind(4, result.isPlateau ? 1 : 0);
        insert.exec();
        for (const MethodResult& method : result.methods)
            insertMethod(database, method);
        transaction.commit();
    });
    std::filesystem::rename(partial, file, error);
    if (error)
        throw Error(ErrorKind::Io, concat(file.string(), ": cannot be replaced: ", error.message()));
}

} // namespace midpoint::store
