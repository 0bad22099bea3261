// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/viewmodels/prompt_filter.h"

#include "widgets/viewmodels/format.h"

#include <QRegularExpression>

#include <algorithm>
#include <cmath>
#include <map>

namespace midpoint::gui {

PromptFilter PromptFilter::parse(const QString& text)
{
    static const QRegularExpression comparison(QStringLiteral("^(predicted|measured|seen|buffer)(<=|>=|<|>|=)([-0-9.]+)$"));
    static const std::map<QString, Quantity> quantities { { QStringLiteral("predicted"), Quantity::Predicted }, { QStringLiteral("measured"), Quantity::Measured },
        { QStringLiteral("seen"), Quantity::Seen }, { QStringLiteral("buffer"), Quantity::Buffer } };
    PromptFilter filter;
    for (const QString& word : text.split(QLatin1Char(' '), Qt::SkipEmptyParts)) {
        const QRegularExpressionMatch match = comparison.match(word);
        if (match.hasMatch())
            filter.m_comparisons.push_back({ quantities.at(match.captured(1)), match.captured(2), match.captured(3).toDouble() });
        else if (word.startsWith(QStringLiteral("source:")))
            filter.m_source = word.mid(7);
        else if (word.startsWith(QStringLiteral("-source:")))
            filter.m_excludedSources << word.mid(8);
        else
            filter.m_words << word;
    }
    return filter;
}

bool PromptFilter::Comparison::holds(const PromptStanding& standing) const
{
    constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
    double value = kUnknown; // compares false with everything
    switch (quantity) {
    case Quantity::Predicted: value = standing.predicted.value_or(kUnknown); break;
    case Quantity::Measured: value = standing.attempts > 0 ? 1.0 - static_cast<double>(standing.successes) / static_cast<double>(standing.attempts) : kUnknown; break;
    case Quantity::Seen: value = static_cast<double>(standing.seen); break;
    case Quantity::Buffer: value = static_cast<double>(standing.inBuffer); break;
    }
    if (sign == QStringLiteral("="))
        return value == bound;
    if (sign.startsWith(QLatin1Char('<')))
        return sign.size() == 2 ? value <= bound : value < bound;
    return sign.size() == 2 ? value >= bound : value > bound;
}

bool PromptFilter::matches(const store::PromptRecord& prompt, const PromptStanding& standing) const
{
    if (!m_source.isEmpty() && !qs(prompt.source).contains(m_source, Qt::CaseInsensitive))
        return false;
    const auto isOf = [&](const QString& source) { return !source.isEmpty() && qs(prompt.source).contains(source, Qt::CaseInsensitive); };
    if (std::any_of(m_excludedSources.begin(), m_excludedSources.end(), isOf))
        return false;
    if (!std::all_of(m_comparisons.begin(), m_comparisons.end(), [&](const Comparison& each) { return each.holds(standing); }))
        return false;
    if (m_words.isEmpty())
        return true;
    const QString whole = qs(prompt.text);
    return std::all_of(m_words.begin(), m_words.end(), [&](const QString& word) { return whole.contains(word, Qt::CaseInsensitive); });
}

} // namespace midpoint::gui
