#include "backend/predictor/training.h"

#include "backend/core/error.h"
#include "backend/core/rng.h"
#include "backend/core/statistics.h"
#include "backend/core/text.h"
#include "backend/difficulty/calibration.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace midpoint::predictor {
namespace {

using difficulty::ReferencePrediction;

constexpr double kLowestUsefulRate = 0.125; // 1 of 8
constexpr double kHighestUsefulRate = 0.875;
constexpr std::int64_t kMostChosen = 1024;

std::vector<double> toVector(const torch::Tensor& tensor)
{
    const torch::Tensor values = tensor.to(torch::kFloat64).contiguous();
    return { values.const_data_ptr<double>(), values.const_data_ptr<double>() + values.numel() };
}

// Isotonic regression (pool adjacent violators), with (0, 0) and (1, 1) added and lines between the blocks.
class IsotonicMap {
public:
    explicit IsotonicMap(std::vector<ReferencePrediction> pairs)
    {
        std::sort(pairs.begin(), pairs.end(), [](const auto& a, const auto& b) { return a.predicted < b.predicted; });
        std::vector<Block> blocks { { 0.0, 0.0, 1.0 } };
        for (const ReferencePrediction& pair : pairs)
            append(blocks,
                { pair.predicted, static_cast<double>(pair.successes) / static_cast<double>(pair.attempts), 1.0 });
        append(blocks, { 1.0, 1.0, 1.0 });
        m_blocks = std::move(blocks);
    }
    double apply(double predicted) const
    {
        const auto above
            = std::find_if(m_blocks.begin(), m_blocks.end(), [&](const Block& block) { return block.x >= predicted; });
        if (above == m_blocks.begin() || above == m_blocks.end())
            return above == m_blocks.end() ? m_blocks.back().y : m_blocks.front().y;
        const Block& below = *(above - 1);
        return below.y + (above->y - below.y) * (predicted - below.x) / (above->x - below.x);
    }

private:
    struct Block {
        double x = 0.0; // mean prediction
        double y = 0.0; // mean label
        double weight = 0.0;
    };
    static void append(std::vector<Block>& blocks, Block block)
    {
        while (!blocks.empty() && (blocks.back().y >= block.y || blocks.back().x >= block.x)) {
            const Block& last = blocks.back();
            const double weight = last.weight + block.weight;
            block = { (last.x * last.weight + block.x * block.weight) / weight,
                (last.y * last.weight + block.y * block.weight) / weight, weight };
            blocks.pop_back();
        }
        blocks.push_back(block);
    }
    std::vector<Block> m_blocks;
};

std::vector<double> calibrated(
    PostHoc kind, const std::vector<ReferencePrediction>& references, std::vector<double> rates)
{
    if (kind == PostHoc::Isotonic) {
        const IsotonicMap map(references);
        for (double& rate : rates)
            rate = map.apply(rate);
    } else if (kind != PostHoc::None) {
        const auto fitted
            = kind == PostHoc::Platt ? difficulty::CalibrationKind::Platt : difficulty::CalibrationKind::Linear;
        const difficulty::Calibration calibration = difficulty::fitCalibration(fitted, references);
        for (double& rate : rates)
            rate = calibration.apply(rate);
    }
    return rates;
}

// Measures of one policy and one split into references and queries.
struct SplitMeasures {
    double meanSquaredError = 0.0;
    double meanAbsoluteError = 0.0;
    double pearson = 0.0;
    double spearman = 0.0;
    double calibrationError = 0.0;
    double noiseCeiling = 0.0;
    double precision = 0.0;
    double randomPrecision = 0.0;
    double precisionUpperBound = 0.0;
    double baselineAbsoluteError = 0.0;
    double nearestAbsoluteError = 0.0;
    double nearestPearson = 0.0;
};

void measurePrecision(const std::vector<double>& predicted, const std::vector<double>& measured, SplitMeasures& result)
{
    const auto isUseful
        = [&](std::size_t i) { return measured[i] >= kLowestUsefulRate && measured[i] <= kHighestUsefulRate; };
    std::vector<std::size_t> order(predicted.size());
    std::iota(order.begin(), order.end(), std::size_t { 0 });
    std::stable_sort(order.begin(), order.end(),
        [&](std::size_t a, std::size_t b) { return std::abs(predicted[a] - 0.5) < std::abs(predicted[b] - 0.5); });
    const auto chosen = static_cast<std::size_t>(std::clamp<std::int64_t>(std::ssize(order) / 2, 1, kMostChosen));
    const auto useful = static_cast<double>(std::count_if(order.begin(), order.end(), isUseful));
    const auto found = static_cast<double>(
        std::count_if(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(chosen), isUseful));
    result.precision = found / static_cast<double>(chosen);
    result.randomPrecision = useful / static_cast<double>(order.size());
    result.precisionUpperBound = std::min(useful / static_cast<double>(chosen), 1.0);
}

class PolicyEvaluation {
public:
    PolicyEvaluation(const AttentionPredictor& predictor, const EmbeddingMatrix& embeddings, const PolicyLabels& labels,
        const EvalOptions& options)
        : m_predictor(predictor)
        , m_labels(labels)
        , m_options(options)
    {
        if (labels.size() < 4)
            throw Error(ErrorKind::Data,
                concat("evaluating a predictor: policy '", labels.policy, "' has labels of ", labels.size(),
                    " prompts; at least 4 are needed to split them into references and queries"));
        const torch::Tensor rows = embeddings.gather(labels.rows);
        m_queries = predictor.projectQueries(rows);
        m_references = predictor.projectReferences(rows);
        m_directions = rows / rows.norm(2, 1, true).clamp_min(1e-12);
        std::vector<double> rates;
        for (std::size_t i = 0; i < labels.rows.size(); ++i)
            rates.push_back(labels.rate(i));
        m_rates = torch::tensor(rates, torch::kFloat64).to(m_queries.scalar_type());
    }

