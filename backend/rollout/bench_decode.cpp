#include "backend/rollout/bench_decode.h"

#include "backend/core/clock.h"
#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/model/bench_model.h"
#include "backend/model/memory.h"
#include "backend/rollout/decoder.h"
#include "backend/rollout/rollout_engine.h"
#include "kernels/cpu_isa.h"

#include <nlohmann/json.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <limits>

namespace midpoint::rollout {
namespace {

constexpr int kGemmRepeats = 20;

double peakMegabytes()
{
    rusage usage {};
    ::getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_maxrss) / 1024.0;
}

// The best of several runs, in seconds.
template <typename Work>
double bestSeconds(int repeats, const Work& work)
{
    double best = std::numeric_limits<double>::infinity();
    for (int i = 0; i < repeats; ++i) {
        const double started = systemClock().steadySeconds();
        work();
        best = std::min(best, systemClock().steadySeconds() - started);
    }
    return best;
}

std::vector<RolloutRequest> randomRequests(const model::ModelConfig& config, const DecodeBenchSettings& settings)
{
    std::vector<RolloutRequest> requests(static_cast<std::size_t>(settings.sequences));
    for (std::int64_t i = 0; i < settings.sequences; ++i) {
        RolloutRequest& request = requests[static_cast<std::size_t>(i)];
        request.prompt = i;
        Rng rng({ 1, DrawPurpose::Benchmark, 0, i, 0 });
        for (std::int64_t t = 0; t < settings.promptTokens; ++t)
            request.promptTokens.push_back(static_cast<std::int32_t>(rng.below(config.vocabularySize)));
    }
    return requests;
}

// The products of one decoding step by ATen, with its own layout of the weights.
double atenProductSeconds(const model::Model& model, std::int64_t rows)
{
    torch::NoGradGuard noGradient;
    std::vector<torch::Tensor> weights;
    for (const model::LayerWeights& layer : model.weights().layers)
        weights.insert(weights.end(), { layer.qkv, layer.attentionOutput, layer.gateUp, layer.down });
    weights.push_back(model.weights().head);
    std::vector<torch::Tensor> inputs;
    std::vector<torch::Tensor> outputs;
    for (const torch::Tensor& weight : weights) {
        inputs.push_back(torch::randn({ rows, weight.size(1) }).to(weight.scalar_type()));
        outputs.push_back(torch::empty({ rows, weight.size(0) }, weight.options()));
    }
    return bestSeconds(kGemmRepeats, [&] {
        for (std::size_t i = 0; i < weights.size(); ++i)
            at::mm_out(outputs[i], inputs[i], weights[i].t());
    });
}

// The same by the engine's own products, split over threads as the engine does it.
double ownProductSeconds(const model::Model& model, std::int64_t rows)
{
    Decoder decoder(model, 1);
    decoder.refresh();
    const std::vector<const kernels::PackedMatrix*> matrices = decoder.matrices();
    std::int64_t widest = 0;
    for (const kernels::PackedMatrix* matrix : matrices)
        widest = std::max({ widest, matrix->inputs(), matrix->outputs() });
    const torch::Tensor x = torch::randn({ rows, widest }).to(model.options().computeType);
    torch::Tensor y = torch::empty({ rows, widest });
    const std::int64_t size = x.element_size();
    return bestSeconds(kGemmRepeats, [&] {
        decoder.forEachRange(rows, [&](std::int64_t begin, std::int64_t end) {
            for (const kernels::PackedMatrix* matrix : matrices)
                kernels::packedLinear(*matrix,
                    { end - begin, static_cast<const std::byte*>(x.const_data_ptr()) + begin * matrix->inputs() * size, nullptr,
                        y.data_ptr<float>() + begin * matrix->outputs(), kernels::ElementType::Float32 });
        });
    });
}

std::int64_t cacheMegabytesFor(const model::Model& model, const DecodeBenchSettings& settings)
{
    const std::int64_t tokens = settings.promptTokens + settings.newTokens + RolloutOptions().blockTokens;
    return (settings.sequences * 2 * tokens * model::cacheBytesPerToken(model) >> 20) + 1; // a prompt and its one sample hold the prompt's last block each
}

// What a step reads at least, half way through: the weights, and the keys and values of all sequences.
double bytesPerStep(const model::Model& model, const DecodeBenchSettings& settings)
{
    const double tokens = static_cast<double>(settings.promptTokens) + 0.5 * static_cast<double>(settings.newTokens);
    return model::decodingWeightBytes(model) + static_cast<double>(settings.sequences) * tokens * static_cast<double>(model::cacheBytesPerToken(model));
}

// Of reading and writing together, which is what a copy does.
double bandwidth(const compute::Device& device)
{
    constexpr std::int64_t kBytes = std::int64_t { 1 } << 30;
    const torch::Tensor from = torch::zeros({ kBytes / 4 }, torch::TensorOptions(torch::kFloat32).device(device.place()));
    torch::Tensor to = torch::empty_like(from);
    const double seconds = bestSeconds(kGemmRepeats, [&] {
        to.copy_(from);
        device.synchronize();
    });
    return 2.0 * static_cast<double>(kBytes) / seconds;
}

void check(const DecodeBenchSettings& settings)
{
    if (settings.sequences <= 0 || settings.newTokens <= 0 || settings.promptTokens <= 0 || settings.repeats <= 0)
        throw Error(ErrorKind::Usage,
            concat("bench decode: expected positive numbers of sequences, new tokens, prompt tokens and repeats, found ",
                settings.sequences, ", ", settings.newTokens, ", ", settings.promptTokens, " and ", settings.repeats));
}

} // namespace

