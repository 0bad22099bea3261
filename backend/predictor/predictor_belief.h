// The belief of DOTS: measured references, attention predictor, calibration. No LibTorch here.
#pragma once

#include "backend/difficulty/belief.h"
#include "backend/difficulty/calibration.h"
#include "backend/difficulty/features.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

namespace midpoint::predictor {

// How the measured references themselves are estimated.
enum class ReferenceEstimate {
    Measured, // their measured success rate (the paper)
    Predicted, // what the predictor says, as for every prompt (the released code)
};

struct PredictorBeliefOptions {
    std::filesystem::path predictor; // safetensors of `midpoint predictor train`
    std::filesystem::path embeddings; // safetensors of `midpoint predictor embed`
    difficulty::CalibrationKind calibration = difficulty::CalibrationKind::Platt;
    ReferenceEstimate referenceEstimate = ReferenceEstimate::Measured;
    bool hasReferenceRollouts = true; // false: the newest groups of any purpose serve as references
    std::int64_t recentReferences = 256; // how many of them
};

// Throws Error{Config} naming the commands that make a missing file, Error{Data} when prompts have no embedding. The
// pool must outlive the belief.
std::unique_ptr<difficulty::Belief> makePredictorBelief(
    const PredictorBeliefOptions& options, const difficulty::PromptPool& pool);

// The embeddings of all prompts of the pool in its order, read from the file when asked for. Errors as above.
difficulty::EmbeddingRows poolEmbeddingRows(const std::filesystem::path& path, const difficulty::PromptPool& pool);
// The same in memory.
struct PoolEmbeddings {
    std::vector<float> values; // [pool size, dimension]
    std::int64_t dimension = 0;
};
PoolEmbeddings readPoolEmbeddings(const std::filesystem::path& path, const difficulty::PromptPool& pool);

} // namespace midpoint::predictor
