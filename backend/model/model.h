// A decoder-only transformer (Qwen2, Qwen3, Llama): float32 master weights, the copies that computing reads, and the forward
// and backward pass over packed sequences. Gradients are written by hand (layer.h), so there is no autograd graph: a pass
// keeps what its backward needs and adds to the gradients of the masters.
#pragma once

#include "backend/compute/device.h"
#include "backend/core/rng.h"
#include "backend/model/model_config.h"
#include "backend/model/packed_batch.h"
#include "backend/model/safetensors.h"
#include "kernels/rotary.h"

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace midpoint::model {

struct ModelOptions {
    torch::ScalarType computeType = torch::kFloat32; // or kBFloat16, kHalf
    compute::Device device;               // where weights, activations and gradients lie
    bool activationCheckpointing = false; // keep only each layer's input and compute the layer again in the backward pass
};

// "float32", "bfloat16", "float16" (the key run.dtype); throws Error{Config}.
torch::ScalarType parseComputeType(const std::string& name);

// A weight of a Hugging Face file is a range of rows of one of our parameters (q, k and v lie together, gate and up too).
struct ParameterPart {
    std::string name; // "model.layers.0.self_attn.q_proj.weight"
    std::int64_t firstRow = 0;
    std::int64_t rows = 0;
};

// Where a backward pass, which goes from the last layer to the first, completes a gradient: a layer's number, the largest
// number for what stands above the last one, and this for the embedding.
inline constexpr std::int64_t kEmbeddingLayer = -1;

struct Parameter {
    std::string name;            // "layers.0.qkv.weight"
    torch::Tensor value = {};    // float32 master; undefined while its shards lie on several ranks (policy/adamw.h)
    torch::Tensor compute = {};  // the master itself when computing in float32, otherwise its rounded copy
    torch::Tensor gradient = {}; // float32, undefined until the first backward pass or zeroGradients()
    std::vector<ParameterPart> parts = {};
    std::int64_t layer = kEmbeddingLayer;
};

// The compute weights by role, for the rollout engine and the layers. Absent biases and norms are undefined tensors.
// All matrices are [out features, in features].
struct LayerWeights {
    torch::Tensor inputNorm;     // [hidden]
    torch::Tensor qkv, qkvBias;  // [queryRows + 2 kvRows, hidden]: all query heads, then key heads, then value heads
    torch::Tensor queryNorm, keyNorm; // [headDimension]
    torch::Tensor attentionOutput, attentionOutputBias; // [hidden, queryRows]
    torch::Tensor postNorm;      // [hidden]
    torch::Tensor gateUp, gateUpBias; // [2 intermediate, hidden]: gate rows, then up rows
    torch::Tensor down, downBias; // [hidden, intermediate]
};

struct Weights {
    torch::Tensor embedding; // [vocabulary, hidden]
    std::vector<LayerWeights> layers;
    torch::Tensor finalNorm; // [hidden]
    torch::Tensor head;      // [vocabulary, hidden]; the embedding itself when tied
};

enum class Entropy { No, Value, WithGradient };

struct ScoreOptions {
    double temperature = 1.0; // log-probs are log_softmax(logits / temperature)
    Entropy entropy = Entropy::No; // of the distribution at the same temperature, in nats
};

// One float32 number per scored token of the batch, in its order.
struct TokenScores {
    torch::Tensor logprobs;
    torch::Tensor entropy; // undefined with Entropy::No
};

struct BatchTensors; // batch_tensors.h
class ForwardPass; // activations of one batch, kept for its backward pass

class Model {
public:
    // Reads config.json, the weights and generation_config.json of a Hugging Face folder.
    static Model load(const std::filesystem::path& folder, const ModelOptions& options = {});
    // What load() would refuse, from config.json and the headers of the weights alone; the configuration. Throws Error{Model}.
    static ModelConfig checkFiles(const std::filesystem::path& folder);
    // Embeddings N(0, initializer_range of the configuration), matrices N(0, 0.6 / sqrt(fan_in)), biases 0, norms 1.
    static Model random(const ModelConfig& config, const RngKey& key, const ModelOptions& options = {});

    // Spread like those of random(), but drawn by LibTorch where they lie: fast for billions, and different on every machine. For
    // benchmarks.
    static Model sketch(const ModelConfig& config, const ModelOptions& options);

    Model(Model&&) noexcept;
    Model& operator=(Model&&) noexcept;
    ~Model();

    const ModelConfig& config() const;
    const ModelOptions& options() const;
    // The folder this model was loaded from; empty for a random one.
    const std::filesystem::path& folder() const;

    std::span<Parameter> parameters();
    std::span<const Parameter> parameters() const;
    const Weights& weights() const; // what every forward pass reads, here and in the rollout engine
    // cos and sin of position * inverse frequency, [maxPositions, headDimension / 2] float32, and the kernels' view of them.
    const torch::Tensor& rotaryCosine() const;
    const torch::Tensor& rotarySine() const;
    kernels::RotaryTable rotaryTable() const;
    // After the masters changed: rounds them into the compute copies (nothing to do in float32).
    void refreshComputeWeights();
    void zeroGradients();

    // A batch where the operations of this model read it; it has to outlive what is returned.
    BatchTensors tensorsOf(const PackedBatch& batch) const;
    bool usesFlashAttention() const;

    // Hidden states after the final norm, [tokens, hidden], in the compute type. No gradient.
    torch::Tensor hiddenStates(const PackedBatch& batch) const;
    // LM head in float32, [rows, vocabulary], for rows of hidden states. No gradient.
    torch::Tensor logits(const torch::Tensor& hidden) const;
    // Mean over positions of the hidden states of each sequence, [sequences, hidden] float32 on the processor. Sequences are
    // packed into batches of at most tokensPerBatch.
    torch::Tensor meanHidden(std::span<const std::vector<std::int32_t>> sequences, std::int64_t tokensPerBatch = 8192) const;
    // The same, followed by the hidden state of the last token: [sequences, 2 hidden].
    torch::Tensor meanAndLastHidden(
        std::span<const std::vector<std::int32_t>> sequences, std::int64_t tokensPerBatch = 8192) const;
    // Log-probs of the scored tokens without keeping anything.
    TokenScores score(const PackedBatch& batch, const ScoreOptions& options) const;

    // The training pass: scores now, gradients later. Each pass is used for one backward.
    std::unique_ptr<ForwardPass> forward(const PackedBatch& batch, const ScoreOptions& options) const;
    // Adds the gradient of a loss with d loss / d logprobs and (undefined: zero) d loss / d entropy to the parameters.
    // `completed` is called with Parameter::layer as soon as nothing more is added to the gradients of that layer.
    void backward(std::unique_ptr<ForwardPass> pass, const torch::Tensor& gradLogprobs, const torch::Tensor& gradEntropy = {},
        const std::function<void(std::int64_t layer)>& completed = {});

    // A Hugging Face folder: config.json as read with its dtype set, model.safetensors in `dtype`, generation_config.json,
    // and tokenizer files copied from `tokenizerFolder` (if not empty).
    void save(const std::filesystem::path& folder, torch::ScalarType dtype = torch::kFloat32,
        const std::filesystem::path& tokenizerFolder = {}) const;
    // The masters under their Hugging Face names (views, no copy), and replacing their values by those of such files.
    std::vector<NamedTensor> namedTensors() const;
    std::vector<NamedTensor> namedGradients() const;
    void readWeights(const std::filesystem::path& folder);

private:
    struct State;
    explicit Model(std::unique_ptr<State> state);
    torch::Tensor hiddenStates(const BatchTensors& tensors) const;
    std::unique_ptr<State> m_state;
};

class ForwardPass {
public:
    ForwardPass();
    ~ForwardPass();
    ForwardPass(const ForwardPass&) = delete;
    ForwardPass& operator=(const ForwardPass&) = delete;

    const TokenScores& scores() const;

private:
    friend class Model;
    struct Saved;
    std::unique_ptr<Saved> m_saved;
};

} // namespace midpoint::model
