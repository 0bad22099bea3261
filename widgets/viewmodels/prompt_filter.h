// SPDX-License-Identifier: GPL-3.0-or-later
// The search line above the prompt table: words of the text, source:NAME, and comparisons such as predicted>0.4 or seen=0;
// -source:NAME are all others.
#pragma once

#include "backend/store/records.h"
#include "widgets/viewmodels/difficulty_analysis.h"

#include <QString>
#include <QStringList>

#include <vector>

namespace midpoint::gui {

class PromptFilter {
public:
    static PromptFilter parse(const QString& text);
    bool isEmpty() const { return m_words.isEmpty() && m_source.isEmpty() && m_excludedSources.isEmpty() && m_comparisons.empty(); }
    bool matches(const store::PromptRecord& prompt, const PromptStanding& standing) const;

private:
    enum class Quantity { Predicted, Measured, Seen, Buffer };
    struct Comparison {
        Quantity quantity = Quantity::Predicted;
        QString sign; // < > <= >= =
        double bound = 0.0;
        bool holds(const PromptStanding& standing) const;
    };
    QStringList m_words;
    QString m_source;
    QStringList m_excludedSources;
    std::vector<Comparison> m_comparisons;
};

} // namespace midpoint::gui
