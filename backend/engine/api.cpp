#include "backend/engine/api.h"

#include "backend/core/error.h"
#include "backend/core/file_error.h"
#include "backend/engine/model_files.h"
#include "backend/engine/rank.h"
#include "backend/engine/tools.h"
#include "backend/engine/warmup.h"

namespace midpoint::engine {
namespace {

// The border where exceptions of LibTorch and of the file system become ours.
template <typename Work>
auto guarded(Work work)
{
    try {
        return work();
    } catch (const c10::Error& error) {
        throw Error(ErrorKind::Internal, error.what_without_backtrace());
    } catch (const std::filesystem::filesystem_error& error) {
        throw fileError(error);
    }
}

class Api final : public EngineApi {
public:
    RankResult runRank(const RankOptions& options, Session& session) override
    {
        return guarded([&] { return engine::runRank(options, session); });
    }
    std::string evaluate(const EvalOptions& options, Session& session) override
    {
        return guarded([&] { return evaluateCheckpoint(options, session); });
    }
    std::vector<Generated> generate(const GenerateOptions& options, Session& session) override
    {
        return guarded([&] { return generateTexts(options, session); });
    }
    std::string warmup(const WarmupOptions& options, Session& session) override
    {
        return guarded([&] {
            WarmupConfig config = loadWarmupConfig(options.configFile, options.overrides);
            if (!options.outFolder.empty())
                config.out = options.outFolder;
            return runWarmup(config, session);
        });
    }
    void exportModel(const ExportOptions& options, Session& session) override
    {
        guarded([&] { engine::exportModel(options, session); });
    }
    std::string benchDecode(const DecodeBenchOptions& options, Session& session) override
    {
        return guarded([&] { return engine::benchDecode(options, session); });
    }
    std::string benchStep(const StepBenchOptions& options, Session& session) override
    {
        return guarded([&] { return engine::benchStep(options, session); });
    }
    std::string benchSelect(const SelectBenchOptions& options, Session& session) override
    {
        return guarded([&] { return engine::benchSelect(options, session); });
    }
    std::string predictorEmbed(const EmbedOptions& options, Session& session) override
    {
        return guarded([&] { return embedPromptSet(options, session); });
    }
    std::string predictorTrain(const PredictorTrainOptions& options, Session& session) override
    {
        return guarded([&] { return trainPredictorFile(options, session); });
    }
    std::string predictorEval(const PredictorEvalOptions& options, Session& session) override
    {
        return guarded([&] { return evaluatePredictorFile(options, session); });
    }
    void checkModelFiles(const std::filesystem::path& folder) override
    {
        guarded([&] { engine::checkModelFiles(folder); });
    }
    std::string describeDevices() override
    {
        return guarded([&] { return engine::describeDevices(); });
    }
    std::string checkAllReduce(const std::vector<std::string>& devices) override
    {
        return guarded([&] { return engine::checkAllReduce(devices); });
    }
};

} // namespace
} // namespace midpoint::engine

extern "C" midpoint::engine::EngineApi* midpoint_engine_api()
{
    static midpoint::engine::Api api;
    return &api;
}
