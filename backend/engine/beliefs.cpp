#include "backend/engine/beliefs.h"

#include "backend/core/clock.h"
#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/difficulty/beliefs.h"
#include "backend/difficulty/clusters.h"
#include "backend/engine/weights_hash.h"
#include "backend/predictor/embedding_matrix.h"
#include "backend/predictor/predictor_belief.h"

namespace midpoint::engine {
namespace {

std::filesystem::path embeddingsOf(const RunParts& parts, predictor::Pooling pooling, Session& session)
{
    const std::string& given = parts.config.selection.embeddingsPath;
    return given.empty() ? ensureEmbeddings(parts, pooling, session) : std::filesystem::path(given);
}

std::unique_ptr<difficulty::Belief> makePredictor(const RunParts& parts, const std::filesystem::path& embeddings)
{
    const config::SelectionSection& settings = parts.config.selection;
    predictor::PredictorBeliefOptions options;
    options.predictor = settings.predictorPath;
    options.embeddings = embeddings;
    options.calibration = difficulty::calibrationFromName(settings.calibration);
    options.referenceEstimate = settings.strategy == "dots-released" ? predictor::ReferenceEstimate::Predicted
                                                                     : predictor::ReferenceEstimate::Measured;
    options.hasReferenceRollouts = settings.referencePrompts > 0;
    return predictor::makePredictorBelief(options, *parts.pool);
}

std::unique_ptr<difficulty::Belief> makeMidpoint(const RunParts& parts, Session& session)
{
    difficulty::MidpointOptions options = difficulty::midpointOptions(parts.config.selection.midpointParts);
    options.longestResponse = parts.config.rollout.maxNewTokens;
    if (!options.useEmbeddings)
        return difficulty::makeMidpointBelief(options, *parts.pool, {});
    const std::filesystem::path path = embeddingsOf(parts, predictor::Pooling::MeanAndLast, session);
    std::unique_ptr<difficulty::Belief> prior
        = parts.config.selection.predictorPath.empty() ? nullptr : makePredictor(parts, path);
    return difficulty::makeMidpointBelief(
        options, *parts.pool, predictor::poolEmbeddingRows(path, *parts.pool), std::move(prior));
}

std::unique_ptr<difficulty::Belief> makeBelief(const RunParts& parts, Session& session)
{
    const std::string& name = parts.config.selection.belief;
    if (name == "predictor")
        return makePredictor(parts, embeddingsOf(parts, predictor::Pooling::Mean, session));
    if (name == "posterior")
        return difficulty::makePosteriorBelief({}, *parts.pool);
    if (name == "last_seen")
        return difficulty::makeLastSeenBelief(*parts.pool);
    if (name == "snis")
        return difficulty::makeSnisBelief({}, *parts.pool);
    if (name == "oracle")
        return difficulty::makeOracleBelief(*parts.pool);
    if (name == "midpoint")
        return makeMidpoint(parts, session);
    throw Error(ErrorKind::Config,
        concat("selection.belief: expected predictor, posterior, snis, last_seen, midpoint or oracle, found '", name, "'"));
}

} // namespace

predictor::Backbone backboneOf(const model::Model& model, predictor::Pooling pooling)
{
    return [&model, pooling](std::span<const std::vector<std::int32_t>> batch) {
        return pooling == predictor::Pooling::Mean ? model.meanHidden(batch) : model.meanAndLastHidden(batch);
    };
}

std::filesystem::path ensureEmbeddings(const RunParts& parts, predictor::Pooling pooling, Session& session)
{
    const std::filesystem::path path = parts.runFolder / "embeddings.safetensors";
    std::vector<predictor::EmbedItem> items;
    for (const PoolPrompt& prompt : parts.prompts->prompts)
        items.push_back({ prompt.id, prompt.tokens });
    predictor::EmbedOptions options;
    options.out = path;
    options.pooling = pooling;
    options.modelHash = weightsHash(parts.config.model.path);
    options.dataHash = parts.prompts->dataHash;
    options.stop = session.stop;
    const double started = systemClock().steadySeconds();
    const bool isNew = !std::filesystem::exists(path);
    predictor::embedPrompts(items, backboneOf(*parts.model, pooling), options);
    if (isNew)
        session.log.info(concat("embedded ", items.size(), " prompts with the starting model in ",
            formatDuration(systemClock().steadySeconds() - started)));
    return path;
}

std::unique_ptr<difficulty::Selector> makeSelector(const RunParts& parts, Session& session)
{
    const config::SelectionSection& settings = parts.config.selection;
    std::unique_ptr<difficulty::SelectionStrategy> strategy = difficulty::makeStrategy(settings);
    std::unique_ptr<difficulty::Belief> belief;
    if (strategy->needsBelief())
        belief = makeBelief(parts, session);
    difficulty::SelectorOptions options = difficulty::selectorOptions(settings, static_cast<std::uint64_t>(parts.config.run.seed));
    if (settings.clusters > 0 && settings.strategy == "midpoint") {
        const predictor::PoolEmbeddings embeddings
            = predictor::readPoolEmbeddings(embeddingsOf(parts, predictor::Pooling::MeanAndLast, session), *parts.pool);
        options.clusterCount = settings.clusters;
        options.clusters = difficulty::clusterPrompts(embeddings.values, embeddings.dimension, settings.clusters, options.seed);
    }
    return std::make_unique<difficulty::Selector>(std::move(options), *parts.pool, std::move(strategy), std::move(belief));
}

} // namespace midpoint::engine
