// `midpoint bench decode | step | select`: the real code on made-up data, medians of several repeats as JSON.
#include "backend/engine/tools.h"

#include "backend/core/clock.h"
#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/difficulty/beliefs.h"
#include "backend/difficulty/selector.h"
#include "backend/engine/threads.h"
#include "backend/model/bench_model.h"
#include "backend/model/memory.h"
#include "backend/policy/advantage.h"
#include "backend/policy/policy_update.h"
#include "backend/predictor/attention_predictor.h"
#include "backend/predictor/embedding_matrix.h"
#include "backend/predictor/predictor_belief.h"
#include "backend/rollout/bench_decode.h"
#include "backend/rollout/rollout_engine.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>
#include <limits>
#include <sys/resource.h>
#include <unistd.h>

namespace midpoint::engine {
namespace {

using nlohmann::json;

double median(std::vector<double> values)
{
    std::sort(values.begin(), values.end());
    const std::size_t middle = values.size() / 2;
    return values.size() % 2 == 1 ? values[middle] : 0.5 * (values[middle - 1] + values[middle]);
}

double peakMegabytes()
{
    rusage usage {};
    ::getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_maxrss) / 1024.0;
}

// From here on peakSinceForgotten() counts anew, where the kernel can do that.
void forgetPeak()
{
    std::ofstream("/proc/self/clear_refs") << "5";
}

double peakSinceForgotten()
{
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("VmHWM:"))
            return std::stod(line.substr(6)) / 1024.0;
    return peakMegabytes();
}

template <typename Work>
double secondsOf(Work work)
{
    const double started = systemClock().steadySeconds();
    work();
    return systemClock().steadySeconds() - started;
}

// What large products reach on this device, in operations per second.
double productSpeed(const model::Model& model)
{
    constexpr std::int64_t kSize = 8192;
    constexpr int kRepeats = 10;
    const compute::Device& device = model.options().device;
    const torch::Tensor a = torch::ones({ kSize, kSize }, torch::TensorOptions(model.options().computeType).device(device.place()));
    torch::Tensor product = torch::empty_like(a);
    double best = std::numeric_limits<double>::infinity();
    for (int i = 0; i < kRepeats; ++i)
        best = std::min(best, secondsOf([&] {
            at::mm_out(product, a, a);
            device.synchronize();
        }));
    return 2.0 * static_cast<double>(kSize) * static_cast<double>(kSize) * static_cast<double>(kSize) / best;
}

std::vector<std::int32_t> randomTokens(std::int64_t count, std::int64_t vocabulary, std::int64_t subject)
{
    Rng rng({ 1, DrawPurpose::Benchmark, 0, subject, 0 });
    std::vector<std::int32_t> tokens;
    for (std::int64_t i = 0; i < count; ++i)
        tokens.push_back(static_cast<std::int32_t>(rng.below(vocabulary)));
    return tokens;
}

// One GRPO step as training does it: generate full-length responses, random rewards, advantages, update.
class StepBench {
public:
    StepBench(const StepBenchOptions& options, model::Model& model)
        : m_options(options)
        , m_model(model)
        , m_rollouts(model, rolloutOptions(options, model))
        , m_update(model, settings(options))
    {
    }

    void run(std::int64_t step)
    {
        std::vector<policy::TrainGroup> groups;
        m_generateSeconds.push_back(secondsOf([&] { groups = generate(step); }));
        m_updateSeconds.push_back(secondsOf([&] {
            m_update.step(std::move(groups), step);
            m_model.options().device.synchronize();
        }));
        m_stepSeconds.push_back(m_generateSeconds.back() + m_updateSeconds.back());
    }

    json result() const
    {
        const auto tokens = static_cast<double>(m_options.prompts * m_options.samplesPerPrompt * m_options.newTokens);
        // The first run warms up.
        const auto steady = [](const std::vector<double>& all) { return median({ all.begin() + 1, all.end() }); };
        const double step = steady(m_stepSeconds);
        json out = { { "seconds_per_step", step }, { "generate_seconds", steady(m_generateSeconds) },
            { "update_seconds", steady(m_updateSeconds) }, { "tokens_per_second", tokens / step },
            { "generated_tokens_per_second", tokens / steady(m_generateSeconds) },
            { "trained_tokens_per_second", tokens / steady(m_updateSeconds) }, { "peak_megabytes", peakMegabytes() },
            { "prompts", m_options.prompts }, { "samples_per_prompt", m_options.samplesPerPrompt },
            { "prompt_tokens", m_options.promptTokens }, { "new_tokens", m_options.newTokens },
            { "microbatch_tokens", m_options.microbatchTokens }, { "threads", m_options.threads }, { "dtype", m_options.dtype },
            { "device", m_options.device }, { "repeats", m_options.repeats } };
        if (m_options.model.empty())
            out["shape"] = m_options.shape;
        const double speed = operationsOfUpdate() / steady(m_updateSeconds);
        out["update_operations_per_second"] = speed;
        if (!m_model.options().device.isProcessor()) {
            out["product_operations_per_second"] = productSpeed(m_model);
            out["attention"] = m_model.usesFlashAttention() ? "flash attention of LibTorch" : "own";
            out["share_of_products"] = speed / out["product_operations_per_second"].get<double>();
        }
        return out;
    }

private:
    static rollout::RolloutOptions rolloutOptions(const StepBenchOptions& options, const model::Model& model)
    {
        constexpr std::int64_t kUsualMegabytes = 4096;
        rollout::RolloutOptions settings;
        settings.maxSequences = options.prompts * options.samplesPerPrompt;
        const std::int64_t longest = options.promptTokens + options.newTokens + 2 * settings.blockTokens;
        settings.cacheMegabytes
            = std::max(kUsualMegabytes, (settings.maxSequences * longest * model::cacheBytesPerToken(model) >> 20) + 1);
        return settings;
    }

