#include "backend/config/checks.h"
#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace midpoint::config {
namespace {

namespace fs = std::filesystem;

class FileChecker {
public:
    explicit FileChecker(const LoadedConfig& loaded)
        : m_loaded(loaded)
    {
    }

    FileFindings run()
    {
        const RunConfig& config = m_loaded.config;
        checkModel(config.model.path);
        for (const std::string& path : config.data.trainFiles)
            checkData("data.train_files", path);
        for (const std::string& path : config.data.valFiles)
            checkData("data.val_files", path);
        const std::string& belief = config.selection.belief; // midpoint takes a trained predictor as its prior
        const bool usesPredictor = usesBelief(config) && (belief == "predictor" || belief == "midpoint");
        if (usesPredictor && !config.selection.predictorPath.empty())
            checkFile("selection.predictor_path", config.selection.predictorPath,
                "predictor weights, made by `midpoint predictor train`");
        if (usesPredictor && !config.selection.embeddingsPath.empty())
            checkFile("selection.embeddings_path", config.selection.embeddingsPath,
                "prompt embeddings, made by `midpoint predictor embed`");
        if (config.reward.kind == "external" && !config.reward.externalCommand.empty())
            checkProgram(config.reward.externalCommand.front());
        return std::move(m_findings);
    }

private:
    template <typename... Parts>
    void problem(const std::string& key, const Parts&... parts)
    {
        m_findings.problems.push_back({ key, placeOf(key), concat(parts...) });
    }

    std::string placeOf(const std::string& key) const
    {
        const Source source = m_loaded.sourceOf(key);
        return source.origin == Origin::Default ? std::string()
            : source.origin == Origin::File    ? source.where
                                               : describe(source);
    }

    bool checkFile(const std::string& key, const std::string& path, std::string_view what)
    {
        std::error_code error;
        if (!fs::exists(path, error))
            problem(key, "missing: ", path, " (expected ", what, ")");
        else if (!fs::is_regular_file(path, error))
            problem(key, "expected ", what, ", found a folder or device: ", path);
        else if (::access(path.c_str(), R_OK) != 0)
            problem(key, "not readable: ", path);
        else
            return true;
        return false;
    }

    void checkData(const std::string& key, const std::string& path)
    {
        const std::string extension = toLower(fs::path(path).extension().string());
        if (extension != ".jsonl" && extension != ".parquet")
            problem(key, "expected a .jsonl or .parquet file, found ", path);
        else
            checkFile(key, path, "a prompt set");
    }

    void checkProgram(const std::string& program)
    {
        const auto canRun = [](const fs::path& file) {
            std::error_code error;
            return ::access(file.c_str(), X_OK) == 0 && !fs::is_directory(file, error);
        };
        if (program.find('/') != std::string::npos) {
            if (!canRun(program))
                problem("reward.external_command", "missing or not executable: ", program);
            return;
        }
        const char* searched = std::getenv("PATH");
        for (const std::string& folder : split(searched == nullptr ? "" : searched, ':'))
            if (canRun(fs::path(folder) / program))
                return;
        problem("reward.external_command", "'", program, "' is in no folder of PATH");
    }

    void checkModel(const std::string& path);
    void checkCacheBudget(const fs::path& configFile);

    const LoadedConfig& m_loaded;
    FileFindings m_findings;
};

bool hasWeights(const fs::path& folder)
{
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error))
        if (entry.path().extension() == ".safetensors")
            return true;
    return false;
}

void FileChecker::checkModel(const std::string& path)
{
    std::error_code error;
    if (!fs::exists(path, error))
        return problem("model.path", "missing: ", path, " (expected a Hugging Face folder)");
    if (!fs::is_directory(path, error))
        return problem("model.path", "expected a Hugging Face folder, found a file: ", path);
    for (const char* name : { "config.json", "tokenizer.json" })
        if (!fs::exists(fs::path(path) / name, error))
            problem("model.path", "missing: ", (fs::path(path) / name).string());
    if (!hasWeights(path))
        problem("model.path", "missing: ", path, "/model.safetensors (no .safetensors file in the folder)");
    if (fs::exists(fs::path(path) / "config.json", error))
        checkCacheBudget(fs::path(path) / "config.json");
}

// One sequence of full length must fit into the key-value cache:
// bytes per token = 2 (key, value) x layers x key-value heads x head size x bytes per number.
void FileChecker::checkCacheBudget(const fs::path& configFile)
{
    const nlohmann::json model = nlohmann::json::parse(readFile(configFile), nullptr, false);
    const auto number = [&model](const char* name) {
        const auto found = model.find(name);
        return found != model.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
    };
    if (!model.is_object())
        return problem("model.path", "expected a JSON object in ", configFile.string());
    const std::int64_t layers = number("num_hidden_layers");
    const std::int64_t heads = number("num_attention_heads");
    const std::int64_t keyValueHeads = number("num_key_value_heads") > 0 ? number("num_key_value_heads") : heads;
    if (layers <= 0 || heads <= 0 || (number("head_dim") <= 0 && number("hidden_size") <= 0))
        return problem("model.path", "expected num_hidden_layers, num_attention_heads and hidden_size in ", configFile.string());
    const std::int64_t headSize = number("head_dim") > 0 ? number("head_dim") : number("hidden_size") / heads;
    const RunConfig& config = m_loaded.config;
    const std::int64_t numberBytes = config.run.dtype == "float32" ? 4 : 2;
    const std::int64_t tokenBytes = 2 * layers * keyValueHeads * headSize * numberBytes;
    const std::int64_t longest = config.data.maxPromptTokens + config.rollout.maxNewTokens;
    const std::int64_t block = config.rollout.kvBlockTokens;
    const std::int64_t needed = (longest + block - 1) / block * block * tokenBytes;
    constexpr std::int64_t kMegabyte = 1'000'000;
    if (config.rollout.kvCacheMegabytes > 0 && needed > config.rollout.kvCacheMegabytes * kMegabyte)
        problem("rollout.kv_cache_megabytes", "expected room for one sequence of data.max_prompt_tokens + rollout.max_new_tokens = ",
            longest, " tokens in blocks of ", block, " at ", tokenBytes, " bytes per token (2 x ", layers, " layers x ", keyValueHeads,
            " heads x ", headSize, " x ", numberBytes, " bytes) = ", formatBytes(static_cast<std::uint64_t>(needed)), ", found ",
            config.rollout.kvCacheMegabytes, " MB");
    const std::int64_t positions = number("max_position_embeddings");
    if (positions > 0 && longest > positions)
        m_findings.warnings.push_back({ "rollout.max_new_tokens", placeOf("rollout.max_new_tokens"),
            concat("data.max_prompt_tokens + rollout.max_new_tokens = ", config.data.maxPromptTokens, " + ",
                config.rollout.maxNewTokens, " = ", longest, " is more than the model's max_position_embeddings = ", positions) });
}

} // namespace

FileFindings checkFiles(const LoadedConfig& loaded)
{
    return FileChecker(loaded).run();
}

std::vector<Problem> requireFiles(const LoadedConfig& loaded)
{
    FileFindings findings = checkFiles(loaded);
    if (!findings.problems.empty())
        throwProblems(loaded.file.string(), findings.problems);
    return std::move(findings.warnings);
}

} // namespace midpoint::config
