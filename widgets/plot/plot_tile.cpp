// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/plot/plot_tile.h"

#include "widgets/plot/axis_style.h"
#include "widgets/plot/plot_group.h"
#include "widgets/theme/theme.h"

#include "widgets/plot/qcustomplot_keywords.h"

#include <QDateTime>
#include <QKeyEvent>
#include <QLabel>
#include <QMenu>
#include <QStackedLayout>
#include <QToolButton>

#include <algorithm>
#include <cmath>

namespace midpoint::gui {

namespace {
constexpr int kActiveReplotMs = 100;
constexpr int kInactiveReplotMs = 500;
constexpr qint64 kShrinkAfterMs = 5000;
constexpr int kClickPixels = 4; // a hand that moves no further has clicked
constexpr double kMargin = 0.06; // of the y range, above and below
constexpr double kFoot = 0.015;  // below zero, so that a curve of zeros is seen above the frame
constexpr std::ptrdiff_t kLinesOfWarnings = 5; // more of them are signs at the foot of the plot
} // namespace

PlotTile::PlotTile(const Theme& theme, const QString& name, const QString& title, const AxisTitles& axes, QWidget* parent)
    : QWidget(parent)
    , m_theme(theme)
    , m_title(new QLabel(title, this))
    , m_legend(new LegendRow(theme, this))
    , m_menuButton(new QToolButton(this))
    , m_menu(new QMenu(this))
    , m_stack(new QStackedLayout)
    , m_emptyText(new QLabel(this))
    , m_plot(new QCustomPlot(this))
    , m_replotTimer(new QTimer(this))
{
    setObjectName(name);
    setAccessibleName(title);
    m_title->setFont(theme.strongFont());
    m_title->setObjectName(name + QStringLiteral("Title"));
    m_title->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Fixed);
    m_title->setToolTip(title);
    m_menuButton->setObjectName(name + QStringLiteral("Menu"));
    m_menuButton->setAutoRaise(true);
    m_menuButton->setPopupMode(QToolButton::InstantPopup);
    m_menuButton->setMenu(m_menu);
    m_menuButton->setToolTip(tr("Axes and export of this plot"));
    m_menuButton->setAccessibleName(tr("Menu of the plot %1").arg(title));
    m_menuButton->setStyleSheet(QStringLiteral("QToolButton::menu-indicator{image:none}"));
    m_emptyText->setAlignment(Qt::AlignCenter);
    m_emptyText->setWordWrap(true);
    m_emptyText->setObjectName(name + QStringLiteral("EmptyText"));
    m_emptyText->setMargin(8);

    auto* header = new QHBoxLayout;
    header->addWidget(m_title, 1);
    header->addWidget(m_menuButton);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(6, 2, 6, 2);
    layout->setSpacing(1);
    layout->addLayout(header);
    layout->addWidget(m_legend);
    layout->addLayout(m_stack, 1);
    m_stack->addWidget(m_plot);
    m_stack->addWidget(m_emptyText);

    m_plot->setObjectName(name + QStringLiteral("Canvas"));
    m_plot->setMinimumSize(40, 40); // it cannot draw into a buffer without area
    m_plot->setPlottingHint(QCP::phFastPolylines, true); // without it wide lines take seconds, see the benchmark
    m_plot->setNoAntialiasingOnDrag(true);
    m_plot->setInteractions(QCP::iRangeDrag | QCP::iRangeZoom);
    m_plot->axisRect()->setRangeZoomAxes({ m_plot->xAxis });
    m_plot->axisRect()->setRangeDragAxes({ m_plot->xAxis });
    m_plot->axisRect()->setMinimumMargins(QMargins(4, 9, 16, 4));
    m_plot->setMouseTracking(true);
    m_plot->setFocusPolicy(Qt::StrongFocus);
    m_plot->installEventFilter(this);
    // The crosshair has a paint buffer of its own, so that moving it does not draw the curves again.
    m_plot->addLayer(QStringLiteral("crosshair"), m_plot->layer(QStringLiteral("overlay")), QCustomPlot::limBelow);
    m_plot->layer(QStringLiteral("crosshair"))->setMode(QCPLayer::lmBuffered);
    for (QCPItemStraightLine** line : { &m_crosshair, &m_anchor }) {
        *line = new QCPItemStraightLine(m_plot);
        (*line)->setLayer(QStringLiteral("crosshair"));
        (*line)->setVisible(false);
    }
    setAxes(axes);
    buildMenu();
    applyTheme();