    // A prompt is computed once for its group; a response's last token is not fed.
    double operationsOfUpdate() const
    {
        const auto prompts = static_cast<double>(m_options.prompts);
        const auto responses = static_cast<double>(m_options.prompts * m_options.samplesPerPrompt);
        const auto prompt = static_cast<double>(m_options.promptTokens);
        const auto response = static_cast<double>(m_options.newTokens);
        const double tokens = prompts * prompt + responses * (response - 1.0);
        const double pairs = 0.5 * prompts * prompt * prompt + responses * (response * prompt + 0.5 * response * response);
        return model::trainingOperations(m_model.config(), tokens, responses * response, pairs);
    }

    static policy::UpdateSettings settings(const StepBenchOptions& options)
    {
        config::RunConfig config;
        config.batch.promptsPerStep = options.prompts;
        config.batch.promptsPerUpdate = options.prompts;
        config.batch.tokensPerMicrobatch = options.microbatchTokens;
        config.rollout.maxNewTokens = options.newTokens;
        config.optimizer.learningRate = 1e-5;
        config.policy.logEntropy = false;
        return policy::updateSettings(config);
    }

    std::vector<policy::TrainGroup> generate(std::int64_t step)
    {
        std::vector<rollout::RolloutRequest> requests;
        for (std::int64_t i = 0; i < m_options.prompts; ++i) {
            rollout::RolloutRequest request;
            request.promptTokens = randomTokens(m_options.promptTokens, m_model.config().vocabularySize, step * 1000 + i);
            request.prompt = step * 1000 + i;
            request.step = step;
            request.samples = m_options.samplesPerPrompt;
            requests.push_back(std::move(request));
        }
        rollout::SamplingOptions sampling;
        sampling.maxNewTokens = m_options.newTokens;
        sampling.ignoresEndTokens = true;
        const auto responses = m_rollouts.generate(requests, sampling, {});
        std::vector<policy::TrainGroup> groups;
        for (std::size_t i = 0; i < requests.size(); ++i)
            groups.push_back(rewarded(requests[i], responses[i], step));
        return groups;
    }

    static policy::TrainGroup rewarded(
        const rollout::RolloutRequest& request, const std::vector<rollout::Response>& responses, std::int64_t step)
    {
        Rng rng({ 1, DrawPurpose::Benchmark, step, request.prompt, 1 });
        std::vector<double> rewards;
        for (std::size_t i = 0; i < responses.size(); ++i)
            rewards.push_back(rng.uniform() < 0.5 ? 1.0 : 0.0);
        const std::vector<double> advantages = policy::advantages(policy::Advantage::Grpo, rewards);
        policy::TrainGroup group;
        group.id = request.prompt;
        group.promptTokens = request.promptTokens;
        for (std::size_t i = 0; i < responses.size(); ++i) {
            policy::TrainRow row;
            row.tokens = responses[i].tokens;
            row.behaviourLogprobs = responses[i].logprobs;
            row.advantage = advantages[i];
            group.rows.push_back(std::move(row));
        }
        return group;
    }

    StepBenchOptions m_options;
    model::Model& m_model;
    rollout::RolloutEngine m_rollouts;
    policy::PolicyUpdate m_update;
    std::vector<double> m_generateSeconds, m_updateSeconds, m_stepSeconds;
};

// A folder for the files that a predictor belief reads, removed at the end.
class ScratchFolder {
public:
    ScratchFolder()
    {
        std::string pattern = (std::filesystem::temp_directory_path() / "midpoint-bench-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr)
            throw Error(ErrorKind::Io, concat(pattern, ": cannot create a temporary folder"));
        m_path = pattern;
    }
    ~ScratchFolder()
    {
        std::error_code ignored;
        std::filesystem::remove_all(m_path, ignored);
    }
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;
    const std::filesystem::path& path() const { return m_path; }

private:
    std::filesystem::path m_path;
};

void addReferences(difficulty::Ledger& ledger, const difficulty::PromptPool& pool, std::int64_t count, std::int64_t step)
{
    Rng rng({ 1, DrawPurpose::Benchmark, step, 2, 0 });
    for (std::int64_t i = 0; i < count; ++i) {
        difficulty::LedgerEntry entry;
        entry.prompt = pool.idAt(rng.below(pool.size()));
        entry.step = step;
        entry.purpose = Purpose::Reference;
        entry.attempts = 8;
        entry.successes = static_cast<std::int32_t>(rng.below(9));
        ledger.add(entry);
    }
}

} // namespace