DecodeBenchResult measureDecode(const std::filesystem::path& modelFolder, const DecodeBenchSettings& settings, std::stop_token stop)
{
    check(settings);
    const model::Model model = model::benchModel({ modelFolder, settings.shape, settings.dtype, settings.device });

    RolloutOptions options;
    options.maxSequences = settings.sequences;
    options.cacheMegabytes = std::max(options.cacheMegabytes, cacheMegabytesFor(model, settings));
    options.usesGraphs = settings.usesGraphs;
    RolloutEngine engine(model, options);
    SamplingOptions sampling;
    sampling.maxNewTokens = settings.newTokens;
    sampling.ignoresEndTokens = true;
    const std::vector<RolloutRequest> requests = randomRequests(model.config(), settings);

    DecodeBenchResult result;
    result.seconds = std::numeric_limits<double>::infinity();
    for (std::int64_t i = 0; i < settings.repeats; ++i) {
        const double seconds = bestSeconds(1, [&] { engine.generate(requests, sampling, stop); });
        if (seconds >= result.seconds)
            continue;
        result.seconds = seconds;
        result.prefillSeconds = engine.statistics().prefillSeconds;
        result.decodeSeconds = engine.statistics().decodeSeconds;
        result.cacheBytes = engine.statistics().cacheBytes;
        result.decodeSteps = engine.statistics().decodeSteps;
        result.graphSteps = engine.statistics().graphSteps;
        result.graphProblem = engine.statistics().graphProblem;
    }
    result.tokensPerSecond = static_cast<double>(settings.sequences * settings.newTokens) / result.seconds;
    result.peakMegabytes = peakMegabytes();
    if (!model.options().device.isProcessor()) {
        result.bandwidthBytesPerSecond = bandwidth(model.options().device);
        result.bandwidthLimitTokensPerSecond = static_cast<double>(settings.sequences) * result.bandwidthBytesPerSecond / bytesPerStep(model, settings);
        return result;
    }
    result.gemmSecondsPerStep = atenProductSeconds(model, settings.sequences);
    result.gemmLimitTokensPerSecond = static_cast<double>(settings.sequences) / result.gemmSecondsPerStep;
    result.ownGemmLimitTokensPerSecond = static_cast<double>(settings.sequences) / ownProductSeconds(model, settings.sequences);
    result.instructionSet = kernels::nameOf(kernels::bestIsa());
    return result;
}

std::string benchDecode(const std::filesystem::path& modelFolder, const DecodeBenchSettings& settings, std::stop_token stop)
{
    const DecodeBenchResult result = measureDecode(modelFolder, settings, std::move(stop));
    nlohmann::json out = { { "tokens_per_second", result.tokensPerSecond }, { "seconds", result.seconds },
        { "prefill_seconds", result.prefillSeconds }, { "decode_seconds", result.decodeSeconds }, { "peak_megabytes", result.peakMegabytes },
        { "cache_bytes", result.cacheBytes }, { "sequences", settings.sequences }, { "new_tokens", settings.newTokens },
        { "prompt_tokens", settings.promptTokens }, { "dtype", settings.dtype }, { "device", settings.device },
        { "repeats", settings.repeats } };
    if (modelFolder.empty())
        out["shape"] = settings.shape;
    if (result.bandwidthBytesPerSecond > 0.0) {
        out["bandwidth_bytes_per_second"] = result.bandwidthBytesPerSecond;
        out["bandwidth_limit_tokens_per_second"] = result.bandwidthLimitTokensPerSecond;
        // The first token of each sequence comes from its prompt.
        const auto decoded = static_cast<double>(settings.sequences * (settings.newTokens - 1));
        out["share_of_bandwidth_limit"] = decoded / std::max(result.decodeSeconds, 1e-9) / result.bandwidthLimitTokensPerSecond;
        out["decode_steps"] = result.decodeSteps;
        out["graph_steps"] = result.graphSteps;
        if (!result.graphProblem.empty())
            out["graph_problem"] = result.graphProblem;
        return out.dump();
    }
    out["gemm_seconds_per_step"] = result.gemmSecondsPerStep;
    out["gemm_limit_tokens_per_second"] = result.gemmLimitTokensPerSecond;
    out["own_gemm_limit_tokens_per_second"] = result.ownGemmLimitTokensPerSecond;
    out["share_of_gemm_limit"] = result.tokensPerSecond / result.gemmLimitTokensPerSecond;
    out["instruction_set"] = result.instructionSet;
    out["threads"] = at::get_num_threads();
    return out.dump();
}

} // namespace midpoint::rollout
