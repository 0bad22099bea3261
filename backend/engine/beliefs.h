// Puts belief and strategy together as the configuration says, and makes the embeddings that a belief needs.
#pragma once

#include "backend/engine/run_parts.h"
#include "backend/predictor/training.h"

#include <memory>

namespace midpoint::engine {

// Throws Error{Config} for a belief or strategy that does not exist or lacks a file.
std::unique_ptr<difficulty::Selector> makeSelector(const RunParts& parts, Session& session);

// The embeddings of the pool by the run's starting model, made once and kept in the run folder.
std::filesystem::path ensureEmbeddings(const RunParts& parts, predictor::Pooling pooling, Session& session);

predictor::Backbone backboneOf(const model::Model& model, predictor::Pooling pooling); // uses the model

} // namespace midpoint::engine
