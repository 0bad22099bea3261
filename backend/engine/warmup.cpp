#include "backend/engine/warmup.h"

#include "backend/compute/open_device.h"
#include "backend/core/clock.h"
#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"
#include "backend/data/prompt_set.h"
#include "backend/engine/evaluation.h"
#include "backend/engine/threads.h"
#include "backend/model/model.h"
#include "backend/policy/adamw.h"
#include "backend/tokenizer/tokenizer.h"

#include <nlohmann/json.hpp>

#include <fstream>

namespace midpoint::engine {
namespace {

using nlohmann::json;

struct Demonstration {
    std::vector<std::int32_t> prompt;
    std::vector<std::int32_t> response;
};

std::vector<Demonstration> readDemonstrations(const std::filesystem::path& path, const Tokenizer& tokenizer)
{
    std::ifstream file(path);
    if (!file)
        throw Error(ErrorKind::Data, concat(path.string(), ": expected demonstrations (JSONL), found no readable file"));
    std::vector<Demonstration> demonstrations;
    std::string line;
    for (std::int64_t number = 1; std::getline(file, line); ++number) {
        const json row = json::parse(line, nullptr, false);
        if (!row.is_object() || !row.contains("prompt") || !row.contains("response") || !row["prompt"].is_string()
            || !row["response"].is_string())
            throw Error(ErrorKind::Data, concat(path.string(), ":", number,
                                             ": expected an object with the texts \"prompt\" and \"response\", found ", line.substr(0, 80)));
        demonstrations.push_back(
            { tokenizer.encode(row["prompt"].get<std::string>()), tokenizer.encode(row["response"].get<std::string>()) });
    }
    if (demonstrations.empty())
        throw Error(ErrorKind::Data, concat(path.string(), ": expected at least one demonstration, found an empty file"));
    return demonstrations;
}

// The rows of one pass over the file, in an order of their own for every pass.
class BatchOrder {
public:
    BatchOrder(std::int64_t count, std::uint64_t seed, std::int64_t stage)
        : m_count(count)
        , m_seed(seed)
        , m_stage(stage)
    {
    }
    std::size_t next()
    {
        if (m_position == m_order.size()) {
            m_order.resize(static_cast<std::size_t>(m_count));
            for (std::size_t i = 0; i < m_order.size(); ++i)
                m_order[i] = i;
            Rng rng({ m_seed, DrawPurpose::Warmup, m_pass++, m_stage, 0 });
            shuffle(m_order, rng);
            m_position = 0;
        }
        return m_order[m_position++];
    }

private:
    std::int64_t m_count;
    std::uint64_t m_seed;
    std::int64_t m_stage;
    std::int64_t m_pass = 0;
    std::vector<std::size_t> m_order;
    std::size_t m_position = 0;
};

class Warmup {
public:
    Warmup(const WarmupConfig& config, Session& session)
        : m_config(config)
        , m_session(session)
        , m_tokenizer(Tokenizer::load(config.tokenizer))
        , m_model(startModel(config))
        , m_optimizer(m_model.parameters(), optimizerSection(config))
    {
        if (m_tokenizer.vocabularySize() > m_model.config().vocabularySize)
            throw Error(ErrorKind::Model, concat(config.tokenizer.string(), ": the tokenizer needs a vocabulary of ",
                                              m_tokenizer.vocabularySize(), " tokens, the model has ", m_model.config().vocabularySize));
    }

    std::string run()
    {
        for (const WarmupStage& stage : m_config.stages)
            m_totalSteps += stage.steps;
        json stages = json::array();
        for (std::size_t i = 0; i < m_config.stages.size(); ++i)
            stages.push_back(runStage(m_config.stages[i], static_cast<std::int64_t>(i)));
        const torch::ScalarType dtype = model::parseComputeType(m_config.dtype);
        m_model.save(m_config.out, dtype, m_config.tokenizer.parent_path());
        return json { { "out", m_config.out.string() }, { "parameters", model::parameterCount(m_model.config()) },
            { "stages", stages } }
            .dump(2);
    }

private:
    static model::Model startModel(const WarmupConfig& config)
    {
        model::ModelOptions options;
        options.device = compute::openDevice(config.device);
        if (!config.model.empty())
            return model::Model::load(config.model, options);
        const std::string text = readFile(config.modelConfig);
        return model::Model::random(model::parseModelConfig(text, config.modelConfig.string()),
            { static_cast<std::uint64_t>(config.seed), DrawPurpose::Initialisation, 0, 0, 0 }, options);
    }