    SplitMeasures measure(std::int64_t split) const
    {
        const auto [references, queries] = divide(split);
        const torch::Tensor referenceIndex = torch::tensor(references, torch::kInt64);
        const torch::Tensor queryIndex = torch::tensor(queries, torch::kInt64);
        const torch::Tensor referenceRates = m_rates.index_select(0, referenceIndex);
        const torch::Tensor projected = m_references.index_select(0, referenceIndex);

        const std::vector<double> raw = toVector(
            m_predictor.predict(m_queries.index_select(0, queryIndex), projected, referenceRates).successRate);
        const std::vector<double> predicted
            = calibrated(m_options.calibrator, referencePredictions(references, projected, referenceRates), raw);
        const std::vector<double> measured = toVector(m_rates.index_select(0, queryIndex));
        std::vector<statistics::ProbabilityOutcome> outcomes;
        for (std::size_t i = 0; i < queries.size(); ++i) {
            const auto label = static_cast<std::size_t>(queries[i]);
            outcomes.push_back({ predicted[i], m_labels.successes[label], m_labels.attempts[label] });
        }
        SplitMeasures result;
        for (std::size_t i = 0; i < predicted.size(); ++i)
            result.meanSquaredError
                += (predicted[i] - measured[i]) * (predicted[i] - measured[i]) / static_cast<double>(predicted.size());
        result.meanAbsoluteError = *statistics::meanAbsoluteError(predicted, measured);
        result.pearson = statistics::pearson(predicted, measured).value.value_or(0.0);
        result.spearman = statistics::spearman(predicted, measured).value.value_or(0.0);
        result.calibrationError = *statistics::calibrationError(outcomes);
        if (const auto ceiling = statistics::noiseCeiling(outcomes))
            result.noiseCeiling = ceiling->pearson;
        measurePrecision(predicted, measured, result);

        const std::vector<double> constant(measured.size(), referenceRates.mean().item<double>());
        result.baselineAbsoluteError = *statistics::meanAbsoluteError(constant, measured);
        const torch::Tensor similarity
            = torch::matmul(m_directions.index_select(0, queryIndex), m_directions.index_select(0, referenceIndex).t());
        const std::vector<double> nearest = toVector(referenceRates.index_select(0, similarity.argmax(1)));
        result.nearestAbsoluteError = *statistics::meanAbsoluteError(nearest, measured);
        result.nearestPearson = statistics::pearson(nearest, measured).value.value_or(0.0);
        return result;
    }

private:
    std::pair<std::vector<std::int64_t>, std::vector<std::int64_t>> divide(std::int64_t split) const
    {
        RngKey key;
        key.seed = m_options.seed;
        key.purpose = DrawPurpose::Predictor;
        key.step = -1;
        key.sample = split;
        Rng rng(key);
        std::vector<std::int64_t> order(m_labels.rows.size());
        std::iota(order.begin(), order.end(), std::int64_t { 0 });
        shuffle(order, rng);
        const auto middle = order.begin() + std::clamp<std::int64_t>(m_options.references, 2, std::ssize(order) / 2);
        return { { order.begin(), middle }, { middle, order.end() } };
    }
    // What the predictor says of each reference from the others: the calibrator is fitted as it will be used.
    std::vector<ReferencePrediction> referencePredictions(
        const std::vector<std::int64_t>& references, const torch::Tensor& projected, const torch::Tensor& rates) const
    {
        const std::int64_t count = std::ssize(references);
        const torch::Tensor queries = m_queries.index_select(0, torch::tensor(references, torch::kInt64));
        const std::vector<double> predicted = toVector(
            m_predictor.predict(queries, projected, rates.expand({ count, count }), torch::eye(count, torch::kBool))
                .successRate);
        std::vector<ReferencePrediction> pairs;
        for (std::size_t i = 0; i < references.size(); ++i) {
            const auto label = static_cast<std::size_t>(references[i]);
            pairs.push_back({ references[i], predicted[i], m_labels.successes[label], m_labels.attempts[label] });
        }
        return pairs;
    }

