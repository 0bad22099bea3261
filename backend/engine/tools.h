// What the engine does besides training: evaluate, generate, export, embed, train and judge predictors, benchmarks.
#pragma once

#include "backend/engine/api.h"

namespace midpoint::engine {

std::string evaluateCheckpoint(const EvalOptions& options, Session& session);
std::vector<Generated> generateTexts(const GenerateOptions& options, Session& session);
void exportModel(const ExportOptions& options, Session& session);

std::string embedPromptSet(const EmbedOptions& options, Session& session);
std::string trainPredictorFile(const PredictorTrainOptions& options, Session& session);
std::string evaluatePredictorFile(const PredictorEvalOptions& options, Session& session);

std::string benchDecode(const DecodeBenchOptions& options, Session& session);
std::string benchStep(const StepBenchOptions& options, Session& session);
std::string benchSelect(const SelectBenchOptions& options, Session& session);

std::string describeDevices();
std::string checkAllReduce(const std::vector<std::string>& devices);

// A checkpoint or model folder itself, or the newest complete checkpoint of a run folder. Throws Error{Checkpoint}.
std::filesystem::path resolveModelFolder(const std::filesystem::path& path, LogSink& log);

} // namespace midpoint::engine