    m_replotTimer->setSingleShot(true);
    connect(m_replotTimer, &QTimer::timeout, this, &PlotTile::drawSoon);
    connect(&theme, &Theme::changed, this, [this] {
        applyTheme();
        scheduleReplot();
    });
    connect(m_plot->xAxis, qOverload<const QCPRange&>(&QCPAxis::rangeChanged), this, [this] { m_isDirty = true; });
}

PlotTile::~PlotTile() = default;

void PlotTile::setTitle(const QString& title)
{
    m_title->setText(title);
    m_title->setToolTip(title);
    setAccessibleName(title);
}

QString PlotTile::title() const { return m_title->text(); }

void PlotTile::setAxes(const AxisTitles& axes)
{
    m_plot->xAxis->setLabel(axes.x);
    m_yTitle = axes.y;
    fitTitle(m_plot->yAxis, m_yTitle, m_plot->height());
    scheduleReplot();
}

void PlotTile::setXTitle(const QString& title, bool isWhole)
{
    m_isWholeX = isWhole;
    setWholeTicks(m_plot->xAxis, isWhole);
    if (m_plot->xAxis->label() != title)
        m_plot->xAxis->setLabel(title);
}

void PlotTile::setPercentY(bool on)
{
    m_isPercentY = on;
    setPercentTicks(m_plot->yAxis, on);
}

void PlotTile::setNote(const QString& note)
{
    m_note = note;
    scheduleReplot();
}

void PlotTile::setEmptyText(const QString& text)
{
    m_emptyText->setText(text);
    if (m_stack->currentIndex() == (text.isEmpty() ? 0 : 1))
        return;
    m_stack->setCurrentIndex(text.isEmpty() ? 0 : 1);
    m_legend->setVisible(text.isEmpty());
    scheduleReplot();
}

QString PlotTile::emptyText() const { return m_stack->currentIndex() == 1 ? m_emptyText->text() : QString(); }

void PlotTile::setMarkers(std::vector<PlotMarker> markers)
{
    m_markers = std::move(markers);
    drawMarkers();
    scheduleReplot();
}

void PlotTile::setGroup(PlotGroup* group)
{
    m_group = group;
    connect(group, &PlotGroup::moved, this, &PlotTile::showCrosshair);
    connect(group, &PlotGroup::anchored, this, &PlotTile::showAnchor);
    connect(group, &PlotGroup::zoomed, this, [this](QObject* source, double lower, double upper) {
        if (source == this)
            return;
        m_isZoomed = true;
        m_plot->xAxis->setRange(lower, upper);
        scheduleReplot();
    });
}

void PlotTile::setLogX(bool on)
{
    m_logX = on;
    setScale(m_plot->xAxis, on);
    setWholeTicks(m_plot->xAxis, m_isWholeX);
    m_logXAction->setChecked(on);
    resetZoom();
}

void PlotTile::setLogY(bool on)
{
    m_logY = on;
    setScale(m_plot->yAxis, on);
    setPercentTicks(m_plot->yAxis, m_isPercentY);
    m_logYAction->setChecked(on);
    resetZoom();
}

void PlotTile::resetZoom()
{
    m_isZoomed = false;
    m_lastShrinkMs = 0;
    m_isDirty = true;
    scheduleReplot();
}

