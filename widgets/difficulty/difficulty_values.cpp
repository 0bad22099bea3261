// SPDX-License-Identifier: GPL-3.0-or-later
// The numbers above the plots of the Difficulty screen.
#include "widgets/common/value_strip.h"
#include "widgets/difficulty/difficulty_page.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/run_model.h"

#include <algorithm>

namespace midpoint::gui {

namespace {

// Why there is no correlation, in the words of this screen.
QString reason(const std::string& undefinedBecause)
{
    return qs(undefinedBecause).replace(QStringLiteral("first values"), DifficultyPage::tr("predictions")).replace(QStringLiteral("second values"), DifficultyPage::tr("measurements"));
}

} // namespace

void DifficultyPage::showMeasuredValues()
{
    const MeasuredSummary& s = m_view->measuredSummary;
    const QString none = tr("n/a");
    const auto share = [&](const std::optional<double>& value) { return value ? percent(*value) : none; };
    const QString why = m_view->firstRound >= 0 ? tr("before the first round, step %1").arg(m_view->firstRound)
        : run().choosesUniformly() ? tr("prompts are chosen uniformly")
                                                           : tr("no round so far");
    const DifficultyRequest& request = m_view->request;
    std::vector<KeyValue> values;
    values.push_back({ tr("predictions"), tr("none"), why, tr("Selection by difficulty (selection.strategy) predicts it before each choice; here it is only measured.") });
    values.push_back({ tr("mean difficulty"), s.meanDifficulty ? rate(s.meanDifficulty) : none, tr("as measured"), tr("Mean of 1 − success rate of the measured groups.") });
    values.push_back({ tr("near the target"), share(s.inBandShare), tr("difficulty %1 ± %2").arg(number(1.0 - request.targetSuccess), number(request.bandHalfWidth)),
        tr("Share of measured groups within the target band.") });
    values.push_back({ tr("all right"), share(s.allRightShare), tr("no signal: too easy"), tr("Groups without a failed rollout give no gradient.") });
    values.push_back({ tr("all wrong"), share(s.allWrongShare), tr("no signal: too hard"), tr("Groups without a right rollout give no gradient.") });
    values.push_back({ tr("measured groups"), QString::number(s.groups), tr("steps %1 to %2").arg(std::max<std::int64_t>(request.step - request.windowSteps + 1, 0)).arg(request.step), {} });
    m_values->setValues(std::move(values));
}

void DifficultyPage::showValues()
{
    const auto interval = [](const std::optional<statistics::Interval>& i) {
        return i ? tr("95 %: %1 to %2").arg(rate(i->low), rate(i->high)) : QString();
    };
    std::vector<KeyValue> values;
    if (!m_view) {
        values.push_back({ tr("Pearson"), QStringLiteral("-"), run().isOpen() ? tr("nothing measured yet") : QString(), {} });
        m_values->setValues(std::move(values));
        return;
    }
    if (m_view->roundStep < 0) {
        showMeasuredValues();
        return;
    }
    const DifficultySummary& s = m_view->summary;
    const QString none = tr("n/a");
    const QString noPairs = tr("no pairs yet"); // of predicted and measured
    values.push_back({ tr("Pearson"), s.pearson.value ? rate(s.pearson.value) : none,
        s.pearson.value ? interval(s.pearson.interval) : reason(s.pearson.undefinedBecause), tr("Predicted against measured difficulty of each measured group.") });
    values.push_back({ tr("noise ceiling"), s.ceiling ? rate(s.ceiling->pearson) : none,
        s.ceiling ? tr("best that is possible") : tr("too few rollouts"),
        tr("Measured rates are noisy: with few rollouts per prompt even a perfect predictor stays below 1. sqrt(variance of true rates / variance of measured ones).") });
    values.push_back({ tr("Spearman"), s.spearman.value ? rate(s.spearman.value) : none,
        s.spearman.value ? interval(s.spearman.interval) : reason(s.spearman.undefinedBecause), tr("The same over ranks.") });
    values.push_back({ tr("mean abs. error"), s.meanAbsoluteError ? rate(s.meanAbsoluteError) : none, s.meanAbsoluteError ? tr("of difficulty") : noPairs, {} });
    values.push_back({ tr("bias"), s.bias ? QStringLiteral("%1%2").arg(*s.bias >= 0 ? QStringLiteral("+") : QString(), rate(s.bias)) : none,
        s.bias ? (*s.bias >= 0 ? tr("predicted too hard") : tr("predicted too easy")) : noPairs, tr("Mean of predicted − measured difficulty.") });
    values.push_back({ tr("calibration error"), s.calibrationError ? rate(s.calibrationError) : none, s.calibrationError ? tr("ECE, 10 bins") : noPairs, {} });
    values.push_back({ tr("near the target"), s.pairs > 0 ? percent(s.inBandShare) : none,
        s.pairs == 0 ? noPairs : tr("difficulty %1 ± %2").arg(number(1.0 - m_view->request.targetSuccess), number(m_view->request.bandHalfWidth)), tr("Share of measured groups within the target band.") });
    values.push_back({ tr("measured groups"), QString::number(s.pairs), tr("round of step %1").arg(m_view->roundStep), tr("Predicted by: %1.").arg(qs(m_view->belief)) });
    m_values->setValues(std::move(values));
}

} // namespace midpoint::gui