    static config::OptimizerSection optimizerSection(const WarmupConfig& config)
    {
        config::OptimizerSection section;
        section.beta1 = config.beta1;
        section.beta2 = config.beta2;
        section.weightDecay = config.weightDecay;
        section.gradientClip = config.gradientClip;
        return section;
    }

    json runStage(const WarmupStage& stage, std::int64_t number)
    {
        const std::vector<Demonstration> demonstrations = readDemonstrations(stage.data, m_tokenizer);
        BatchOrder order(static_cast<std::int64_t>(demonstrations.size()), static_cast<std::uint64_t>(m_config.seed), number);
        const double started = systemClock().steadySeconds();
        double smoothLoss = 0.0;
        for (std::int64_t step = 0; step < stage.steps; ++step) {
            if (m_session.stop.stop_requested())
                throw Error(ErrorKind::Cancelled, "warm-up stopped on request; nothing was saved");
            const double loss = trainStep(demonstrations, order, stage.learningRate);
            smoothLoss = step == 0 ? loss : 0.95 * smoothLoss + 0.05 * loss;
            ++m_steps;
            if (m_session.progress)
                m_session.progress({ m_steps, m_totalSteps, concat("stage ", stage.name, "  loss ", fixed(smoothLoss, 4)) });
        }
        json summary = { { "name", stage.name }, { "steps", stage.steps }, { "loss", smoothLoss },
            { "seconds", systemClock().steadySeconds() - started } };
        if (!m_config.check.data.empty()) {
            summary["accuracy"] = accuracy(number);
            m_session.log.info(concat("warm-up stage ", stage.name, ": loss ", fixed(smoothLoss, 4), ", sampled accuracy ",
                fixed(summary["accuracy"].get<double>(), 3)));
        }
        return summary;
    }

    // One update: token mean of the negative log-likelihood of the responses.
    double trainStep(const std::vector<Demonstration>& demonstrations, BatchOrder& order, double learningRate)
    {
        model::PackedBatch batch;
        for (std::int64_t i = 0; i < m_config.batch; ++i) {
            const Demonstration& demonstration = demonstrations[order.next()];
            const std::span<const std::int32_t> response(demonstration.response);
            batch.addGroup(demonstration.prompt, std::span(&response, 1));
        }
        auto pass = m_model.forward(batch, {});
        const torch::Tensor& logprobs = pass->scores().logprobs;
        const auto tokens = static_cast<double>(batch.scoredCount());
        const double loss = -logprobs.sum(torch::kFloat64).item<double>() / tokens;
        m_model.zeroGradients();
        m_model.backward(std::move(pass), torch::full_like(logprobs, -1.0 / tokens));
        const double norm = policy::gradientNorm(m_model.parameters());
        if (!std::isfinite(loss) || !std::isfinite(norm))
            throw Error(ErrorKind::Numeric, concat("warm-up step ", m_steps + 1, ": loss ", loss, ", gradient norm ", norm,
                                             ": expected finite numbers; lower learning_rate"));
        const double clip = m_config.gradientClip;
        const double scale = clip > 0.0 && norm > clip ? clip / norm : 1.0;
        const double ramp = m_config.warmupSteps > 0
            ? std::min(1.0, static_cast<double>(m_steps + 1) / static_cast<double>(m_config.warmupSteps))
            : 1.0;
        m_optimizer.step(m_model.parameters(), learningRate * ramp, scale);
        m_model.refreshComputeWeights();
        return loss;
    }

    double accuracy(std::int64_t stage)
    {
        config::RunConfig config;
        config.run.seed = m_config.seed;
        config.data.promptTemplate = "plain";
        config.reward.kind = m_config.check.reward;
        config.reward.pattern = m_config.check.pattern;
        config.rollout.maxNewTokens = m_config.check.maxNewTokens;
        config.eval.samplesPerPrompt = m_config.check.samplesPerPrompt;
        config.eval.temperature = m_config.check.temperature;
        Roller roller(config, m_model, m_tokenizer);
        Evaluator evaluator(config, roller, m_tokenizer, { m_config.check.data.string() });
        return evaluator.evaluate(stage, m_session.stop).front().meanAccuracy;
    }

    const WarmupConfig& m_config;
    Session& m_session;
    Tokenizer m_tokenizer;
    model::Model m_model;
    policy::AdamW m_optimizer;
    std::int64_t m_steps = 0;
    std::int64_t m_totalSteps = 0;
};

} // namespace

std::string runWarmup(const WarmupConfig& config, Session& session)
{
    const ThreadScope threads(config.threads);
    return Warmup(config, session).run();
}

} // namespace midpoint::engine
