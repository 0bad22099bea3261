// SPDX-License-Identifier: GPL-3.0-or-later
// The search field of the runs table: words that must all hold. "tag:dots model~qwen reward>0.5 state:failed fast"
#pragma once

#include "widgets/viewmodels/project_data.h"

#include <QString>

#include <functional>
#include <vector>

namespace midpoint::gui {

class RunFilter {
public:
    // A term that cannot be understood is searched for as a word; `problem` says what looks wrong, for a hint under the field.
    static RunFilter parse(const QString& text);
    bool matches(const RunSummary& run) const;
    bool isEmpty() const { return m_terms.empty(); }
    const QString& problem() const { return m_problem; }

private:
    using Term = std::function<bool(const RunSummary&)>;
    std::vector<Term> m_terms;
    QString m_problem;
};

// A number of the run by a metric's name, a short name ("reward", "accuracy", "step") or a setting's key or last part ("seed").
std::optional<double> numberOf(const RunSummary& run, const std::string& key);
// The same as text: settings without quotes.
std::optional<std::string> textOf(const RunSummary& run, const std::string& key);

} // namespace midpoint::gui
