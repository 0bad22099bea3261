// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/viewmodels/run_filter.h"

#include "backend/core/text.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/metric_names.h"

#include <QCoreApplication>
#include <QRegularExpression>

#include <algorithm>
#include <charconv>

namespace midpoint::gui {

namespace {

bool contains(const std::string& text, const std::string& lowerNeedle) { return toLower(text).find(lowerNeedle) != std::string::npos; }

std::string unquoted(const std::string& value)
{
    if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front())
        return value.substr(1, value.size() - 2);
    return value;
}

const std::string* setting(const RunSummary& run, const std::string& key)
{
    const auto exact = run.settings.find(key);
    if (exact != run.settings.end())
        return &exact->second;
    for (const auto& [name, value] : run.settings)
        if (name.size() > key.size() && name.ends_with(key) && name[name.size() - key.size() - 1] == '.')
            return &value;
    return nullptr;
}

std::optional<double> parsed(const std::string& text)
{
    double value = 0.0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

bool hasWord(const RunSummary& run, const std::string& word)
{
    if (contains(run.name, word) || contains(run.notes.note, word) || contains(launch::wordFor(run.state.kind), word))
        return true;
    return std::any_of(run.notes.tags.begin(), run.notes.tags.end(), [&](const std::string& tag) { return contains(tag, word); });
}

} // namespace

std::optional<double> numberOf(const RunSummary& run, const std::string& key)
{
    if (key == "step")
        return static_cast<double>(run.step);
    if (key == "accuracy" || key == "acc")
        return run.evaluations.empty() ? std::nullopt : std::optional(run.evaluations.back().accuracy);
    if (key == "best")
        return run.bestAccuracy ? std::optional(run.bestAccuracy->value) : std::nullopt;
    const std::string name = key == "reward" ? metric_names::kReward : key == "pearson" ? metric_names::kPearson : key;
    const auto metric = run.last.find(name);
    if (metric != run.last.end())
        return metric->second;
    const std::string* value = setting(run, key);
    return value == nullptr ? std::nullopt : parsed(*value);
}

std::optional<std::string> textOf(const RunSummary& run, const std::string& key)
{
    if (key == "name")
        return run.name;
    if (key == "state")
        return std::string(launch::wordFor(run.state.kind));
    if (key == "note")
        return run.notes.note;
    if (const std::string* value = setting(run, key))
        return unquoted(*value);
    const auto metric = run.last.find(key);
    return metric == run.last.end() ? std::nullopt : std::optional(shortest(metric->second));
}

RunFilter RunFilter::parse(const QString& text)
{
    RunFilter filter;
    static const QRegularExpression term(QStringLiteral("^([A-Za-z][A-Za-z0-9_./@-]*)(:|~|!=|<=|>=|=|<|>)(.+)$"));
    for (const QString& word : text.split(QLatin1Char(' '), Qt::SkipEmptyParts)) {
        const QRegularExpressionMatch match = term.match(word);
        if (!match.hasMatch()) {
            if (word.contains(QLatin1Char('>')) || word.contains(QLatin1Char('<')))
                filter.m_problem = QCoreApplication::translate("RunFilter", "“%1”: write a name, a sign and a number, as in reward>0.5").arg(word);
            filter.m_terms.push_back([needle = toLower(word.toStdString())](const RunSummary& run) { return hasWord(run, needle); });
            continue;
        }
        const std::string key = match.captured(1).toStdString();
        const std::string sign = match.captured(2).toStdString();
        const std::string value = match.captured(3).toStdString();
        const std::string lower = toLower(value);
        if (key == "tag" && (sign == ":" || sign == "=")) {
            filter.m_terms.push_back([lower](const RunSummary& run) {
                return std::any_of(run.notes.tags.begin(), run.notes.tags.end(), [&](const std::string& tag) { return toLower(tag) == lower; });
            });
        } else if (sign == "~" || sign == ":") {
            filter.m_terms.push_back([key, lower](const RunSummary& run) {
                const auto found = textOf(run, key);
                return found && contains(*found, lower);
            });
        } else if (const auto bound = parsed(value); bound) {
            filter.m_terms.push_back([key, sign, bound = *bound](const RunSummary& run) {
                const auto found = numberOf(run, key);
                if (!found)
                    return false;
                return sign == "<" ? *found < bound
                    : sign == ">"  ? *found > bound
                    : sign == "<=" ? *found <= bound
                    : sign == ">=" ? *found >= bound
                    : sign == "="  ? *found == bound
                                   : *found != bound;
            });
        } else if (sign == "=" || sign == "!=") {
            filter.m_terms.push_back([key, lower, isEqual = sign == "="](const RunSummary& run) {
                const auto found = textOf(run, key);
                return found && (toLower(*found) == lower) == isEqual;
            });
        } else {
            filter.m_problem = QCoreApplication::translate("RunFilter", "“%1”: %2 is not a number").arg(word, qs(value));
            filter.m_terms.push_back([](const RunSummary&) { return false; });
        }
    }
    return filter;
}

bool RunFilter::matches(const RunSummary& run) const
{
    return std::all_of(m_terms.begin(), m_terms.end(), [&](const Term& term) { return term(run); });
}

} // namespace midpoint::gui
