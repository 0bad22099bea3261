#include "backend/predictor/predictor_belief.h"

#include "backend/core/bytes.h"
#include "backend/predictor/attention_predictor.h"
#include "backend/predictor/embedding_matrix.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

namespace midpoint::predictor {
namespace {

using difficulty::Calibration;
using difficulty::CalibrationKind;
using difficulty::Estimates;
using difficulty::Ledger;
using difficulty::LedgerEntry;
using difficulty::PromptPool;
using difficulty::ReferencePrediction;

constexpr const char* kTag = "predictor belief 1";
constexpr std::int64_t kChunkRows = 16384; // of one matrix product; bounds the memory of the scores
constexpr std::int64_t kLargestFloatCache = std::int64_t { 1 } << 30; // bytes of projected queries kept in float32

double rateOf(const ReferencePrediction& measured)
{
    return static_cast<double>(measured.successes) / static_cast<double>(measured.attempts);
}

// Mean squared error of the predictions beyond what the noise of the measurements explains.
double errorVariance(std::span<const ReferencePrediction> pairs)
{
    double total = 0.0;
    for (const ReferencePrediction& pair : pairs) {
        const double rate = rateOf(pair);
        const double noise = pair.attempts > 1 ? rate * (1.0 - rate) / static_cast<double>(pair.attempts - 1) : 0.0;
        total += (pair.predicted - rate) * (pair.predicted - rate) - noise;
    }
    return std::max(total / static_cast<double>(pairs.size()), 0.0);
}

torch::Tensor column(std::span<const ReferencePrediction> references, torch::ScalarType type)
{
    std::vector<double> rates;
    for (const ReferencePrediction& reference : references)
        rates.push_back(rateOf(reference));
    return torch::tensor(rates, torch::kFloat64).to(type);
}

std::vector<double> toVector(const torch::Tensor& tensor)
{
    const torch::Tensor values = tensor.to(torch::kFloat64).contiguous();
    return { values.const_data_ptr<double>(), values.const_data_ptr<double>() + values.numel() };
}

// The row of each prompt of the pool.
std::vector<std::int64_t> rowsOf(const EmbeddingMatrix& embeddings, const PromptPool& pool)
{
    std::vector<std::int64_t> rows;
    std::int64_t missing = 0;
    PromptId firstMissing = 0;
    for (const PromptId id : pool.ids()) {
        const auto row = embeddings.rowOf(id);
        if (!row && missing++ == 0)
            firstMissing = id;
        rows.push_back(row.value_or(0));
    }
    if (missing > 0)
        throw Error(ErrorKind::Data,
            concat(embeddings.name(), ": no embedding for ", missing, " of ", pool.size(),
                " prompts of the pool (the first is ", firstMissing,
                "); run `midpoint predictor embed` on the training files of this run"));
    return rows;
}

class PredictorBelief : public difficulty::Belief {
public:
    PredictorBelief(const PredictorBeliefOptions& options, AttentionPredictor predictor, EmbeddingMatrix embeddings,
        const PromptPool& pool)
        : m_options(options)
        , m_predictor(std::move(predictor))
        , m_embeddings(std::move(embeddings))
        , m_pool(&pool)
        , m_weightsChecksum(m_predictor.checksum())
        , m_rows(rowsOf(m_embeddings, pool))
    {
        projectPool();
    }

    const char* name() const override { return "predictor"; }
    void learn(const Ledger& ledger, std::int64_t step) override;
    Estimates estimate(std::int64_t step) const override;
    std::string saveState() const override;
    void restoreState(std::string_view bytes) override;

private:
    void projectPool();
    void learnFromReferenceRollouts(const Ledger& ledger);
    void learnFromRecentGroups(const Ledger& ledger);
    // Where the embeddings hold the last hidden state, too, it stands behind the mean.
    torch::Tensor meanStates(std::span<const std::int64_t> rows) const
    {
        return m_embeddings.gather(rows).narrow(1, 0, m_predictor.shape().embeddingSize);
    }
    torch::Tensor projectedReferences() const;
    torch::Tensor predictPool(const torch::Tensor& references, const torch::Tensor& labels) const;
    std::vector<ReferencePrediction> predictReferences(
        const torch::Tensor& references, const torch::Tensor& labels) const;
    Calibration calibrationFor(const Estimates& raw) const;