    const AttentionPredictor& m_predictor;
    const PolicyLabels& m_labels;
    const EvalOptions& m_options;
    torch::Tensor m_queries;
    torch::Tensor m_references;
    torch::Tensor m_directions; // embeddings of length 1
    torch::Tensor m_rates;
};

Spread spreadOf(const std::vector<SplitMeasures>& splits, double SplitMeasures::*member)
{
    std::vector<double> values;
    for (const SplitMeasures& split : splits)
        values.push_back(split.*member);
    return { statistics::mean(values).value_or(0.0), statistics::deviation(values).value_or(0.0) };
}

} // namespace

PostHoc postHocFromName(const std::string& name)
{
    if (name == "none")
        return PostHoc::None;
    if (name == "linear")
        return PostHoc::Linear;
    if (name == "isotonic")
        return PostHoc::Isotonic;
    if (name == "platt")
        return PostHoc::Platt;
    throw Error(ErrorKind::Usage, concat("--calibrator: expected none, linear, isotonic or platt, found '", name, "'"));
}

std::vector<EvalReport> evaluatePredictor(const AttentionPredictor& predictor, const EmbeddingMatrix& embeddings,
    std::span<const PolicyLabels> labels, const EvalOptions& options)
{
    if (embeddings.dimension() != predictor.shape().embeddingSize)
        throw Error(ErrorKind::Data,
            concat(embeddings.name(), ": embeddings of ", embeddings.dimension(),
                " numbers, the predictor was made for ", predictor.shape().embeddingSize));
    const c10::InferenceMode guard;
    std::vector<EvalReport> reports;
    for (const PolicyLabels& policy : labels) {
        const PolicyEvaluation evaluation(predictor, embeddings, policy, options);
        std::vector<SplitMeasures> splits;
        for (std::int64_t split = 0; split < std::max<std::int64_t>(options.seeds, 1); ++split)
            splits.push_back(evaluation.measure(split));
        EvalReport report;
        report.policy = policy.policy;
        report.meanSquaredError = spreadOf(splits, &SplitMeasures::meanSquaredError);
        report.meanAbsoluteError = spreadOf(splits, &SplitMeasures::meanAbsoluteError);
        report.pearson = spreadOf(splits, &SplitMeasures::pearson);
        report.spearman = spreadOf(splits, &SplitMeasures::spearman);
        report.calibrationError = spreadOf(splits, &SplitMeasures::calibrationError);
        report.noiseCeiling = spreadOf(splits, &SplitMeasures::noiseCeiling);
        report.precision = spreadOf(splits, &SplitMeasures::precision);
        report.randomPrecision = spreadOf(splits, &SplitMeasures::randomPrecision);
        report.precisionUpperBound = spreadOf(splits, &SplitMeasures::precisionUpperBound);
        report.baselineAbsoluteError = spreadOf(splits, &SplitMeasures::baselineAbsoluteError);
        report.nearestAbsoluteError = spreadOf(splits, &SplitMeasures::nearestAbsoluteError);
        report.nearestPearson = spreadOf(splits, &SplitMeasures::nearestPearson);
        reports.push_back(report);
    }
    return reports;
}

} // namespace midpoint::predictor
