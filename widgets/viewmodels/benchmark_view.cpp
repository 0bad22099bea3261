// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/viewmodels/benchmark_view.h"

#include "widgets/viewmodels/format.h"

#include <QCoreApplication>

#include <algorithm>
#include <cmath>

namespace midpoint::gui {

namespace {

using store::Quantity;

QString tr(const char* text) { return QCoreApplication::translate("benchmark", text); }

// "1 [0.9, 2]", and the range alone where it is one.
template <typename Text>
QString withRange(const store::OverSeeds& values, Text text)
{
    if (std::isnan(values.median))
        return QStringLiteral("-");
    const QString median = text(values.median);
    return values.lowest == values.highest ? median : QStringLiteral("%1 [%2, %3]").arg(median, text(values.lowest), text(values.highest));
}

} // namespace

QString shortTitle(Quantity quantity)
{
    switch (quantity) {
    case Quantity::Steps: return tr("steps");
    case Quantity::Rollouts: return tr("rollouts");
    case Quantity::GeneratedTokens: return tr("generated tokens");
    case Quantity::TrainedTokens: return tr("trained tokens");
    case Quantity::CpuSeconds: return tr("CPU time");
    case Quantity::TrainSeconds: break;
    }
    return tr("wall time");
}

QString axisTitle(Quantity quantity)
{
    switch (quantity) {
    case Quantity::Steps: return tr("training step");
    case Quantity::CpuSeconds: return tr("CPU time of the steps (s)");
    case Quantity::TrainSeconds: return tr("wall time of the steps (s)");
    default: return shortTitle(quantity);
    }
}

QString valueText(Quantity quantity, double value)
{
    if (std::isnan(value))
        return QStringLiteral("-");
    if (std::isinf(value))
        return tr("never");
    if (quantity == Quantity::CpuSeconds || quantity == Quantity::TrainSeconds)
        return duration(value);
    return quantity == Quantity::Steps ? QString::number(value, 'f', 1) : compact(value);
}

QString rangeText(Quantity quantity, const store::OverSeeds& values)
{
    return withRange(values, [quantity](double value) { return valueText(quantity, value); });
}

QString accuracyText(const store::OverSeeds& values)
{
    return withRange(values, [](double value) { return QString::number(value, 'f', 3); });
}

QString targetTitle(const store::TimeToTarget& result, std::size_t target)
{
    const store::Target& level = result.targets[target];
    const QString accuracy = QString::number(level.accuracy, 'f', 3);
    return level.isPlateau ? tr("%1, the plateau of %2").arg(accuracy, qs(result.baseline)) : accuracy;
}

QString savingText(const std::optional<store::Saving>& saving)
{
    return saving ? (saving->isAtLeast ? QStringLiteral("≥ ") : QString()) + percent(saving->share) : QStringLiteral("-");
}

const store::OverSeeds& spentBy(const store::MethodResult& method, std::optional<std::size_t> target, Quantity quantity)
{
    return target ? method.toTarget[*target].spent.of(quantity) : method.wholeRuns.of(quantity);
}

CurveOverSeeds curveOverSeeds(const store::MethodResult& method, Quantity quantity)
{
    std::vector<const store::RunResult*> runs;
    std::size_t points = 0;
    for (const store::RunResult& run : method.runs)
        if (!run.curve.empty()) {
            points = runs.empty() ? run.curve.size() : std::min(points, run.curve.size());
            runs.push_back(&run);
        }
    CurveOverSeeds curve;
    for (std::size_t i = 0; i < points; ++i) {
        std::vector<double> spent;
        std::vector<double> accuracies;
        for (const store::RunResult* run : runs) {
            spent.push_back(store::valueOf(run->curve[i].cost, quantity));
            accuracies.push_back(run->curve[i].smoothed);
        }
        const double x = store::overSeeds(std::move(spent)).median;
        const store::OverSeeds accuracy = store::overSeeds(std::move(accuracies));
        if (std::isnan(x))
            continue;
        curve.spent.push_back(x);
        curve.median.push_back(accuracy.median);
        curve.lowest.push_back(accuracy.lowest);
        curve.highest.push_back(accuracy.highest);
    }
    return curve;
}

std::vector<std::size_t> byCost(const store::TimeToTarget& result, std::optional<std::size_t> target, Quantity quantity)
{
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < result.methods.size(); ++i)
        if (!std::isnan(spentBy(result.methods[i], target, quantity).median))
            order.push_back(i);
    std::ranges::stable_sort(order, {}, [&](std::size_t i) {
        const store::OverSeeds& spent = spentBy(result.methods[i], target, quantity);
        return std::pair(spent.median, spent.lowest);
    });
    return order;
}

} // namespace midpoint::gui