void PlotTile::buildMenu()
{
    const auto add = [this](const QString& text, auto slot) {
        QAction* action = m_menu->addAction(text);
        connect(action, &QAction::triggered, this, slot);
        return action;
    };
    m_menu->setObjectName(objectName() + QStringLiteral("Actions"));
    m_logXAction = add(tr("Logarithmic x axis"), [this](bool on) { setLogX(on); });
    m_logXAction->setCheckable(true);
    m_logYAction = add(tr("Logarithmic y axis"), [this](bool on) { setLogY(on); });
    m_logYAction->setCheckable(true);
    add(tr("Reset zoom"), [this] { resetZoom(); });
    add(tr("Show this plot alone"), [this] { Q_EMIT maximizeRequested(this); });
    m_menu->addSeparator();
    add(tr("Copy as image"), [this] { copyImage(); });
    add(tr("Copy visible range as table"), [this] { copyTable(); });
    add(tr("Save as PNG…"), [this] { exportByDialog(tr("PNG image (*.png)"), QStringLiteral("png")); });
    add(tr("Save as SVG…"), [this] { exportByDialog(tr("SVG drawing (*.svg)"), QStringLiteral("svg")); });
    add(tr("Save as PDF…"), [this] { exportByDialog(tr("PDF document (*.pdf)"), QStringLiteral("pdf")); });
    add(tr("Save visible range as CSV…"), [this] { exportByDialog(tr("Table (*.csv)"), QStringLiteral("csv")); });
}

void PlotTile::applyTheme()
{
    m_menuButton->setIcon(m_theme.icon(QStringLiteral("more"), ColorRole::Secondary));
    m_plot->setBackground(m_theme.color(ColorRole::Plot));
    for (QCPAxis* axis : { m_plot->xAxis, m_plot->yAxis })
        styleAxis(axis, m_theme);
    m_crosshair->setPen(QPen(m_theme.color(ColorRole::Secondary), 1, Qt::DashLine));
    m_anchor->setPen(QPen(m_theme.color(ColorRole::Accent), 1));
    QPalette palette = m_emptyText->palette();
    palette.setColor(QPalette::WindowText, m_theme.color(ColorRole::Secondary));
    palette.setColor(QPalette::Window, m_theme.color(ColorRole::Plot));
    m_emptyText->setPalette(palette);
    m_emptyText->setAutoFillBackground(true);
    drawMarkers();
    m_isDirty = true;
}

void PlotTile::drawMarkers()
{
    const QString prefix = QStringLiteral("marker");
    for (int i = m_plot->itemCount() - 1; i >= 0; --i)
        if (m_plot->item(i)->objectName().startsWith(prefix))
            m_plot->removeItem(m_plot->item(i));
    const auto warnings = std::count_if(m_markers.begin(), m_markers.end(), [](const PlotMarker& marker) { return marker.kind == MarkerKind::Warning; });
    for (const PlotMarker& marker : m_markers)
        addMarkerItems(m_plot, marker, m_theme, prefix, warnings > kLinesOfWarnings ? MarkerLines::Grave : MarkerLines::All);
}

void PlotTile::scheduleReplot()
{
    m_isDirty = true;
    if (!isVisible() || m_replotTimer->isActive())
        return;
    m_replotTimer->start(window()->isActiveWindow() || m_replotsDone == 0 ? (m_replotsDone == 0 ? 0 : kActiveReplotMs)
                                                                           : kInactiveReplotMs);
}

bool PlotTile::isInSight() const { return m_plot->isVisible() && !m_plot->visibleRegion().isEmpty(); }

void PlotTile::drawSoon()
{
    if (m_group)
        m_group->queue(this);
    else
        drawInTurn();
}

bool PlotTile::drawInTurn()
{
    m_isOwed = m_isDirty && !isInSight(); // it is drawn when it is next painted
    return !m_isOwed && replotNow();
}

bool PlotTile::replotNow()
{
    if (!m_isDirty || !m_plot->isVisible() || m_plot->size().isEmpty()) // behind its empty text, or on a screen out of sight
        return false;
    if (!m_isZoomed) {
        const Range x = fullX();
        if (!x.isEmpty())
            fitAxes(widened(x), Range {});
    }
    fitTitle(m_plot->yAxis, m_yTitle, m_plot->height());
    refreshData();
    m_isDirty = false;
    ++m_replotsDone;
    m_plot->replot(QCustomPlot::rpQueuedRefresh);
    updateLegend();
    return true;
}

