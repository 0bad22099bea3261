#include "backend/engine/warmup.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

#include <toml++/toml.h>

#include <set>

namespace midpoint::engine {
namespace {

// Reads keys of one table and remembers which were asked for, so that what is left is unknown.
class TableReader {
public:
    TableReader(const toml::table& table, std::string file, std::string prefix)
        : m_table(table)
        , m_file(std::move(file))
        , m_prefix(std::move(prefix))
    {
    }

    template <typename Value>
    void read(const std::string& key, Value& value)
    {
        m_known.push_back(key);
        const toml::node* node = m_table.get(key);
        if (node == nullptr)
            return;
        if constexpr (std::is_same_v<Value, double>) {
            if (const auto found = node->value<double>())
                return void(value = *found);
            fail(*node, key, "a number");
        } else if constexpr (std::is_same_v<Value, std::int64_t>) {
            if (const auto* found = node->as_integer())
                return void(value = found->get());
            fail(*node, key, "an integer");
        } else {
            if (const auto* found = node->as_string())
                return void(value = found->get());
            fail(*node, key, "a text in quotes");
        }
    }
    void readPath(const std::string& key, std::filesystem::path& value, const std::filesystem::path& folder)
    {
        std::string text;
        read(key, text);
        if (!text.empty())
            value = folder / text; // an absolute path replaces the folder
    }
    void allow(const std::string& key) { m_known.push_back(key); }
    void refuseUnknown() const
    {
        for (const auto& [key, node] : m_table) {
            const std::string name(key.str());
            if (std::find(m_known.begin(), m_known.end(), name) != m_known.end())
                continue;
            const auto nearest = nearestName(name, m_known);
            throw Error(ErrorKind::Config, concat(m_file, ":", node.source().begin.line, ": unknown key '", m_prefix, name, "'",
                                               nearest ? concat("; did you mean '", m_prefix, *nearest, "'?") : std::string()));
        }
    }
    template <typename Value>
    void require(const std::string& key, bool isGood, const std::string& expected, const Value& found) const
    {
        if (!isGood)
            throw Error(ErrorKind::Config, concat(m_file, ": ", m_prefix, key, ": expected ", expected, ", found ", found));
    }

private:
    [[noreturn]] void fail(const toml::node& node, const std::string& key, const char* expected) const
    {
        std::ostringstream found;
        node.visit([&](const auto& value) { found << value; });
        throw Error(ErrorKind::Config, concat(m_file, ":", node.source().begin.line, ": ", m_prefix, key, ": expected ", expected,
                                           ", found ", found.str()));
    }
    const toml::table& m_table;
    std::string m_file;
    std::string m_prefix;
    std::vector<std::string> m_known;
};

toml::table parse(const std::filesystem::path& file, const std::vector<std::string>& overrides)
{
    try {
        toml::table table = toml::parse_file(file.string());
        for (const std::string& text : overrides) // top-level keys only: seed=2 out=other
            for (auto&& [key, node] : toml::parse(text, "override '" + text + "'"))
                table.insert_or_assign(key, node);
        return table;
    } catch (const toml::parse_error& error) {
        throw Error(ErrorKind::Config, concat(file.string(), ":", error.source().begin.line, ": ", error.description()));
    }
}

void readStages(const toml::table& table, const std::filesystem::path& file, WarmupConfig& config)
{
    const toml::array* stages = table["stage"].as_array();
    if (stages == nullptr || stages->empty() || !stages->is_array_of_tables())
        throw Error(ErrorKind::Config, concat(file.string(), ": stage: expected at least one [[stage]] table, found none"));
    for (const toml::node& node : *stages) {
        WarmupStage stage;
        stage.name = concat(config.stages.size() + 1);
        TableReader reader(*node.as_table(), file.string(), concat("stage[", config.stages.size(), "]."));
        reader.read("name", stage.name);
        reader.read("steps", stage.steps);
        reader.read("learning_rate", stage.learningRate);
        reader.readPath("data", stage.data, file.parent_path());
        reader.refuseUnknown();
        reader.require("steps", stage.steps >= 1, "at least 1", stage.steps);
        reader.require("learning_rate", stage.learningRate > 0.0, "a number above 0", stage.learningRate);
        reader.require("data", !stage.data.empty(), "a JSONL file of demonstrations", "nothing");
        config.stages.push_back(std::move(stage));
    }
}

void readCheck(const toml::table& table, const std::filesystem::path& file, WarmupCheck& check)
{
    const toml::table* section = table["check"].as_table();
    if (section == nullptr)
        return;
    TableReader reader(*section, file.string(), "check.");
    reader.readPath("data", check.data, file.parent_path());
    reader.read("samples_per_prompt", check.samplesPerPrompt);
    reader.read("temperature", check.temperature);
    reader.read("max_new_tokens", check.maxNewTokens);
    reader.read("reward", check.reward);
    reader.read("pattern", check.pattern);
    reader.refuseUnknown();
    reader.require("samples_per_prompt", check.samplesPerPrompt >= 1, "at least 1", check.samplesPerPrompt);
    reader.require("max_new_tokens", check.maxNewTokens >= 1, "at least 1", check.maxNewTokens);
    reader.require("temperature", check.temperature >= 0.0, "0 or more", check.temperature);
}

} // namespace

WarmupConfig loadWarmupConfig(const std::filesystem::path& file, const std::vector<std::string>& overrides)
{
    const std::filesystem::path absolute = std::filesystem::absolute(file);
    if (!std::filesystem::exists(absolute))
        throw Error(ErrorKind::Config, concat(file.string(), ": expected a warm-up configuration, found no such file"));
    const toml::table table = parse(absolute, overrides);
    const std::filesystem::path folder = absolute.parent_path();

    WarmupConfig config;
    TableReader reader(table, file.string(), "");
    reader.readPath("model_config", config.modelConfig, folder);
    reader.readPath("model", config.model, folder);
    reader.readPath("tokenizer", config.tokenizer, folder);
    reader.readPath("out", config.out, folder);
    reader.read("dtype", config.dtype);
    reader.read("seed", config.seed);
    reader.read("device", config.device);
    reader.read("threads", config.threads);
    reader.read("batch", config.batch);
    reader.read("warmup_steps", config.warmupSteps);
    reader.read("beta1", config.beta1);
    reader.read("beta2", config.beta2);
    reader.read("weight_decay", config.weightDecay);
    reader.read("gradient_clip", config.gradientClip);
    reader.allow("stage");
    reader.allow("check");
    reader.refuseUnknown();
    reader.require("model_config", config.modelConfig.empty() != config.model.empty(),
        "either model_config (a new model) or model (a folder to go on from)",
        config.model.empty() ? "neither" : "both");
    reader.require("tokenizer", !config.tokenizer.empty(), "a tokenizer.json", "nothing");
    reader.require("out", !config.out.empty(), "a folder for the result", "nothing");
    reader.require("batch", config.batch >= 1, "at least 1", config.batch);
    reader.require("threads", config.threads >= 0, "0 (OMP_NUM_THREADS or all cores) or more", config.threads);
    reader.require("warmup_steps", config.warmupSteps >= 0, "0 or more", config.warmupSteps);
    readStages(table, absolute, config);
    readCheck(table, absolute, config.check);
    return config;
}

} // namespace midpoint::engine