std::string benchDecode(const DecodeBenchOptions& options, Session& session)
{
    const ThreadScope threads(options.threads);
    return rollout::benchDecode(options.model,
        { options.sequences, options.newTokens, options.promptTokens, options.repeats, options.dtype, options.device, options.shape,
            options.usesGraphs },
        session.stop);
}

std::string benchStep(const StepBenchOptions& options, Session& session)
{
    const ThreadScope threads(options.threads);
    model::Model model = model::benchModel({ options.model, options.shape, options.dtype, options.device });
    StepBench bench(options, model);
    for (std::int64_t repeat = 0; repeat <= options.repeats && !session.stop.stop_requested(); ++repeat) {
        bench.run(repeat);
        if (session.progress)
            session.progress({ repeat, options.repeats, "steps" });
    }
    return bench.result().dump(2);
}

std::string benchSelect(const SelectBenchOptions& options, Session&)
{
    const ThreadScope threads(options.threads);
    const ScratchFolder scratch;
    torch::NoGradGuard noGrad;
    std::vector<PromptId> ids(static_cast<std::size_t>(options.prompts));
    for (std::size_t i = 0; i < ids.size(); ++i)
        ids[i] = static_cast<PromptId>(i + 1);
    const difficulty::PromptPool pool(ids);
    predictor::EmbeddingMatrix(torch::randn({ options.prompts, options.embeddingSize }), ids).save(scratch.path() / "embeddings.safetensors");
    predictor::AttentionPredictor::random({ options.embeddingSize, options.hiddenSize, 10 }, 1)
        .save(scratch.path() / "predictor.safetensors");
    predictor::PredictorBeliefOptions beliefOptions;
    beliefOptions.predictor = scratch.path() / "predictor.safetensors";
    beliefOptions.embeddings = scratch.path() / "embeddings.safetensors";

    const bool isMidpoint = options.belief == "midpoint";
    config::SelectionSection section;
    section.belief = options.belief;
    section.strategy = isMidpoint ? "midpoint" : "dots";
    section.referencePrompts = isMidpoint ? 0 : options.references;
    section.intervalSteps = 1;
    std::unique_ptr<difficulty::Belief> belief;
    forgetPeak(); // the made-up embeddings were in memory as a whole, to be written
    const double setup = secondsOf([&] {
        belief = isMidpoint
            ? difficulty::makeMidpointBelief({}, pool, predictor::poolEmbeddingRows(beliefOptions.embeddings, pool))
            : predictor::makePredictorBelief(beliefOptions, pool);
    });
    difficulty::Selector selector(
        difficulty::selectorOptions(section, 1), pool, difficulty::makeStrategy(section), std::move(belief));

    difficulty::Ledger ledger;
    const auto select = [&](std::int64_t step) {
        addReferences(ledger, pool, options.references, step);
        return secondsOf([&] { selector.beginRound(step, ledger, std::min<std::int64_t>(512, options.prompts)); });
    };
    select(0);
    const double peak = peakSinceForgotten(); // of a selection: what the bare product needs comes after it
    const std::int64_t products = isMidpoint ? 0 : options.prompts; // the bare product is the predictor's
    const torch::Tensor queries = torch::randn({ products, options.hiddenSize });
    const torch::Tensor references = torch::randn({ options.references, options.hiddenSize });
    const torch::Tensor labels = torch::rand({ options.references });
    std::vector<double> selection, bare;
    for (std::int64_t step = 1; step <= options.repeats + 1; ++step) {
        selection.push_back(select(step));
        bare.push_back(secondsOf([&] {
            const torch::Tensor scores = torch::mm(queries, references.t());
            const torch::Tensor mean = torch::mv(torch::softmax(scores, 1), labels);
            static_cast<void>(mean);
        }));
    }
    const double seconds = median({ selection.begin() + 1, selection.end() });
    json result = { { "belief", options.belief }, { "select_seconds", seconds }, { "set_up_seconds", setup },
        { "prompts", options.prompts }, { "references", options.references }, { "embedding_size", options.embeddingSize },
        { "threads", options.threads }, { "peak_megabytes", peak }, { "repeats", options.repeats } };
    if (!isMidpoint) {
        const double bareSeconds = median({ bare.begin() + 1, bare.end() });
        result["hidden_size"] = options.hiddenSize;
        result["bare_product_softmax_seconds"] = bareSeconds;
        result["ratio"] = seconds / bareSeconds;
    }
    return result.dump(2);
}

} // namespace midpoint::engine