    PredictorBeliefOptions m_options;
    AttentionPredictor m_predictor;
    EmbeddingMatrix m_embeddings;
    const PromptPool* m_pool;
    std::string m_weightsChecksum;
    std::vector<std::int64_t> m_rows; // of the embeddings, by position in the pool
    torch::Tensor m_queries; // projected once, [pool, hidden]
    std::vector<ReferencePrediction> m_references; // measured; `predicted` unused
};

void PredictorBelief::projectPool()
{
    const c10::InferenceMode guard;
    const std::int64_t hidden = m_predictor.shape().hiddenSize;
    const bool isLarge = m_pool->size() * hidden * static_cast<std::int64_t>(sizeof(float)) > kLargestFloatCache;
    m_queries = torch::empty({ m_pool->size(), hidden }, isLarge ? torch::kBFloat16 : torch::kFloat32);
    for (std::int64_t first = 0; first < m_pool->size(); first += kChunkRows) {
        const std::int64_t count = std::min(kChunkRows, m_pool->size() - first);
        const std::span<const std::int64_t> rows(m_rows.data() + first, static_cast<std::size_t>(count));
        m_queries.slice(0, first, first + count).copy_(m_predictor.projectQueries(meanStates(rows)));
    }
}

void PredictorBelief::learn(const Ledger& ledger, std::int64_t)
{
    if (m_options.hasReferenceRollouts)
        learnFromReferenceRollouts(ledger);
    else
        learnFromRecentGroups(ledger);
}

// The references of the newest round that measured any.
void PredictorBelief::learnFromReferenceRollouts(const Ledger& ledger)
{
    m_references.clear();
    std::int64_t newest = -1;
    for (auto entry = ledger.entries().rbegin(); entry != ledger.entries().rend(); ++entry) {
        if (entry->purpose != Purpose::Reference)
            continue;
        if (newest >= 0 && entry->step != newest)
            break;
        newest = entry->step;
        const auto index = m_pool->indexOf(entry->prompt);
        if (index && entry->attempts > 0)
            m_references.push_back({ *index, 0.0, entry->successes, entry->attempts });
    }
    std::reverse(m_references.begin(), m_references.end());
}

// One measurement of each of the prompts measured last.
void PredictorBelief::learnFromRecentGroups(const Ledger& ledger)
{
    m_references.clear();
    std::unordered_set<std::int64_t> seen;
    for (auto entry = ledger.entries().rbegin(); entry != ledger.entries().rend(); ++entry) {
        if (std::ssize(m_references) == m_options.recentReferences)
            break;
        const auto index = m_pool->indexOf(entry->prompt);
        if (index && entry->purpose != Purpose::Evaluate && entry->attempts > 0 && seen.insert(*index).second)
            m_references.push_back({ *index, 0.0, entry->successes, entry->attempts });
    }
    std::reverse(m_references.begin(), m_references.end());
}

torch::Tensor PredictorBelief::projectedReferences() const
{
    std::vector<std::int64_t> rows;
    for (const ReferencePrediction& reference : m_references)
        rows.push_back(m_rows[static_cast<std::size_t>(reference.index)]);
    return m_predictor.projectReferences(meanStates(rows));
}

torch::Tensor PredictorBelief::predictPool(const torch::Tensor& references, const torch::Tensor& labels) const
{
    torch::Tensor rates = torch::empty({ m_pool->size() }, torch::kFloat32);
    for (std::int64_t first = 0; first < m_pool->size(); first += kChunkRows) {
        const std::int64_t last = std::min(first + kChunkRows, m_pool->size());
        const torch::Tensor queries = m_queries.slice(0, first, last).to(torch::kFloat32);
        rates.slice(0, first, last).copy_(m_predictor.predict(queries, references, labels).successRate);
    }
    return rates;
}

Estimates PredictorBelief::estimate(std::int64_t) const
{
    const auto size = static_cast<std::size_t>(m_pool->size());
    if (m_references.size() < 2) // nothing measured: every prompt is as likely to be solved as not
        return { std::vector<double>(size, 0.5), std::vector<double>(size, 0.5), std::vector<double>(size, 0.0), {}, {} };

    const c10::InferenceMode guard;
    const torch::Tensor labels = column(m_references, torch::kFloat32);
    const torch::Tensor references = projectedReferences();
    Estimates result;
    result.mean = toVector(predictPool(references, labels));
    result.references = predictReferences(references, labels);
    const Calibration calibration = calibrationFor(result);
    for (double& rate : result.mean)
        rate = calibration.apply(rate);
    for (ReferencePrediction& pair : result.references) {
        pair.predicted = calibration.apply(pair.predicted);
        if (m_options.referenceEstimate == ReferenceEstimate::Measured)
            result.mean[static_cast<std::size_t>(pair.index)] = rateOf(pair);
    }
    const double variance = errorVariance(result.references); // one width for all
    result.deviation.assign(size, std::sqrt(variance));
    result.signal.resize(size);
    for (std::size_t i = 0; i < size; ++i)
        result.signal[i] = std::clamp(result.mean[i] * (1.0 - result.mean[i]) - variance, 0.0, 0.25);
    return result;
}

// Each reference as if it had not been measured: the attention does not look at its own label.
std::vector<ReferencePrediction> PredictorBelief::predictReferences(
    const torch::Tensor& references, const torch::Tensor& labels) const
{
    const std::int64_t count = std::ssize(m_references);
    std::vector<std::int64_t> indices;
    for (const ReferencePrediction& reference : m_references)
        indices.push_back(reference.index);
    const torch::Tensor queries = m_queries.index_select(0, torch::tensor(indices, torch::kInt64)).to(torch::kFloat32);
    const std::vector<double> rates = toVector(
        m_predictor.predict(queries, references, labels.expand({ count, count }), torch::eye(count, torch::kBool))
            .successRate);
    std::vector<ReferencePrediction> result = m_references;
    for (std::size_t i = 0; i < result.size(); ++i)
        result[i].predicted = rates[i];
    return result;
}

Calibration PredictorBelief::calibrationFor(const Estimates& raw) const
{
    std::vector<ReferencePrediction> pairs = raw.references;
    if (m_options.calibration
        == CalibrationKind::LinearUnclamped) // the released code fits to predictions that have seen their own label
        for (ReferencePrediction& pair : pairs)
            pair.predicted = raw.mean[static_cast<std::size_t>(pair.index)];
    return difficulty::fitCalibration(m_options.calibration, pairs);
}

std::string PredictorBelief::saveState() const
{
    ByteWriter out;
    out.putText(kTag);
    out.putText(m_weightsChecksum);
    out.put(static_cast<std::uint64_t>(m_references.size()));
    for (const ReferencePrediction& reference : m_references) {
        out.put(reference.index);
        out.put(reference.successes);
        out.put(reference.attempts);
    }
    return out.take();
}

void PredictorBelief::restoreState(std::string_view bytes)
{
    ByteReader in(bytes, "predictor belief");
    in.expectTag(kTag);
    if (const std::string saved = in.getText(); saved != m_weightsChecksum)
        throw Error(ErrorKind::Checkpoint,
            concat("predictor belief: the checkpoint was made with another predictor (weights ", saved, ", expected ",
                m_weightsChecksum, " of ", m_options.predictor.string(), ")"));
    std::vector<ReferencePrediction> references;
    for (auto left = in.get<std::uint64_t>(); left > 0; --left) {
        ReferencePrediction reference;
        reference.index = in.get<std::int64_t>();
        reference.successes = in.get<std::int64_t>();
        reference.attempts = in.get<std::int64_t>();
        if (reference.index < 0 || reference.index >= m_pool->size() || reference.attempts < 1)
            throw Error(ErrorKind::Checkpoint,
                concat("predictor belief: the saved state names prompt ", reference.index, " of ", m_pool->size()));
        references.push_back(reference);
    }
    in.expectEnd();
    m_references = std::move(references);
}

void requireFile(const std::filesystem::path& path, const char* key, const char* command)
{
    if (path.empty() || !std::filesystem::exists(path))
        throw Error(ErrorKind::Config,
            concat(key, ": expected a file that `", command, "` writes, found ", path.empty() ? "nothing" : "no file ",
                path.string(), "; the belief needs it"));
}

} // namespace

std::unique_ptr<difficulty::Belief> makePredictorBelief(
    const PredictorBeliefOptions& options, const difficulty::PromptPool& pool)
{
    requireFile(options.predictor, "selection.predictor_path", "midpoint predictor train");
    requireFile(options.embeddings, "selection.embeddings_path", "midpoint predictor embed");
    AttentionPredictor predictor = AttentionPredictor::load(options.predictor);
    EmbeddingMatrix embeddings = EmbeddingMatrix::open(options.embeddings);
    const std::int64_t expected = predictor.shape().embeddingSize;
    if (embeddings.dimension() != expected && embeddings.dimension() != 2 * expected)
        throw Error(ErrorKind::Config,
            concat(options.predictor.string(), ": made for embeddings of ", expected,
                " numbers, ", options.embeddings.string(), " has ", embeddings.dimension()));
    return std::make_unique<PredictorBelief>(options, std::move(predictor), std::move(embeddings), pool);
}

difficulty::EmbeddingRows poolEmbeddingRows(const std::filesystem::path& path, const difficulty::PromptPool& pool)
{
    requireFile(path, "selection.embeddings_path", "midpoint predictor embed");
    const auto embeddings = std::make_shared<const EmbeddingMatrix>(EmbeddingMatrix::open(path));
    return { embeddings->dimension(),
        [embeddings, rows = rowsOf(*embeddings, pool)](std::int64_t firstRow, std::span<float> out) {
            const auto count = out.size() / static_cast<std::size_t>(embeddings->dimension());
            const torch::Tensor values = embeddings->gather(std::span(rows).subspan(static_cast<std::size_t>(firstRow), count));
            std::copy_n(values.const_data_ptr<float>(), out.size(), out.begin());
        } };
}

PoolEmbeddings readPoolEmbeddings(const std::filesystem::path& path, const difficulty::PromptPool& pool)
{
    const difficulty::EmbeddingRows rows = poolEmbeddingRows(path, pool);
    PoolEmbeddings embeddings { std::vector<float>(static_cast<std::size_t>(pool.size() * rows.dimension)), rows.dimension };
    rows.read(0, embeddings.values);
    return embeddings;
}

} // namespace midpoint::predictor
