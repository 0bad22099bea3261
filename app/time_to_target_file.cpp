#include "app/time_to_target_file.h"

#include "backend/core/error.h"
#include "backend/core/text.h"

#include <toml++/toml.h>

#include <algorithm>
#include <set>

namespace midpoint::app {
namespace {

// One table: every key is asked for once, what is left over is unknown.
class Keys {
public:
    Keys(const toml::table& table, std::string file)
        : m_table(table)
        , m_file(std::move(file))
    {
    }

    template <typename Value>
    std::optional<Value> find(const std::string& key, const char* what)
    {
        m_known.push_back(key);
        const toml::node* node = m_table.get(key);
        if (node == nullptr)
            return std::nullopt;
        if (const auto value = node->value<Value>())
            return value;
        fail(*node, concat(key, ": expected ", what));
    }
    template <typename Value>
    std::vector<Value> list(const std::string& key, const char* what)
    {
        m_known.push_back(key);
        std::vector<Value> values;
        const toml::node* node = m_table.get(key);
        if (node == nullptr)
            return values;
        const toml::array* items = node->as_array();
        if (items == nullptr)
            fail(*node, concat(key, ": expected a list of ", what));
        for (const toml::node& item : *items) {
            const auto value = item.value<Value>();
            if (!value)
                fail(item, concat(key, ": expected a list of ", what));
            values.push_back(*value);
        }
        return values;
    }
    const toml::node* take(const std::string& key)
    {
        m_known.push_back(key);
        return m_table.get(key);
    }
    void allow(const std::string& key) { m_known.push_back(key); }
    void refuseUnknown() const
    {
        for (const auto& [key, node] : m_table) {
            const std::string name(key.str());
            if (std::find(m_known.begin(), m_known.end(), name) != m_known.end())
                continue;
            const auto nearest = nearestName(name, m_known);
            fail(node, concat("unknown key '", name, "'", nearest ? concat("; did you mean '", *nearest, "'?") : std::string()));
        }
    }
    [[noreturn]] void fail(const toml::node& node, const std::string& message) const
    {
        throw Error(ErrorKind::Config, concat(m_file, ":", node.source().begin.line, ": ", message));
    }
    [[noreturn]] void fail(const std::string& message) const { fail(m_table, message); }

private:
    const toml::table& m_table;
    std::string m_file;
    std::vector<std::string> m_known;
};

std::string found(const toml::node& node)
{
    if (const auto text = node.value<std::string>())
        return concat("'", *text, "'");
    if (const auto number = node.value<double>())
        return shortest(*number);
    return "something else";
}

// "plateau" is nothing: it is found when the baseline has run.
std::optional<double> readTarget(const Keys& keys, const std::string& key, const toml::node& node, bool isAccuracy)
{
    if (node.value<std::string>() == std::optional<std::string>("plateau"))
        return std::nullopt;
    const auto value = node.value<double>();
    if (!value || (isAccuracy && !(*value > 0.0 && *value <= 1.0)))
        keys.fail(node, concat(key, ": expected \"plateau\" or ", isAccuracy ? "an accuracy in (0, 1]" : "a number", ", found ", found(node)));
    return value;
}

std::vector<std::optional<double>> readTargets(Keys& keys, bool isAccuracy)
{
    const toml::node* one = keys.take("target");
    const toml::node* several = keys.take("targets");
    if (one != nullptr && several != nullptr)
        keys.fail(*several, "targets: expected target or targets, found both");
    if (one != nullptr)
        return { readTarget(keys, "target", *one, isAccuracy) };
    if (several == nullptr)
        return { std::nullopt };
    const toml::array* items = several->as_array();
    if (items == nullptr || items->empty())
        keys.fail(*several, "targets: expected a list with \"plateau\" or numbers, such as [\"plateau\", 0.92]");
    std::vector<std::optional<double>> targets;
    for (const toml::node& item : *items) {
        const std::optional<double> target = readTarget(keys, "targets", item, isAccuracy);
        if (std::find(targets.begin(), targets.end(), target) != targets.end())
            keys.fail(item, concat("targets: expected each once, found ", found(item), " twice"));
        targets.push_back(target);
    }
    return targets;
}

PlannedMethod readMethod(const toml::table& table, const std::filesystem::path& file, const std::vector<std::string>& shared)
{
    Keys keys(table, file.string());
    PlannedMethod method;
    const auto name = keys.find<std::string>("name", "a text");
    const auto config = keys.find<std::string>("config", "the path of a configuration");
    if (!name || name->empty() || name->find('/') != std::string::npos)
        keys.fail("expected a method with a name (it becomes a folder) ");
    if (!config)
        keys.fail(concat("method '", *name, "': expected config, the path of a configuration"));
    method.name = *name;
    method.config = std::filesystem::absolute(file.parent_path() / *config).lexically_normal();
    method.overrides = shared;
    for (const std::string& override : keys.list<std::string>("overrides", "texts \"key=value\""))
        method.overrides.push_back(override);
    method.learningRates = keys.list<double>("learning_rates", "numbers");
    method.learningRateOf = keys.find<std::string>("learning_rate_of", "the name of a method").value_or("");
    method.setupSeconds = keys.find<double>("setup_seconds", "a number").value_or(0.0);
    keys.refuseUnknown();
    return method;
}

bool triesRates(const std::vector<PlannedMethod>& methods, const std::string& name)
{
    return std::any_of(methods.begin(), methods.end(),
        [&](const PlannedMethod& method) { return method.name == name && !method.learningRates.empty(); });
}

toml::table parse(const std::filesystem::path& file)
{
    try {
        return toml::parse_file(file.string());
    } catch (const toml::parse_error& error) {
        throw Error(ErrorKind::Config, concat(file.string(), ":", error.source().begin.line, ": ", error.description()));
    }
}

} // namespace

TimeToTargetPlan readTimeToTargetPlan(const std::filesystem::path& file)
{
    const toml::table root = parse(file);
    Keys keys(root, file.string());
    TimeToTargetPlan plan;
    plan.rule.baseline = keys.find<std::string>("baseline", "the name of a method").value_or("");
    plan.rule.metric = keys.find<std::string>("metric", "a text").value_or("");
    plan.rule.targets = readTargets(keys, plan.rule.metric.empty() || plan.rule.metric.find("/acc/") != std::string::npos);
    plan.rule.smoothing = keys.find<double>("smoothing", "a number").value_or(plan.rule.smoothing);
    plan.seeds = keys.list<std::int64_t>("seeds", "integers");
    plan.scanOverrides = keys.list<std::string>("scan_overrides", "texts \"key=value\"");
    plan.scanSeeds = keys.list<std::int64_t>("scan_seeds", "integers");
    const std::vector<std::string> shared = keys.list<std::string>("overrides", "texts \"key=value\"");
    keys.allow("method");
    keys.refuseUnknown();
    if (plan.seeds.empty())
        keys.fail("expected seeds, a list with at least one integer");
    for (const std::int64_t seed : plan.scanSeeds)
        if (std::find(plan.seeds.begin(), plan.seeds.end(), seed) != plan.seeds.end())
            keys.fail(concat("scan_seeds: expected seeds that are not in seeds, found ", seed, "; a rate chosen on a seed flatters it"));
    if (!(plan.rule.smoothing >= 0.0 && plan.rule.smoothing < 1.0))
        keys.fail(concat("smoothing: expected a number in [0, 1), found ", plan.rule.smoothing));
    std::set<std::string> names;
    if (const toml::array* methods = root["method"].as_array())
        for (const toml::node& item : *methods)
            if (const toml::table* table = item.as_table()) {
                plan.methods.push_back(readMethod(*table, file, shared));
                const std::string& other = plan.methods.back().learningRateOf;
                if (!other.empty() && !triesRates(plan.methods, other))
                    keys.fail(item, concat("learning_rate_of: expected a method with learning_rates that stands above, found '", other, "'"));
                if (!names.insert(plan.methods.back().name).second)
                    keys.fail(item, concat("method '", plan.methods.back().name, "' stands twice"));
            }
    if (plan.methods.empty())
        keys.fail("expected at least one [[method]]");
    for (const PlannedMethod& method : plan.methods)
        if (!method.learningRates.empty() && plan.scanSeeds.empty())
            keys.fail(concat("method '", method.name, "' has learning_rates: expected scan_seeds to try them on"));
    if (plan.rule.baseline.empty())
        plan.rule.baseline = plan.methods.front().name;
    if (!names.contains(plan.rule.baseline))
        keys.fail(concat("baseline: expected the name of a method, found '", plan.rule.baseline, "'"));
    return plan;
}

} // namespace midpoint::app
