// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/live/live_page.h"

#include "widgets/common/action_registry.h"
#include "widgets/common/value_strip.h"
#include "widgets/live/live_plots.h"
#include "widgets/plot/plot_group.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/metric_names.h"
#include "widgets/viewmodels/project_model.h"
#include "widgets/viewmodels/run_model.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QGridLayout>
#include <QLabel>
#include <QMenu>
#include <QScrollArea>
#include <QSignalBlocker>
#include <QSlider>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>

namespace midpoint::gui {

namespace {

constexpr int kSliderSteps = 99; // 0.00 .. 0.99; finer values are typed
constexpr int kTileWidth = 360;  // the least comfortable width of a tile
constexpr int kTileHeight = 232;
constexpr double kTrendSteps = 100.0;
constexpr std::size_t kMaximumMarkers = 200;

std::optional<PlotMarker> markerOf(const store::Event& event)
{
    const QString text = qs(event.message);
    const double step = static_cast<double>(event.step);
    if (event.level == store::EventLevel::Error)
        return PlotMarker { step, MarkerKind::Alert, text };
    if (event.level == store::EventLevel::Warning)
        return PlotMarker { step, MarkerKind::Warning, text };
    if (event.rule == "checkpoint")
        return PlotMarker { step, MarkerKind::Checkpoint, text };
    if (event.rule == "resumed")
        return PlotMarker { step, MarkerKind::Resume, text };
    return std::nullopt;
}

} // namespace

LivePage::LivePage(Workbench& workbench, QWidget* parent)
    : Page(workbench, QStringLiteral("livePage"), parent)
    , m_values(new ValueStrip(theme(), QStringLiteral("liveValues"), this))
    , m_smoothing(new QSlider(Qt::Horizontal, this))
    , m_smoothingValue(new QDoubleSpinBox(this))
    , m_quantity(new QComboBox(this))
    , m_logY(new QCheckBox(tr("log y"), this))
    , m_showsBand(new QCheckBox(tr("p10–p90"), this))
    , m_scroll(new QScrollArea(this))
    , m_canvas(new QWidget)
    , m_grid(new QGridLayout(m_canvas))
    , m_group(new PlotGroup(this))
{
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(8, 6, 8, 0);
    layout->setSpacing(4);
    layout->addWidget(m_values);
    auto* bar = new QHBoxLayout;
    bar->setContentsMargins(6, 0, 6, 0); // in line with the values above and the titles below
    buildToolbar(bar);
    layout->addLayout(bar);
    layout->addWidget(m_scroll, 1);
    m_scroll->setObjectName(QStringLiteral("livePlots"));
    m_scroll->setWidgetResizable(true);
    m_scroll->setFrameShape(QFrame::NoFrame);
    m_scroll->setWidget(m_canvas);
    m_scroll->setFocusPolicy(Qt::NoFocus);
    m_grid->setContentsMargins(0, 0, 0, 8);
    m_grid->setSpacing(6);
    buildPlots();
    connect(&run(), &RunModel::curvesReplaced, this, [this] {
        refreshCurves();
        m_markedEvents = 0; // their places on the x axis may have changed
        refreshMarkers();
    });
    connect(&run(), &RunModel::opened, this, [this] { m_markedEvents = 0; });
    connect(&workbench.project, &ProjectModel::preferencesArrived, this, &LivePage::restorePlots);
    connect(&run(), &RunModel::dataArrived, this, [this] {
        bool isMissingCurve = false;
        for (const Plot& plot : m_plots)
            isMissingCurve = isMissingCurve || plot.tile->curves().empty();
        if (isMissingCurve || run().isLoaded())
            refreshCurves();
        refreshValues();
        refreshMarkers();
    });
    connect(&run(), &RunModel::headerChanged, this, &LivePage::refreshValues);
    refreshCurves();
    refreshValues();
}

void LivePage::buildToolbar(QBoxLayout* layout)
{
    m_smoothing->setObjectName(QStringLiteral("smoothingSlider"));
    m_smoothing->setRange(0, kSliderSteps);
    m_smoothing->setValue(static_cast<int>(std::lround(run().smoothing() * 100)));
    m_smoothing->setMaximumWidth(180);
    m_smoothing->setAccessibleName(tr("Smoothing"));
    m_smoothing->setToolTip(tr("Weight of the exponential moving average (+ and -); the raw curve stays visible behind it"));
    m_smoothingValue->setObjectName(QStringLiteral("smoothingValue"));
    m_smoothingValue->setRange(0.0, 0.999);
    m_smoothingValue->setDecimals(3);
    m_smoothingValue->setSingleStep(0.01);
    m_smoothingValue->setValue(run().smoothing());
    m_smoothingValue->setAccessibleName(tr("Smoothing weight"));
    m_smoothingValue->setToolTip(m_smoothing->toolTip());
    m_quantity->setObjectName(QStringLiteral("xQuantity"));
    m_quantity->setAccessibleName(tr("Quantity on the x axis"));
    m_quantity->setToolTip(tr("Quantity on the x axis (keys 1 to 4)"));
    for (const XQuantity quantity : { XQuantity::Step, XQuantity::Time, XQuantity::Rollouts, XQuantity::Tokens })
        m_quantity->addItem(shortName(quantity));
    m_logY->setObjectName(QStringLiteral("logY"));
    m_logY->setToolTip(tr("Logarithmic y axis on every plot (Y)"));
    m_showsBand->setObjectName(QStringLiteral("rewardBand"));
    m_showsBand->setToolTip(tr("Between which mean rewards eight of ten groups lie"));
    m_showsBand->setChecked(true);
    auto* smoothingLabel = new QLabel(tr("smoothing"), this);
    smoothingLabel->setBuddy(m_smoothing);
    layout->addWidget(smoothingLabel);
    layout->addWidget(m_smoothing);
    layout->addWidget(m_smoothingValue);
    layout->addSpacing(12);
    layout->addWidget(new QLabel(tr("x axis"), this));
    layout->addWidget(m_quantity);
    layout->addSpacing(12);
    layout->addWidget(m_logY);
    layout->addSpacing(12);
    layout->addWidget(m_showsBand);
    layout->addStretch(1);
    layout->addWidget(workbench().actions.makeButton(QStringLiteral("plot.resetZoom"), this, true));
    layout->addWidget(workbench().actions.makeButton(QStringLiteral("live.addPlot"), this, true));
    connect(m_smoothing, &QSlider::valueChanged, this, [this](int value) { run().setSmoothing(value / 100.0); });
    connect(m_smoothingValue, &QDoubleSpinBox::valueChanged, this, [this](double value) { run().setSmoothing(value); });
    connect(m_quantity, &QComboBox::activated, this, [this](int index) { setXQuantity(static_cast<XQuantity>(index)); });
    connect(m_showsBand, &QCheckBox::toggled, this, &LivePage::refreshCurves);
    connect(m_logY, &QCheckBox::toggled, this, [this](bool on) {
        for (const Plot& plot : m_plots)
            plot.tile->setLogY(on);
    });
}

void LivePage::buildPlots()
{
    for (const LivePlotSpec& spec : livePlots()) {
        Plot plot;
        plot.tile = new CurveTile(theme(), spec.name, spec.title, { axisTitle(run().xQuantity()), spec.yTitle }, m_canvas,
            spec.isStacked ? CurveStyle::Stacked : CurveStyle::Lines);
        plot.metrics = spec.metrics;
        plot.unit = spec.unit;
        plot.hasPoints = spec.hasPoints;
        plot.bandLow = spec.bandLow;
        plot.bandHigh = spec.bandHigh;
        plot.bandName = spec.bandName;
        plot.tile->setPercentY(spec.unit == QStringLiteral("%"));
        if (spec.isShare)
            plot.tile->setFixedY(Range { 0.0, 1.0 });
        plot.tile->menu()->addSeparator();
        QAction* hide = plot.tile->menu()->addAction(tr("Hide this plot"));
        hide->setToolTip(tr("It comes back with \"Add a plot…\" or Ctrl+Z"));
        connect(hide, &QAction::triggered, this, [this, name = spec.name] { hidePlot(name); });
        addPlot(std::move(plot));
    }
    arrange();
}

void LivePage::addPlot(Plot plot)
{
    plot.tile->setGroup(m_group);
    connect(plot.tile, &PlotTile::clickedAt, this, [this](double x) { run().setCurrentStep(static_cast<std::int64_t>(run().stepOf(x))); });
    connect(plot.tile, &PlotTile::maximizeRequested, this, &LivePage::maximize);
    m_plots.push_back(std::move(plot));
}

void LivePage::arrangeAnew()
{
    m_columns = 0;
    arrange();
}

bool LivePage::isShown(const Plot& plot) const { return m_maximized == nullptr ? !plot.isHidden : plot.tile == m_maximized; }

void LivePage::arrange()
{
    const int columns = std::clamp(m_scroll->viewport()->width() / kTileWidth, 1, 4);
    if (columns == m_columns)
        return;
    m_columns = columns;
    int place = 0;
    for (const Plot& plot : m_plots) {
        m_grid->removeWidget(plot.tile); // a cell that it leaves would keep its height
        plot.tile->setVisible(isShown(plot));
        if (!isShown(plot))
            continue;
        plot.tile->setMinimumHeight(m_maximized == nullptr ? kTileHeight : std::max(m_scroll->viewport()->height() - 12, kTileHeight));
        if (m_maximized == nullptr)
            m_grid->addWidget(plot.tile, place / columns, place % columns);
        else
            m_grid->addWidget(plot.tile, 0, 0, 1, columns);
        ++place;
    }
    for (int column = 0; column < 4; ++column)
        m_grid->setColumnStretch(column, column < columns ? 1 : 0);
}

void LivePage::maximize(PlotTile* tile)
{
    m_maximized = m_maximized == tile ? nullptr : tile;
    arrangeAnew();
}

void LivePage::toggleMaximized()
{
    PlotTile* target = m_maximized;
    for (const Plot& plot : m_plots)
        if (target == nullptr && (plot.tile->underMouse() || plot.tile->isAncestorOf(focusWidget())))
            target = plot.tile;
    for (const Plot& plot : m_plots)
        if (target == nullptr && isShown(plot))
            target = plot.tile;
    if (target != nullptr)
        maximize(target);
}

void LivePage::resizeEvent(QResizeEvent* event)
{
    Page::resizeEvent(event);
    QMetaObject::invokeMethod(this, &LivePage::arrange, Qt::QueuedConnection);
}

void LivePage::setXQuantity(XQuantity quantity)
{
    if (!run().hasQuantity(quantity))
        Q_EMIT statusMessage(tr("This run has not recorded %1.").arg(axisTitle(quantity)));
    run().setXQuantity(quantity);
}

void LivePage::changeSmoothing(double by) { run().setSmoothing(std::clamp(run().smoothing() + by, 0.0, 0.999)); }
void LivePage::toggleLogY() { m_logY->toggle(); }

void LivePage::toggleLogX()
{
    const bool on = !m_plots.front().tile->isLogX();
    for (const Plot& plot : m_plots)
        plot.tile->setLogX(on);
}

void LivePage::resetZoom()
{
    for (const Plot& plot : m_plots)
        plot.tile->resetZoom();
}

void LivePage::refreshCurves()
{
    {
        const QSignalBlocker blockSlider(m_smoothing);
        const QSignalBlocker blockValue(m_smoothingValue);
        m_smoothing->setValue(static_cast<int>(std::lround(run().smoothing() * 100)));
        if (std::abs(m_smoothingValue->value() - run().smoothing()) > 5e-4)
            m_smoothingValue->setValue(run().smoothing());
        m_quantity->setCurrentIndex(static_cast<int>(run().xQuantity()));
    }
    for (Plot& plot : m_plots) {
        std::vector<CurveSpec> curves;
        int color = 0;
        for (const auto& [pattern, label] : plot.metrics) {
            std::vector<std::string> names { pattern };
            if (pattern == "*") {
                names.clear();
                for (const std::string& name : run().metricNames())
                    if (metric_names::isHeldOutAccuracy(name))
                        names.push_back(name);
            }
            for (const std::string& name : names) {
                const auto curve = run().curve(name);
                const bool hasOneName = names.size() == 1;
                if (curve)
                    curves.push_back({ hasOneName ? label : qs(name), curve, color, false, plot.hasPoints, plot.unit });
                ++color;
            }
        }
        if (!curves.empty())
            curves.front().band = bandOf(plot);
        const bool isSame = std::equal(curves.begin(), curves.end(), plot.tile->curves().begin(), plot.tile->curves().end(),
            [](const CurveSpec& a, const CurveSpec& b) { return a.curve == b.curve && a.name == b.name && a.band.has_value() == b.band.has_value(); });
        plot.tile->setXTitle(axisTitle(run().xQuantity()), run().xQuantity() != XQuantity::Time);
        if (isSame)
            plot.tile->dataChanged();
        else
            plot.tile->setCurves(curves);
        plot.tile->setEmptyText(!curves.empty()     ? QString()
                : launch::isActive(run().header().state.kind) ? tr("No values yet. This plot fills as soon as the run records them.")
                : run().isOpen()                              ? tr("This run has recorded no values for this plot.")
                                                              : tr("Open a run to see its curves."));
        plot.tile->setExportDescription(tr("run %1, steps 0 to %2, smoothing %3").arg(qs(run().header().name)).arg(run().header().step).arg(run().smoothing()));
    }
}

// A run that has not recorded the edges shows the curve alone.
std::optional<CurveBand> LivePage::bandOf(const Plot& plot) const
{
    if (plot.bandLow.empty() || !m_showsBand->isChecked())
        return std::nullopt;
    CurveBand band { plot.bandName, run().curve(plot.bandLow), run().curve(plot.bandHigh) };
    return band.low && band.high ? std::optional(std::move(band)) : std::nullopt;
}

// The value as its curve is drawn: smoothed, since single steps are noisy.
std::optional<double> LivePage::recently(const std::string& metric, double step) const
{
    if (metric_names::isHeldOutAccuracy(metric))
        return run().at(metric, step);
    const auto curve = run().curve(metric);
    if (!curve || curve->smooth().isEmpty())
        return std::nullopt;
    const double value = curve->smooth().y(curve->smooth().nearest(run().xOf(step)));
    return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

void LivePage::refreshMarkers()
{
    const auto& events = run().events();
    if (events.size() == m_markedEvents)
        return;
    m_markedEvents = events.size();
    std::vector<PlotMarker> markers;
    for (const store::Event& event : events)
        if (auto marker = markerOf(event)) {
            marker->x = run().xOf(marker->x);
            if (std::isfinite(marker->x))
                markers.push_back(*marker);
        }
    constexpr std::ptrdiff_t kMaximumCheckpoints = 20; // more would be a line of triangles
    const auto checkpoints = std::count_if(markers.begin(), markers.end(), [](const PlotMarker& m) { return m.kind == MarkerKind::Checkpoint; });
    if (markers.size() > kMaximumMarkers || checkpoints > kMaximumCheckpoints) // warnings and errors matter more
        markers.erase(std::remove_if(markers.begin(), markers.end(), [](const PlotMarker& m) { return m.kind == MarkerKind::Checkpoint; }), markers.end());
    if (markers.size() > kMaximumMarkers)
        markers.erase(markers.begin(), markers.end() - static_cast<std::ptrdiff_t>(kMaximumMarkers));
    for (const Plot& plot : m_plots)
        plot.tile->setMarkers(markers);
}

void LivePage::refreshValues()
{
    using namespace metric_names;
    const auto trend = [this](const std::string& metric, bool asPercent, double sign = 1.0) -> QString {
        // What was first recorded less than that long ago is compared with its first value.
        const auto first = run().firstStep(metric);
        const auto newest = static_cast<double>(run().newestStep());
        if (!first || *first >= newest)
            return {};
        const double steps = std::min(kTrendSteps, newest - *first);
        const auto now = recently(metric, newest);
        const auto then = recently(metric, newest - steps);
        if (!now || !then)
            return {};
        const double change = sign * (*now - *then);
        const QString arrow = change > 0 ? QStringLiteral("▲") : change < 0 ? QStringLiteral("▼") : QStringLiteral("■");
        return tr("%1 %2 /%3 steps").arg(arrow, asPercent ? percent(std::abs(change), 1) : number(std::abs(change))).arg(steps);
    };
    const auto shown = [this](const char* metric) { return number(run().last(metric)); };
    std::vector<KeyValue> values;
    values.push_back({ tr("reward"), shown(kReward), trend(kReward, false), tr("Mean reward of the rollouts of the last step.") });
    const std::string accuracy = [this] {
        for (const std::string& name : run().metricNames())
            if (isHeldOutAccuracy(name))
                return name;
        return std::string();
    }();
    values.push_back({ tr("held-out accuracy"), number(run().last(accuracy)),
        !run().isOpen() ? QString() : accuracy.empty() ? tr("no evaluation yet") : trend(accuracy, true), qs(accuracy) });
    const auto mixed = run().last("baseline_reward/pct_mixed");
    const bool isStarving = mixed && *mixed < 0.1;
    values.push_back({ tr("groups without signal"), mixed ? percent(1.0 - *mixed) : QStringLiteral("-"),
        isStarving ? tr("! little to learn from") : trend("baseline_reward/pct_mixed", true, -1.0),
        tr("Groups whose rollouts were all right or all wrong: they give no gradient."), isStarving ? ColorRole::Warning : ColorRole::Text });
    // Without prompts that are drawn uniformly there is only that of the selected ones, which is lower.
    const bool isOfSelected = !run().last(kPearson) && run().last(kSelectedPearson);
    const QString whyNoPrediction = !run().isOpen()    ? QString()
        : run().choosesUniformly()                    ? tr("uniform choice")
        : launch::isActive(run().header().state.kind) ? tr("nothing predicted yet")
                                                      : tr("nothing was predicted");
    const char* pearson = isOfSelected ? kSelectedPearson : kPearson;
    values.push_back({ isOfSelected ? tr("Pearson (selected)") : tr("Pearson"), shown(pearson), run().last(pearson) ? trend(pearson, false) : whyNoPrediction,
        tr("Predicted against measured difficulty; see Difficulty.") });
    const auto entropy = run().last(kEntropy);
    const bool isCollapsed = entropy && *entropy < 0.01;
    values.push_back({ tr("entropy"), shown(kEntropy), isCollapsed ? tr("! collapsed") : trend(kEntropy, false), tr("Nats per token."),
        isCollapsed ? ColorRole::Warning : ColorRole::Text });
    const auto truncated = run().last(kTruncated);
    const bool isCut = truncated && *truncated > 0.5;
    values.push_back({ tr("truncated"), truncated ? percent(*truncated, 1) : QStringLiteral("-"), isCut ? tr("! over half are cut") : trend(kTruncated, true),
        tr("Responses cut at their limit."), isCut ? ColorRole::Warning : ColorRole::Text });
    values.push_back({ tr("gradient norm"), shown(kGradientNorm), trend(kGradientNorm, false), tr("Global norm before clipping.") });
    const auto throughput = run().last("perf/throughput");
    values.push_back({ tr("time of a step"), run().last(kStepSeconds) ? tr("%1 s").arg(shown(kStepSeconds)) : QStringLiteral("-"),
        throughput ? tr("%1 tokens/s").arg(compact(*throughput)) : QString(), tr("Wall time of the last step.") });
    m_values->setValues(std::move(values));
}

} // namespace midpoint::gui
