// `midpoint predictor embed | train | eval`: files in, files out.
#include "backend/engine/tools.h"

#include "backend/compute/open_device.h"
#include "backend/core/clock.h"
#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"
#include "backend/engine/beliefs.h"
#include "backend/engine/model_files.h"
#include "backend/engine/pool_prompt.h"
#include "backend/engine/recorded_labels.h"
#include "backend/engine/threads.h"
#include "backend/engine/weights_hash.h"
#include "backend/model/model.h"
#include "backend/predictor/attention_predictor.h"
#include "backend/predictor/embedding_matrix.h"
#include "backend/predictor/training.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <limits>
#include <set>

namespace midpoint::engine {
namespace {

using nlohmann::json;

json spreadJson(const predictor::Spread& spread) { return { { "mean", spread.mean }, { "std", spread.deviation } }; }

json reportJson(const predictor::EvalReport& report)
{
    return { { "policy", report.policy }, { "mse", spreadJson(report.meanSquaredError) },
        { "mae", spreadJson(report.meanAbsoluteError) }, { "pearson", spreadJson(report.pearson) },
        { "spearman", spreadJson(report.spearman) }, { "ece", spreadJson(report.calibrationError) },
        { "noise_ceiling", spreadJson(report.noiseCeiling) }, { "precision", spreadJson(report.precision) },
        { "precision_random", spreadJson(report.randomPrecision) },
        { "precision_upper_bound", spreadJson(report.precisionUpperBound) },
        { "mae_mean_only", spreadJson(report.baselineAbsoluteError) },
        { "mae_nearest", spreadJson(report.nearestAbsoluteError) }, { "pearson_nearest", spreadJson(report.nearestPearson) } };
}

} // namespace

std::string embedPromptSet(const EmbedOptions& options, Session& session)
{
    const ThreadScope threads(options.threads);
    const Tokenizer tokenizer = Tokenizer::load(options.model);
    model::ModelOptions modelOptions;
    modelOptions.computeType = model::parseComputeType(options.dtype);
    modelOptions.device = compute::openDevice(options.device);
    const model::Model model = model::Model::load(options.model, modelOptions);
    requireVocabulary(tokenizer, model.config(), options.model);
    config::DataSection data;
    data.promptTemplate = options.promptTemplate;
    data.maxPromptTokens = std::numeric_limits<std::int64_t>::max(); // none is left out: labels may name any of them
    const LoadedPrompts prompts = loadPrompts(options.dataFiles, data, tokenizer);
    for (const std::string& line : prompts.report)
        session.log.info(line);
    std::vector<predictor::EmbedItem> items;
    std::int64_t cut = 0;
    for (const PoolPrompt& prompt : prompts.prompts) {
        items.push_back({ prompt.id, prompt.tokens });
        std::vector<std::int32_t>& tokens = items.back().tokens;
        if (std::ssize(tokens) > options.maxTokens) {
            tokens.resize(static_cast<std::size_t>(options.maxTokens));
            ++cut;
        }
    }
    if (cut > 0)
        session.log.info(concat(cut, " prompts cut: longer than --max-tokens ", options.maxTokens));

    predictor::EmbedOptions embed;
    embed.out = options.out;
    embed.pooling = predictor::poolingFromName(options.pooling);
    embed.modelHash = weightsHash(options.model);
    embed.dataHash = prompts.dataHash;
    embed.maxTokens = options.maxTokens;
    embed.stop = session.stop;
    if (session.progress)
        embed.progress = [&](std::int64_t done, std::int64_t total) { session.progress({ done, total, "prompts" }); };
    const double started = systemClock().steadySeconds();
    const predictor::EmbeddingMatrix matrix = predictor::embedPrompts(items, backboneOf(model, embed.pooling), embed);
    return json { { "out", options.out.string() }, { "prompts", matrix.size() }, { "dimension", matrix.dimension() },
        { "seconds", systemClock().steadySeconds() - started } }
        .dump(2);
}

std::string trainPredictorFile(const PredictorTrainOptions& options, Session& session)
{
    const ThreadScope threads(options.threads);
    const auto embeddings = predictor::EmbeddingMatrix::open(options.embeddings);
    std::vector<predictor::PolicyLabels> train;
    std::vector<predictor::PolicyLabels> heldOut;
    std::set<std::string> found;
    for (predictor::PolicyLabels& labels : readLabelsAndRuns(options.labels, options.stepsPerPolicy, embeddings)) {
        const auto name = std::find_if(options.heldOutPolicies.begin(), options.heldOutPolicies.end(),
            [&](const std::string& held) { return isPolicyOf(labels.policy, held); });
        const bool isHeldOut = name != options.heldOutPolicies.end();
        if (isHeldOut)
            found.insert(*name);
        (isHeldOut ? heldOut : train).push_back(std::move(labels));
    }
    for (const std::string& name : options.heldOutPolicies)
        if (!found.contains(name))
            throw Error(ErrorKind::Usage, concat("--held-out: expected policies or runs that the labels contain, found no '", name, "'"));
    predictor::TrainOptions settings;
    settings.shape.embeddingSize = embeddings.dimension();
    settings.shape.hiddenSize = options.hiddenSize;
    settings.epochs = options.epochs;
    settings.batch = options.batch;
    settings.references = options.references;
    settings.learningRate = options.learningRate;
    settings.seed = options.seed;
    settings.stop = session.stop;
    if (session.progress)
        settings.progress = [&](const predictor::TrainProgress& progress) {
            std::string text = concat("loss ", fixed(progress.loss, 4));
            if (!heldOut.empty())
                text += concat("  held-out Pearson ", fixed(progress.heldOutPearson, 3));
            session.progress({ progress.epoch, progress.epochs, text });
        };
    const double started = systemClock().steadySeconds();
    const predictor::TrainResult result = predictor::trainPredictor(embeddings, train, heldOut, settings);
    predictor::Metadata metadata = embeddings.metadata(); // which embeddings it understands
    metadata["policies"] = std::to_string(train.size());
    metadata["seed"] = std::to_string(options.seed);
    result.predictor.save(options.out, metadata);
    return json { { "out", options.out.string() }, { "labels", result.report.labels }, { "steps", result.report.steps },
        { "epoch_loss", result.report.epochLoss }, { "held_out_pearson", result.report.heldOutPearson },
        { "best_epoch", result.report.bestEpoch }, { "seconds", systemClock().steadySeconds() - started } }
        .dump(2);
}

std::string evaluatePredictorFile(const PredictorEvalOptions& options, Session&)
{
    const ThreadScope threads(options.threads);
    const auto embeddings = predictor::EmbeddingMatrix::open(options.embeddings);
    const auto predictor = predictor::AttentionPredictor::load(options.predictor);
    const std::vector<predictor::PolicyLabels> labels = readLabelsAndRuns(options.labels, options.stepsPerPolicy, embeddings);
    predictor::EvalOptions settings;
    settings.references = options.references;
    settings.seeds = options.seeds;
    settings.calibrator = predictor::postHocFromName(options.calibrator);
    json policies = json::array();
    for (const predictor::EvalReport& report : predictor::evaluatePredictor(predictor, embeddings, labels, settings))
        policies.push_back(reportJson(report));
    return json { { "predictor", options.predictor.string() }, { "policies", policies } }.dump(2);
}

} // namespace midpoint::engine
