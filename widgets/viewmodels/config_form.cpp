// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/viewmodels/config_form.h"

#include "backend/config/checks.h"
#include "backend/config/resolved.h"
#include "backend/core/files.h"
#include "backend/core/text.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace midpoint::gui {

namespace {

constexpr std::size_t kMaximumUndo = 100;

config::ConfigReport readForm(const std::filesystem::path& file, const std::string& preset, const std::vector<std::string>& overrides)
{
    if (!file.empty())
        return config::readConfig(file, overrides);
    const config::ConfigInput input { concat("preset = ", config::quoted(preset), "\n"), preset, std::filesystem::current_path() };
    return config::readConfigText(input, overrides);
}

std::map<std::string, std::string> valuesOf(const config::RunConfig& settings)
{
    std::map<std::string, std::string> values;
    for (const config::Setting& setting : config::schema())
        values[setting.key] = config::toPlainText(setting.read(settings));
    return values;
}

} // namespace

std::optional<double> parameterCountOf(const std::filesystem::path& modelFolder)
{
    try {
        const auto json = nlohmann::json::parse(readFile(modelFolder / "config.json"));
        const double hidden = json.at("hidden_size");
        const double layers = json.at("num_hidden_layers");
        const double inner = json.at("intermediate_size");
        const double heads = json.at("num_attention_heads");
        const double kvHeads = json.value("num_key_value_heads", static_cast<int>(heads));
        const double headSize = json.contains("head_dim") && json["head_dim"].is_number() ? json["head_dim"].get<double>() : hidden / heads;
        const double vocabulary = json.at("vocab_size");
        const double attention = hidden * headSize * (2 * heads + 2 * kvHeads);
        const double embeddings = vocabulary * hidden * (json.value("tie_word_embeddings", false) ? 1.0 : 2.0);
        return embeddings + layers * (attention + 3.0 * hidden * inner + 2.0 * hidden) + hidden;
    } catch (const std::exception&) {
        return std::nullopt;
    }
}

std::optional<MemoryEstimate> estimateMemory(const FormReport& report)
{
    if (!report.parameterCount)
        return std::nullopt;
    const config::RunConfig& settings = report.read.loaded.config;
    MemoryEstimate estimate;
    constexpr double kFloatBytes = 4.0;
    constexpr double kHalfBytes = 2.0;
    estimate.weightsBytes = *report.parameterCount * (kFloatBytes + (settings.run.dtype == "float32" ? 0.0 : kHalfBytes));
    estimate.optimizerBytes = *report.parameterCount * 3.0 * kFloatBytes; // gradient and two moments
    estimate.cacheBytes = static_cast<double>(settings.rollout.kvCacheMegabytes) * 1e6;
    return estimate;
}

ConfigForm::ConfigForm(QObject* parent)
    : QObject(parent)
    , m_report(std::make_shared<FormReport>())
{
}

void ConfigForm::loadFile(const std::filesystem::path& file)
{
    m_file = file;
    m_preset.clear();
    m_changes.clear();
    m_undo.clear();
    m_redo.clear();
    check();
    Q_EMIT changed();
}

void ConfigForm::loadPreset(const std::string& name)
{
    m_file.clear();
    m_preset = name;
    m_changes.clear();
    m_undo.clear();
    m_redo.clear();
    check();
    Q_EMIT changed();
}

void ConfigForm::restore(const std::filesystem::path& file, const std::string& preset, std::map<std::string, std::string> changes)
{
    m_file = file;
    m_preset = file.empty() ? preset : std::string();
    m_changes = std::move(changes);
    m_undo.clear();
    m_redo.clear();
    check();
    Q_EMIT changed();
}

void ConfigForm::pushUndo()
{
    m_undo.push_back(m_changes);
    if (m_undo.size() > kMaximumUndo)
        m_undo.erase(m_undo.begin());
    m_redo.clear();
}

void ConfigForm::set(const std::string& key, const std::string& text)
{
    const auto base = m_report->base.find(key);
    const bool isBase = base != m_report->base.end() && base->second == text;
    const auto present = m_changes.find(key);
    if ((isBase && present == m_changes.end()) || (present != m_changes.end() && present->second == text))
        return;
    pushUndo();
    if (isBase)
        m_changes.erase(key);
    else
        m_changes[key] = text;
    check();
    Q_EMIT changed();
}

void ConfigForm::reset(const std::string& key)
{
    if (!isChanged(key))
        return;
    pushUndo();
    m_changes.erase(key);
    check();
    Q_EMIT changed();
}

void ConfigForm::undo()
{
    if (m_undo.empty())
        return;
    m_redo.push_back(m_changes);
    m_changes = m_undo.back();
    m_undo.pop_back();
    check();
    Q_EMIT changed();
}

void ConfigForm::redo()
{
    if (m_redo.empty())
        return;
    m_undo.push_back(m_changes);
    m_changes = m_redo.back();
    m_redo.pop_back();
    check();
    Q_EMIT changed();
}

std::vector<std::string> ConfigForm::overrides() const
{
    std::vector<std::string> result;
    for (const auto& [key, text] : m_changes)
        result.push_back(concat(key, "=", text));
    return result;
}

std::string ConfigForm::value(const std::string& key) const
{
    const auto change = m_changes.find(key);
    if (change != m_changes.end())
        return change->second;
    const auto base = m_report->base.find(key);
    return base == m_report->base.end() ? std::string() : base->second;
}

void ConfigForm::check()
{
    const std::int64_t request = ++m_request;
    m_isChecking = true;
    m_background.run([this, request, file = m_file, preset = m_preset, overrides = overrides()] {
        auto report = std::make_shared<FormReport>();
        try {
            report->base = valuesOf(readForm(file, preset, {}).loaded.config);
            report->read = readForm(file, preset, overrides);
            report->values = valuesOf(report->read.loaded.config);
            config::FileFindings findings = config::checkFiles(report->read.loaded);
            report->fileProblems = std::move(findings.problems);
            report->fileWarnings = std::move(findings.warnings);
            report->parameterCount = parameterCountOf(report->read.loaded.config.model.path);
        } catch (const std::exception& error) {
            report->read.problems.push_back({ {}, file.string(), error.what() });
        }
        return [this, request, report] {
            if (request != m_request)
                return;
            m_report = report;
            m_isChecking = false;
            Q_EMIT checked();
        };
    });
}

std::vector<config::Problem> ConfigForm::problems() const
{
    std::vector<config::Problem> all = m_report->read.problems;
    for (const config::Problem& problem : m_report->fileProblems) {
        // What is wrong by itself needs no second complaint that its file is missing.
        const bool isNamed = std::any_of(all.begin(), all.end(), [&](const config::Problem& other) { return other.key == problem.key; });
        if (!isNamed)
            all.push_back(problem);
    }
    return all;
}

std::vector<config::Problem> ConfigForm::warnings() const
{
    std::vector<config::Problem> all = m_report->read.loaded.warnings;
    all.insert(all.end(), m_report->fileWarnings.begin(), m_report->fileWarnings.end());
    return all;
}

bool ConfigForm::isValid() const { return !m_isChecking && problems().empty() && !m_report->values.empty(); }

std::string ConfigForm::toToml() const { return config::resolvedToml(m_report->read.loaded); }

} // namespace midpoint::gui
