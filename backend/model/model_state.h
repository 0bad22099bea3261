// What Model and ForwardPass hold; shared by the .cpp files that implement them.
#pragma once

#include "backend/model/attention_choice.h"
#include "backend/model/layer.h"
#include "backend/model/parameters.h"
#include "backend/model/scoring.h"

namespace midpoint::model {

struct Model::State {
    ModelConfig config;
    ModelOptions options;
    std::filesystem::path folder;
    std::vector<ParameterSlot> slots;
    std::vector<Parameter> parameters;
    Weights weights;   // of the compute type
    Weights gradients; // bound once they exist
    torch::Tensor rotaryCosine, rotarySine;
    std::unique_ptr<const VarlenKernel> attention; // null: the operations of the device

    void ensureGradients();
};

struct ForwardPass::Saved {
    PackedBatch batch;
    std::unique_ptr<const BatchTensors> tensors; // of the batch
    ScoreOptions options;
    std::vector<LayerActivations> layers; // with activation checkpointing only x is filled
    torch::Tensor last;                   // output of the last layer
    torch::Tensor finalInverse;
    torch::Tensor hidden;                 // after the final norm
    Scored scored;
};

} // namespace midpoint::model