void PlotTile::settle()
{
    m_replotTimer->stop();
    replotNow();
    if (m_plot->isVisible() && !m_plot->size().isEmpty())
        m_plot->replot(QCustomPlot::rpImmediateRefresh);
}

// A little air beside the first and the last point, so that their discs and markers are not cut.
Range PlotTile::widened(const Range& x) const
{
    constexpr double kAir = 0.012;
    const double air = m_logX || !hasAirBeside() ? 0.0 : (x.upper - x.lower) * kAir;
    return { x.lower - air, x.upper + air };
}

void PlotTile::fitAxes(const Range& x, const Range& y)
{
    if (!x.isEmpty() && !m_isZoomed) {
        const double width = x.upper - x.lower;
        const double lower = m_logX ? std::max(x.lower, 1e-9) : x.lower;
        setFixedRange(m_plot->xAxis, { width > 0 ? lower : lower - 1, width > 0 ? x.upper : x.upper + 1 });
    }
    if (y.isEmpty())
        return;
    const double height = y.upper - y.lower;
    // A constant keeps air around it; a constant zero stands at the foot of an axis to one.
    const double margin = height > 0 ? height * kMargin : y.upper == 0.0 ? 1.0 : std::abs(y.upper) * 0.1;
    QCPRange wanted(y.lower - margin, y.upper + margin);
    if (m_logY)
        wanted = QCPRange(std::max(y.lower, std::max(y.upper, 1e-12) * 1e-6) * 0.9, std::max(y.upper, 1e-12) * 1.1);
    else if (y.lower >= 0 && wanted.lower < 0)
        wanted.lower = -kFoot * wanted.upper;
    const QCPRange present = m_plot->yAxis->range();
    const qint64 now = QDateTime::currentMSecsSinceEpoch();
    const bool fits = present.lower <= y.lower && present.upper >= y.upper;
    if (fits && m_lastShrinkMs != 0 && now - m_lastShrinkMs < kShrinkAfterMs)
        return; // it would only shrink, and that can wait: plots do not jump
    m_lastShrinkMs = now;
    m_plot->yAxis->setRange(wanted);
}

void PlotTile::updateLegend()
{
    std::vector<LegendEntry> entries = legendAt(m_crosshairX);
    if (!m_note.isEmpty()) // beside the plot: inside, it would hide a part of it
        entries.push_back({ m_note, {}, QColor(), Qt::SolidLine, LegendShape::None });
    m_legend->setEntries(std::move(entries));
}

void PlotTile::showCrosshair(std::optional<double> x)
{
    m_crosshairX = x;
    placeLine(m_crosshair, x);
}

void PlotTile::showAnchor(std::optional<double> x)
{
    m_anchorX = x;
    placeLine(m_anchor, x);
}

void PlotTile::placeLine(QCPItemStraightLine* line, std::optional<double> x)
{
    line->setVisible(x.has_value());
    if (x) {
        line->point1->setCoords(*x, m_plot->yAxis->range().lower);
        line->point2->setCoords(*x, m_plot->yAxis->range().upper);
    }
    if (!isInSight())
        return;
    m_plot->layer(QStringLiteral("crosshair"))->replot();
    updateLegend();
}

