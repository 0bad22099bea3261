#include "backend/config/layer.h"

#include "backend/core/text.h"

#include <algorithm>
#include <toml++/toml.h>

namespace midpoint::config {
namespace {

std::string lineOf(const std::string& name, const toml::source_region& source)
{
    return concat(name, ":", source.begin.line);
}

std::optional<Value> valueOf(const toml::node& node)
{
    if (const auto* boolean = node.as_boolean())
        return Value(boolean->get());
    if (const auto* integer = node.as_integer())
        return Value(integer->get());
    if (const auto* number = node.as_floating_point())
        return Value(number->get());
    if (const auto* text = node.as_string())
        return Value(text->get());
    const toml::array* array = node.as_array();
    if (array == nullptr)
        return std::nullopt;
    std::vector<std::string> texts;
    for (const toml::node& element : *array) {
        if (!element.is_string())
            return std::nullopt;
        texts.push_back(element.as_string()->get());
    }
    return Value(std::move(texts));
}

std::string shown(const toml::node& node)
{
    std::ostringstream out;
    if (node.is_table())
        return "a table";
    node.visit([&out](const auto& concrete) { out << concrete; });
    return out.str();
}

void flatten(const toml::table& table, const std::string& prefix, const std::string& file, Origin origin, Layer& layer)
{
    for (const auto& [key, node] : table) {
        const std::string name = prefix + std::string(key.str());
        const toml::table* inner = node.as_table();
        if (inner != nullptr && !inner->empty()) {
            flatten(*inner, name + ".", file, origin, layer);
            continue;
        }
        const bool isKnownSection = inner != nullptr && std::any_of(schema().begin(), schema().end(),
                                        [&name](const Setting& setting) { return setting.section() == name; });
        if (isKnownSection)
            continue; // an empty section says nothing and does no harm
        Given given;
        given.name = name;
        given.where = lineOf(file, node.source());
        given.source = { origin, origin == Origin::Preset ? file : given.where };
        given.value = valueOf(node);
        given.text = given.value ? toToml(*given.value) : shown(node);
        layer.given.push_back(std::move(given));
    }
}

// Moves the name `preset`, which is no setting, out of the list.
void takePreset(Layer& layer, std::vector<Problem>& problems)
{
    for (const Given& given : layer.given) {
        if (given.name != "preset")
            continue;
        const std::optional<Value> value
            = given.isOverride ? parseValue(ValueType::Text, given.text) : given.value;
        const auto* text = value ? std::get_if<std::string>(&*value) : nullptr;
        if (text == nullptr)
            problems.push_back({ "preset", given.where, concat("expected the name of a preset, found ", given.text) });
        else {
            layer.preset = *text;
            layer.presetWhere = given.where;
        }
    }
    std::erase_if(layer.given, [](const Given& given) { return given.name == "preset"; });
}

std::string absolutePath(const std::string& text, const std::filesystem::path& folder)
{
    const std::filesystem::path path(text);
    if (text.empty() || path.is_absolute())
        return text;
    return (folder / path).lexically_normal().string();
}

void resolvePaths(PathKind kind, const std::filesystem::path& folder, Value& value)
{
    if (kind == PathKind::None || folder.empty())
        return;
    if (auto* text = std::get_if<std::string>(&value))
        *text = absolutePath(*text, folder);
    auto* list = std::get_if<std::vector<std::string>>(&value);
    if (list == nullptr)
        return;
    if (kind != PathKind::Program) {
        for (std::string& text : *list)
            text = absolutePath(text, folder);
    } else if (!list->empty() && list->front().find('/') != std::string::npos)
        list->front() = absolutePath(list->front(), folder); // a bare program name is looked up in PATH
}

// The value that a name stands for under this alias, or nothing when it cannot be read as the setting's type.
std::optional<Value> valueFor(const NamedSetting& named, const Given& given)
{
    const ValueType type = named.setting->type;
    if (named.alias != nullptr) {
        const std::string plain = given.value ? toPlainText(*given.value) : std::string(trim(given.text));
        for (const auto& [found, meant] : named.alias->meanings)
            if (found == plain)
                return parseValue(type, meant);
    }
    if (given.isOverride)
        return parseValue(type, given.text);
    return given.value ? convertValue(type, *given.value) : std::nullopt;
}

struct Assigned {
    Value value;
    const Given* given = nullptr;
    bool yields = false;
};

std::string expectedText(const NamedSetting& named)
{
    std::string text = expectation(*named.setting);
    if (named.alias != nullptr && !named.alias->meanings.empty()) {
        std::vector<std::string> names;
        for (const auto& meaning : named.alias->meanings)
            names.push_back(meaning.first);
        text += concat(", or as '", named.alias->name, "' ", join(names, ", "));
    }
    return text;
}

std::string asFound(const Given& given)
{
    return given.isOverride ? concat("'", given.text, "'") : given.text;
}

// Sets one value in `assigned`, or says why it contradicts what the same layer has already said.
void assign(const NamedSetting& named, const Given& given, Value value, std::map<const Setting*, Assigned>& assigned,
    std::vector<Problem>& problems)
{
    const bool yields = named.alias != nullptr && named.alias->yields;
    const auto [place, isNew] = assigned.try_emplace(named.setting, Assigned { value, &given, yields });
    if (isNew)
        return;
    Assigned& earlier = place->second;
    if (yields && !earlier.yields)
        return;
    const bool isSameName = earlier.given->name == given.name; // only an override can be repeated; the last one holds
    if (isSameName || (earlier.yields && !yields) || earlier.value == value)
        earlier = { std::move(value), &given, yields };
    else
        problems.push_back({ named.setting->key, given.where,
            concat("'", given.name, "' = ", asFound(given), " contradicts '", earlier.given->name, "' = ",
                asFound(*earlier.given), " (", earlier.given->where, "): both name this setting") });
}

} // namespace

Layer readToml(std::string_view text, const std::string& name, Origin origin, std::vector<Problem>& problems)
{
    Layer layer;
    try {
        const toml::table table = toml::parse(text);
        flatten(table, "", name, origin, layer);
    } catch (const toml::parse_error& error) {
        problems.push_back({ "", lineOf(name, error.source()), concat("not valid TOML: ", error.description()) });
        return layer;
    }
    // toml++ sorts keys by name; messages should come in the order of the text.
    std::stable_sort(layer.given.begin(), layer.given.end(), [](const Given& left, const Given& right) {
        const auto line = [](const Given& given) { return std::stol(given.where.substr(given.where.rfind(':') + 1)); };
        return line(left) < line(right);
    });
    takePreset(layer, problems);
    return layer;
}

Layer readOverrides(std::span<const std::string> overrides, std::vector<Problem>& problems)
{
    Layer layer;
    for (const std::string& text : overrides) {
        const std::size_t equals = text.find('=');
        const std::string where = concat("override '", text, "'");
        if (equals == std::string::npos || equals == 0) {
            problems.push_back({ "", where, "expected key=value" });
            continue;
        }
        Given given;
        given.name = std::string(trim(std::string_view(text).substr(0, equals)));
        given.source = { Origin::Override, text };
        given.where = where;
        given.text = std::string(trim(std::string_view(text).substr(equals + 1)));
        given.isOverride = true;
        layer.given.push_back(std::move(given));
    }
    takePreset(layer, problems);
    return layer;
}

void applyLayer(const Layer& layer, const std::filesystem::path& folder, LoadedConfig& loaded, std::vector<Problem>& problems)
{
    std::map<const Setting*, Assigned> assigned;
    for (const Given& given : layer.given) {
        const std::vector<NamedSetting> named = settingsNamed(given.name);
        if (named.empty())
            problems.push_back({ "", given.where, unknownNameMessage(given.name) });
        for (const NamedSetting& each : named) {
            std::optional<Value> value = valueFor(each, given);
            if (!value || !isInRange(*each.setting, *value)) {
                problems.push_back({ each.setting->key, given.where,
                    concat(each.alias != nullptr ? concat("(given as '", given.name, "') ") : "", "expected ",
                        expectedText(each), ", found ", asFound(given)) });
                break; // the same name would fail in the same way for its other setting
            }
            resolvePaths(each.setting->range.path, folder, *value);
            assign(each, given, std::move(*value), assigned, problems);
        }
    }
    for (const auto& [setting, value] : assigned) {
        setting->write(loaded.config, value.value);
        loaded.sources[setting->key] = value.given->source;
    }
}

} // namespace midpoint::config
