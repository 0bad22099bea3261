// SPDX-License-Identifier: GPL-3.0-or-later
// The lower half of the Runs screen: curves of the compared runs over each other, and the settings in which they differ.
#include "widgets/runs/runs_page.h"

#include "widgets/common/empty_hint.h"
#include "widgets/common/table_support.h"
#include "widgets/plot/curve_tile.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/metric_names.h"
#include "widgets/viewmodels/metric_titles.h"
#include "widgets/viewmodels/project_model.h"
#include "widgets/viewmodels/rows_model.h"
#include "widgets/viewmodels/run_model.h"
#include "widgets/viewmodels/seed_groups.h"

#include <QCheckBox>
#include <QComboBox>
#include <QLabel>
#include <QSplitter>
#include <QTableView>
#include <QTimer>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_set>

namespace midpoint::gui {

namespace {

constexpr std::size_t kFewPoints = 100; // such as evaluations: shown as they are

const std::vector<double> OverlayCurve::*valuesOf(XQuantity quantity)
{
    switch (quantity) {
    case XQuantity::Time: return &OverlayCurve::minutes;
    case XQuantity::Rollouts: return &OverlayCurve::rollouts;
    case XQuantity::Tokens: return &OverlayCurve::tokens;
    case XQuantity::Step: break;
    }
    return &OverlayCurve::steps;
}

// Without the quotes of TOML, but for an empty text: a cell that shows nothing says nothing.
QString readable(const std::string& value)
{
    const QString text = qs(value);
    return text.size() > 2 && (text.front() == QLatin1Char('"') || text.front() == QLatin1Char('\'')) ? text.mid(1, text.size() - 2) : text;
}

} // namespace

void RunsPage::buildCompare(QSplitter* split)
{
    auto* pane = new QSplitter(Qt::Horizontal, split);
    pane->setObjectName(QStringLiteral("compareSplit"));
    auto* left = new QWidget(pane);
    auto* leftLayout = new QVBoxLayout(left);
    leftLayout->setContentsMargins(0, 0, 0, 0);
    auto* bar = new QHBoxLayout;
    m_metric->setObjectName(QStringLiteral("overlayMetric"));
    m_metric->setAccessibleName(tr("Metric to compare"));
    m_metric->setToolTip(m_metric->accessibleName());
    m_metric->setSizeAdjustPolicy(QComboBox::AdjustToContents);
    m_quantity->setObjectName(QStringLiteral("overlayQuantity"));
    m_quantity->setAccessibleName(tr("Quantity on the x axis"));
    m_quantity->setToolTip(tr("Compare at equal steps, time, rollouts or tokens (keys 1 to 4)"));
    for (const XQuantity quantity : { XQuantity::Step, XQuantity::Time, XQuantity::Rollouts, XQuantity::Tokens })
        m_quantity->addItem(shortName(quantity));
    bar->addWidget(new QLabel(tr("metric"), left));
    bar->addWidget(m_metric);
    bar->addWidget(new QLabel(tr("x axis"), left));
    bar->addWidget(m_quantity);
    m_joinsSeeds->setObjectName(QStringLiteral("meanOverSeeds"));
    m_joinsSeeds->setToolTip(tr("Runs that differ in their seed alone become one curve: their mean, and one deviation around it"));
    bar->addSpacing(8);
    bar->addWidget(m_joinsSeeds);
    bar->addStretch(1);
    leftLayout->addLayout(bar);
    leftLayout->addWidget(m_overlayTile, 1);
    auto* right = new QWidget(pane);
    auto* rightLayout = new QVBoxLayout(right);
    rightLayout->setContentsMargins(6, 2, 0, 0);
    m_differenceTitle->setFont(theme().strongFont());
    m_differenceTitle->setObjectName(QStringLiteral("differenceTitle"));
    m_differenceTitle->setWordWrap(true);
    m_allSettings->setObjectName(QStringLiteral("allSettings"));
    m_allSettings->setToolTip(tr("Also the settings that are the same in all compared runs"));
    auto* titleBar = new QHBoxLayout;
    titleBar->addWidget(m_differenceTitle, 1);
    titleBar->addWidget(m_allSettings);
    rightLayout->addLayout(titleBar);
    rightLayout->addWidget(m_differences, 1);
    styleTable(m_differences, QStringLiteral("differenceTable"), tr("Settings in which the compared runs differ"));
    m_differences->setModel(m_differenceModel);
    m_differenceHint = new EmptyHint(m_differences, {});
    pane->addWidget(left);
    pane->addWidget(right);
    pane->setStretchFactor(0, 3);
    pane->setStretchFactor(1, 2);
    split->addWidget(pane);
    connect(m_metric, &QComboBox::currentTextChanged, this, [this] { m_overlayTimer->start(); });
    connect(m_quantity, &QComboBox::currentIndexChanged, this, &RunsPage::showOverlay);
    connect(m_joinsSeeds, &QCheckBox::toggled, this, &RunsPage::showOverlay);
    connect(m_allSettings, &QCheckBox::toggled, this, &RunsPage::refreshDifferences);
}

// Only the runs that are new or changed are looked through: of thousands, a few are going on.
void RunsPage::refreshMetrics(const RunSummaries& before)
{
    const std::unordered_set<std::shared_ptr<const RunSummary>> known(before.begin(), before.end());
    if (m_runs.empty())
        m_metricNames.clear(); // another project
    for (const auto& run : m_runs)
        if (known.count(run) == 0)
            for (const auto& [name, value] : run->last)
                m_metricNames.insert(name);
    if (static_cast<std::size_t>(m_metric->count()) == m_metricNames.size())
        return;
    QStringList items;
    for (const std::string& name : m_metricNames)
        items << qs(name);
    const QString chosen = m_metric->currentText();
    const QSignalBlocker block(m_metric);
    m_metric->clear();
    m_metric->addItems(items);
    int index = items.indexOf(chosen);
    for (int i = 0; i < items.size() && index < 0; ++i)
        if (metric_names::isHeldOutAccuracy(items[i].toStdString()))
            index = i;
    m_metric->setCurrentIndex(index >= 0 ? index : static_cast<int>(items.indexOf(QString::fromUtf8(metric_names::kReward))));
}

void RunsPage::askOverlay()
{
    if (workbench().project.compared().empty()) {
        m_overlay = nullptr;
        showOverlay();
        return;
    }
    workbench().project.askOverlay(m_metric->currentText().toStdString());
}

void RunsPage::setXQuantity(XQuantity quantity) { m_quantity->setCurrentIndex(static_cast<int>(quantity)); }

std::vector<CurveSpec> RunsPage::runCurves(XQuantity quantity) const
{
    std::vector<CurveSpec> curves;
    for (const OverlayCurve& source : m_overlay->curves) {
        const std::vector<double>& xs = source.*valuesOf(quantity);
        const bool isFew = source.values.size() <= kFewPoints;
        auto curve = std::make_shared<Curve>(isFew ? 0.0 : run().smoothing());
        for (std::size_t i = 0; i < xs.size(); ++i)
            if (std::isfinite(xs[i]))
                curve->append(xs[i], source.values[i]);
        if (!curve->raw().isEmpty())
            curves.push_back({ qs(source.run), curve, source.color, source.run == selectedRun(), isFew });
    }
    return curves;
}

// One curve for each experiment; a run without other seeds is drawn as ever, by its own line.
std::vector<CurveSpec> RunsPage::seedCurves(XQuantity quantity) const
{
    std::vector<CurveSpec> curves = runCurves(quantity);
    for (const SeedGroup& group : groupSeeds(*m_overlay, [this](const std::string& name) { return workbench().project.run(name); })) {
        const std::vector<GroupPoint> points = meanCurve(group, valuesOf(quantity));
        if (points.empty())
            continue;
        const bool isFew = points.size() <= kFewPoints;
        auto middle = std::make_shared<Curve>(isFew ? 0.0 : run().smoothing());
        auto low = std::make_shared<Curve>(isFew ? 0.0 : run().smoothing());
        auto high = std::make_shared<Curve>(isFew ? 0.0 : run().smoothing());
        for (const GroupPoint& point : points) {
            middle->append(point.x, point.mean);
            low->append(point.x, point.mean - point.deviation);
            high->append(point.x, point.mean + point.deviation);
        }
        std::set<QString> names;
        for (const OverlayCurve* member : group.members)
            names.insert(qs(member->run));
        curves.erase(std::remove_if(curves.begin(), curves.end(), [&](const CurveSpec& spec) { return names.count(spec.name) > 0; }), curves.end());
        CurveSpec joined { tr("%1, mean of %2 seeds").arg(*names.begin()).arg(names.size()), middle, group.members.front()->color, false, isFew };
        joined.band = CurveBand { tr("± deviation"), low, high };
        curves.push_back(std::move(joined));
    }
    return curves;
}

void RunsPage::showOverlay()
{
    const auto quantity = static_cast<XQuantity>(std::max(m_quantity->currentIndex(), 0));
    std::vector<CurveSpec> curves;
    QString metric = m_metric->currentText();
    if (m_overlay) {
        metric = qs(m_overlay->metric);
        curves = m_joinsSeeds->isChecked() ? seedCurves(quantity) : runCurves(quantity);
    }
    m_overlayTile->setEmptyText(!curves.empty() ? QString()
            : workbench().project.compared().empty() ? tr("Choose runs with Space, or click the ring in front of their names, to lay their curves over each other.")
                                                     : tr("The compared runs have not recorded this metric over this quantity."));
    const std::string name = metric.toStdString();
    m_overlayTile->setTitle(metric.isEmpty() ? tr("Compared runs") : metricTitle(name));
    m_overlayTile->setAxes({ axisTitle(quantity), metricAxis(name) });
    m_overlayTile->setXTitle(axisTitle(quantity), quantity != XQuantity::Time);
    m_overlayTile->setCurves(std::move(curves));
    m_overlayTile->resetZoom();
}

void RunsPage::refreshDifferences()
{
    std::vector<const RunSummary*> compared;
    for (const auto& run : m_runs)
        if (workbench().project.compared().count(run->name) > 0)
            compared.push_back(run.get());
    m_differenceRows.clear();
    m_differenceNames.clear();
    std::set<std::string> keys;
    for (const RunSummary* run : compared) {
        m_differenceNames << qs(run->name);
        for (const auto& [key, value] : run->settings)
            keys.insert(key);
    }
    std::size_t differing = 0;
    for (const std::string& key : keys) {
        Difference difference { qs(key), {} };
        for (const RunSummary* run : compared) {
            const auto found = run->settings.find(key);
            difference.values << (found == run->settings.end() ? QStringLiteral("-") : readable(found->second));
        }
        const bool differs = difference.values.count(difference.values.front()) != difference.values.size();
        differing += differs ? 1 : 0;
        if (differs || m_allSettings->isChecked())
            m_differenceRows.push_back(std::move(difference));
    }
    std::vector<ColumnSpec> columns;
    columns.push_back({ tr("setting"), {}, [this](std::size_t i) { return m_differenceRows[i].key; }, {}, {} });
    for (qsizetype k = 0; k < m_differenceNames.size(); ++k)
        columns.push_back({ m_differenceNames[k], {}, [this, k](std::size_t i) { return m_differenceRows[i].values.value(k); }, {}, [this, k](std::size_t i) { return m_differenceRows[i].values.value(k); } });
    m_differenceModel->setRows(0);
    m_differenceModel->setColumns(std::move(columns));
    m_differenceModel->setRows(m_differenceRows.size());
    m_differences->resizeColumnsToContents();
    constexpr int kWidestKey = 240;
    constexpr int kWidestValue = 120;
    for (int column = 0; column < m_differenceModel->columnCount(); ++column)
        m_differences->setColumnWidth(column, std::min(m_differences->columnWidth(column) + 8, column == 0 ? kWidestKey : kWidestValue));
    m_differenceTitle->setText(compared.size() < 2 ? tr("Settings that differ") : tr("Settings that differ: %1 of %2").arg(differing).arg(keys.size()));
    m_differenceHint->setHint(compared.size() < 2 ? tr("Choose at least two runs to see in which settings they differ.") : tr("These runs have the same settings."));
}

} // namespace midpoint::gui