bool PlotTile::eventFilter(QObject* watched, QEvent* event)
{
    if (watched != m_plot)
        return QWidget::eventFilter(watched, event);
    switch (event->type()) {
    case QEvent::Paint:
        if (m_isOwed && !m_replotTimer->isActive())
            m_replotTimer->start(0);
        break;
    case QEvent::MouseMove: mouseMovedOverPlot(static_cast<QMouseEvent*>(event)); break;
    case QEvent::Leave: mouseLeftPlot(); break;
    case QEvent::MouseButtonDblClick: resetZoom(); break;
    case QEvent::MouseButtonPress: m_pressedAt = static_cast<QMouseEvent*>(event)->pos(); break;
    case QEvent::MouseButtonRelease:
        // The end of a drag is no click.
        if (static_cast<QMouseEvent*>(event)->button() == Qt::LeftButton && (static_cast<QMouseEvent*>(event)->pos() - m_pressedAt).manhattanLength() <= kClickPixels)
            plotClicked(static_cast<QMouseEvent*>(event));
        break;
    case QEvent::ContextMenu: m_menu->popup(static_cast<QContextMenuEvent*>(event)->globalPos()); return true;
    case QEvent::KeyPress:
        if (movedByKey(static_cast<QKeyEvent*>(event)))
            return true;
        break;
    case QEvent::FocusOut: mouseLeftPlot(); break;
    case QEvent::Wheel:
        // Zoom only with Ctrl: a page of plots must scroll under the mouse.
        if (!static_cast<QWheelEvent*>(event)->modifiers().testFlag(Qt::ControlModifier)) {
            event->ignore();
            return true;
        }
        break;
    default: break;
    }
    const bool mayZoom = event->type() == QEvent::Wheel
        || (event->type() == QEvent::MouseMove && (static_cast<QMouseEvent*>(event)->buttons() & Qt::LeftButton));
    if (mayZoom && zoomsByUser()) {
        QTimer::singleShot(0, this, [this] {
            m_isZoomed = true;
            const QCPRange range = m_plot->xAxis->range();
            if (m_group)
                Q_EMIT m_group->zoomed(this, range.lower, range.upper);
            Q_EMIT zoomChanged(range.lower, range.upper);
            scheduleReplot();
        });
    }
    return QWidget::eventFilter(watched, event);
}

// The crosshair by keys: left and right, in larger strides with Shift; Enter is a click there, Shift+Enter a click with
// Shift. Ctrl+C copies the plot as an image.
bool PlotTile::movedByKey(QKeyEvent* event)
{
    if (event->matches(QKeySequence::Copy)) {
        copyImage();
        return true;
    }
    const QCPRange range = m_plot->xAxis->range();
    const double middle = m_crosshairX ? *m_crosshairX : range.center();
    const double stride = range.size() / (event->modifiers().testFlag(Qt::ShiftModifier) ? 20.0 : 200.0);
    switch (event->key()) {
    case Qt::Key_Left: moveCrosshair(std::max(middle - stride, range.lower)); return true;
    case Qt::Key_Right: moveCrosshair(std::min(middle + stride, range.upper)); return true;
    case Qt::Key_Escape: mouseLeftPlot(); return true;
    case Qt::Key_Return:
    case Qt::Key_Enter:
        if (m_crosshairX && event->modifiers().testFlag(Qt::ShiftModifier))
            toggleAnchor(*m_crosshairX);
        else if (m_crosshairX)
            Q_EMIT clickedAt(*m_crosshairX);
        return m_crosshairX.has_value();
    default: return false;
    }
}

void PlotTile::moveCrosshair(std::optional<double> x)
{
    if (m_group)
        m_group->move(x);
    else
        showCrosshair(x);
}

// One that is there already goes, wherever the click was: the next one says where from.
void PlotTile::toggleAnchor(double x)
{
    const auto place = m_anchorX ? std::nullopt : std::optional(x);
    if (m_group)
        m_group->setAnchor(place);
    else
        showAnchor(place);
}

void PlotTile::mouseMovedOverPlot(QMouseEvent* event)
{
    moveCrosshair(m_plot->xAxis->pixelToCoord(event->position().x()));
}

void PlotTile::mouseLeftPlot() { moveCrosshair(std::nullopt); }

void PlotTile::plotClicked(QMouseEvent* event)
{
    const double x = m_plot->xAxis->pixelToCoord(event->position().x());
    if (event->modifiers().testFlag(Qt::ShiftModifier))
        toggleAnchor(x);
    else
        Q_EMIT clickedAt(x);
}

void PlotTile::showEvent(QShowEvent* event)
{
    QWidget::showEvent(event);
    if (m_isDirty)
        drawSoon();
}

QSize PlotTile::sizeHint() const { return { 380, 240 }; }
QSize PlotTile::minimumSizeHint() const { return { 200, 190 }; }

} // namespace midpoint::gui
