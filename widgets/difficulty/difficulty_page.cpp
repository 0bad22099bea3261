// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/difficulty/difficulty_page.h"

#include "widgets/common/action_registry.h"
#include "widgets/common/empty_hint.h"
#include "widgets/common/prompt_menu.h"
#include "widgets/common/step_bar.h"
#include "widgets/common/table_support.h"
#include "widgets/common/value_strip.h"
#include "widgets/plot/bar_tile.h"
#include "widgets/plot/curve_tile.h"
#include "widgets/plot/scatter_tile.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/metric_names.h"
#include "widgets/viewmodels/prompt_filter.h"
#include "widgets/viewmodels/rows_model.h"
#include "widgets/viewmodels/run_model.h"

#include <QComboBox>
#include <QGridLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QScrollArea>
#include <QSpinBox>
#include <QSplitter>
#include <QTableView>
#include <QToolButton>

#include <cmath>

namespace midpoint::gui {

namespace {

constexpr int kPredictedColumn = 2;
constexpr int kErrorColumn = 4;
constexpr int kLastStepColumn = 6;
constexpr double kJitterShare = 0.4; // of the distance between two levels k/G

// The same offset for the same measurement at every redraw.
double jitter(const DifficultyPair& pair)
{
    const auto hash = static_cast<std::uint64_t>(pair.promptIndex) * 0x9E3779B97F4A7C15ULL + static_cast<std::uint64_t>(pair.step) * 0xBF58476D1CE4E5B9ULL;
    const double unit = static_cast<double>((hash ^ (hash >> 29)) % 10007) / 10007.0 * 2.0 - 1.0;
    return unit * kJitterShare / static_cast<double>(pair.attempts);
}

} // namespace

DifficultyPage::DifficultyPage(Workbench& workbench, QWidget* parent)
    : StepPage(workbench, QStringLiteral("difficultyPage"), parent)
    , m_values(new ValueStrip(theme(), QStringLiteral("difficultyValues"), this))
    , m_set(new QComboBox(this))
    , m_window(new QSpinBox(this))
    , m_filter(new QLineEdit(this))
    , m_clearRegion(new QToolButton(this))
    , m_count(new QLabel(this))
    , m_scatter(new ScatterTile(theme(), QStringLiteral("plotScatter"), tr("Predicted and measured difficulty"),
          { tr("predicted difficulty (1 − success rate)"), tr("measured difficulty (jittered)") }, this))
    , m_calibration(new BarTile(theme(), QStringLiteral("plotCalibration"), tr("Calibration"), { tr("predicted difficulty, mean of bin"), tr("measured difficulty") }, this))
    , m_pearson(new CurveTile(theme(), QStringLiteral("plotPearson"), tr("Prediction over steps"), { tr("training step"), tr("Pearson / error") }, this))
    , m_histogram(new BarTile(theme(), QStringLiteral("plotPool"), tr("Difficulty of pool, selection and measurement"), { tr("difficulty (1 − success rate)"), tr("share of prompts") }, this))
    , m_table(new QTableView(this))
    , m_model(new RowsModel(this))
    , m_history(new BarTile(theme(), QStringLiteral("plotHistory"), tr("History of a prompt"), { tr("training step"), tr("difficulty (1 − success rate)") }, this))
{
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(8, 6, 8, 6);
    layout->setSpacing(4);
    auto* bar = new QHBoxLayout;
    buildToolbar(bar);
    layout->addLayout(bar);
    layout->addWidget(m_values);
    auto* plots = new QWidget(this);
    m_grid = new QGridLayout(plots);
    m_grid->setContentsMargins(0, 0, 0, 0);
    m_grid->setSpacing(6);
    m_grid->addWidget(m_scatter, 0, 0, 2, 1);
    m_grid->addWidget(m_calibration, 0, 1, 2, 1);
    m_grid->addWidget(m_pearson, 0, 2);
    m_grid->addWidget(m_histogram, 1, 2);
    auto* lower = new QSplitter(Qt::Horizontal, this);
    lower->setObjectName(QStringLiteral("difficultyLower"));
    auto* tablePane = new QWidget(lower);
    auto* tableLayout = new QVBoxLayout(tablePane);
    tableLayout->setContentsMargins(0, 0, 0, 0);
    tableLayout->setSpacing(3);
    auto* filterBar = new QHBoxLayout;
    filterBar->addWidget(m_filter, 1);
    filterBar->addWidget(m_clearRegion);
    filterBar->addWidget(m_count);
    tableLayout->addLayout(filterBar);
    tableLayout->addWidget(m_table, 1);
    buildTable();
    lower->addWidget(tablePane);
    lower->addWidget(m_history);
    lower->setStretchFactor(0, 2);
    lower->setStretchFactor(1, 1);
    lower->setSizes({ 900, 420 });
    auto* split = new QSplitter(Qt::Vertical, this);
    split->setObjectName(QStringLiteral("difficultySplit"));
    split->addWidget(plots);
    split->addWidget(lower);
    split->setStretchFactor(0, 5);
    split->setStretchFactor(1, 3);
    split->setChildrenCollapsible(false);
    auto* scroll = new QScrollArea(this); // in a low window plots keep a legible height
    scroll->setObjectName(QStringLiteral("difficultyScroll"));
    scroll->setWidgetResizable(true);
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setFocusPolicy(Qt::NoFocus);
    scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    scroll->setWidget(split);
    layout->addWidget(scroll, 1);
    m_calibration->setShowsIdentity(true);
    m_calibration->setFixedX(Range { -0.02, 1.02 });
    m_calibration->setFixedY(Range { -0.02, 1.02 });
    m_histogram->setFixedX(Range { 0.0, 1.0 });
    m_history->setFixedY(Range { -0.02, 1.02 });
    m_history->setEmptyText(tr("Choose a prompt in the table to see its history."));
    connect(&run(), &RunModel::opened, this, [this] {
        m_view = nullptr;
        m_selected = -1;
        m_model->setRows(0); // the prompts of the run before are gone, before anything filters them
        setRegion({});
        m_history->setEmptyText(tr("Choose a prompt in the table to see its history."));
        showPlots();
        showValues();
    });
    connect(&run(), &RunModel::difficultyArrived, this, &DifficultyPage::show);
    connect(&run(), &RunModel::promptHistoryArrived, this, [this](std::shared_ptr<const PromptHistory> history) { showHistory(*history); });
    connect(&run(), &RunModel::dataArrived, this, &DifficultyPage::refreshPearson);
    connect(&run(), &RunModel::curvesReplaced, this, &DifficultyPage::refreshPearson);
    connect(m_scatter, &ScatterTile::pointClicked, this, &DifficultyPage::showPrompt);
    connect(m_scatter, &ScatterTile::pointsChosen, this, [this](const std::vector<std::int64_t>& prompts) {
        setRegion(prompts);
        filtersChanged(FilterHistory::Change::Choice);
    });
    connect(m_clearRegion, &QToolButton::clicked, this, [this] {
        setRegion({});
        filtersChanged(FilterHistory::Change::Choice);
    });
    connect(m_set, &QComboBox::activated, this, [this] { filtersChanged(FilterHistory::Change::Choice); });
    connect(m_filter, &QLineEdit::textEdited, this, [this] { filtersChanged(FilterHistory::Change::Typing); });
    showPlots();
    showValues();
}

void DifficultyPage::buildToolbar(QBoxLayout* layout)
{
    m_set->setObjectName(QStringLiteral("difficultySet"));
    m_set->setAccessibleName(tr("Which measurements are shown"));
    m_set->setToolTip(tr("Selected prompts were chosen near the target, which lowers Pearson; reference and explored prompts are drawn uniformly"));
    m_set->addItem(tr("all measured"), QVariant::fromValue(static_cast<int>(MeasuredSet::All)));
    m_set->addItem(tr("reference and explored only"), QVariant::fromValue(static_cast<int>(MeasuredSet::Uniform)));
    m_set->addItem(tr("selected for training only"), QVariant::fromValue(static_cast<int>(MeasuredSet::Selected)));
    m_window->setObjectName(QStringLiteral("difficultyWindow"));
    m_window->setAccessibleName(tr("Steps in the window"));
    m_window->setToolTip(tr("How many steps up to the shown one are measured together"));
    m_window->setRange(1, 1000);
    m_window->setValue(10);
    m_window->setSuffix(tr(" steps"));
    m_filter->setObjectName(QStringLiteral("promptFilter"));
    m_filter->setPlaceholderText(tr("Search prompts: text, source:name, predicted>0.4, seen=0"));
    m_filter->setAccessibleName(tr("Search prompts"));
    m_filter->setClearButtonEnabled(true);
    m_clearRegion->setObjectName(QStringLiteral("clearRegion"));
    m_clearRegion->setAccessibleName(tr("Show all prompts again, not only those chosen in the plot"));
    m_clearRegion->setToolTip(m_clearRegion->accessibleName());
    m_clearRegion->hide();
    layout->addWidget(new StepBar(workbench(), QStringLiteral("difficultyStep"), this));
    layout->addSpacing(12);
    layout->addWidget(new QLabel(tr("window"), this));
    layout->addWidget(m_window);
    layout->addSpacing(12);
    layout->addWidget(new QLabel(tr("measurements"), this));
    layout->addWidget(m_set);
    layout->addStretch(1);
    connect(m_set, &QComboBox::currentIndexChanged, this, &DifficultyPage::ask);
    connect(m_window, &QSpinBox::valueChanged, this, &DifficultyPage::ask);
    connect(m_filter, &QLineEdit::textChanged, this, &DifficultyPage::applyFilter);
}

void DifficultyPage::buildTable()
{
    const auto standing = [this](std::size_t row) -> const PromptStanding& {
        static const PromptStanding none;
        return m_view && row < m_view->standings.size() ? m_view->standings[row] : none;
    };
    const auto prompt = [this](std::size_t row) -> const store::PromptRecord& { return run().facts().prompts[row]; };
    const double missing = std::numeric_limits<double>::quiet_NaN();
    const auto measured = [standing, missing](std::size_t row) {
        const PromptStanding& s = standing(row);
        return s.attempts > 0 ? 1.0 - static_cast<double>(s.successes) / static_cast<double>(s.attempts) : missing;
    };
    const auto integer = [](auto get) { return [get](std::size_t row) { return QString::number(get(row)); }; };
    std::vector<ColumnSpec> columns;
    columns.push_back({ tr("prompt"), tr("Position in the pool"), [](std::size_t row) { return QString::number(row); },
        [](std::size_t row) { return static_cast<double>(row); }, {} });
    columns.push_back({ tr("text"), {}, [prompt](std::size_t row) { return qs(prompt(row).text.substr(0, 300)).simplified(); }, {},
        [prompt](std::size_t row) { return qs(prompt(row).text.substr(0, 2000)); } });
    columns.push_back({ tr("predicted"), tr("Predicted difficulty, 1 − success rate"),
        [standing](std::size_t row) { return rate(standing(row).predicted); },
        [standing, missing](std::size_t row) { return standing(row).predicted.value_or(missing); },
        [standing](std::size_t row) { return standing(row).predicted ? fullPrecision(*standing(row).predicted) : QString(); } });
    columns.push_back({ tr("right"), tr("Right answers of the last measurement"),
        [standing](std::size_t row) {
            const PromptStanding& s = standing(row);
            return s.attempts > 0 ? QStringLiteral("%1/%2").arg(s.successes).arg(s.attempts) : QStringLiteral("-");
        },
        [measured](std::size_t row) { return 1.0 - measured(row); }, {} });
    columns.push_back({ tr("error"), tr("Predicted − measured difficulty"),
        [standing, measured](std::size_t row) {
            const double error = standing(row).predicted.value_or(std::nan("")) - measured(row);
            return std::isnan(error) ? QStringLiteral("-") : QStringLiteral("%1%2").arg(error >= 0 ? QStringLiteral("+") : QString()).arg(error, 0, 'f', 3);
        },
        [standing, measured, missing](std::size_t row) { return standing(row).predicted.value_or(missing) - measured(row); }, {} });
    columns.push_back({ tr("seen"), tr("How often the prompt was measured"), integer([standing](std::size_t row) { return standing(row).seen; }),
        [standing](std::size_t row) { return static_cast<double>(standing(row).seen); }, {} });
    columns.push_back({ tr("last step"), tr("Step of the last measurement"),
        [standing](std::size_t row) { return standing(row).lastStep < 0 ? QStringLiteral("-") : QString::number(standing(row).lastStep); },
        [standing, missing](std::size_t row) { return standing(row).lastStep < 0 ? missing : static_cast<double>(standing(row).lastStep); }, {} });
    columns.push_back({ tr("in buffer"), tr("Groups of this prompt in the replay buffer, by its newest full list"),
        integer([standing](std::size_t row) { return standing(row).inBuffer; }), [standing](std::size_t row) { return static_cast<double>(standing(row).inBuffer); }, {} });
    columns.push_back({ tr("source"), tr("Data set"), [prompt](std::size_t row) { return qs(prompt(row).source); }, {}, {} });
    m_model->setColumns(std::move(columns));
    styleTable(m_table, QStringLiteral("promptTable"), tr("Prompts of the pool"));
    m_table->setModel(m_model);
    new EmptyHint(m_table, tr("No prompt of the pool fits the search, or the run has not recorded its pool yet."));
    m_table->setSortingEnabled(true);
    m_table->sortByColumn(0, Qt::AscendingOrder);
    m_table->setSelectionMode(QAbstractItemView::SingleSelection);
    constexpr int kWidths[] = { 88, 240, 76, 52, 62, 50, 92, 70, 72 };
    for (int i = 0; i < 9; ++i)
        m_table->setColumnWidth(i, kWidths[i]);
    m_table->horizontalHeader()->setStretchLastSection(false);
    m_table->horizontalHeader()->setSectionResizeMode(1, QHeaderView::Stretch); // the text takes what is left
    connect(m_table->selectionModel(), &QItemSelectionModel::currentRowChanged, this, [this](const QModelIndex& index) {
        if (index.isValid())
            readHistory(static_cast<std::int64_t>(m_model->sourceRow(index.row())));
    });
    const auto promptAt = [this](const QModelIndex& index) { return std::optional(static_cast<std::int64_t>(m_model->sourceRow(index.row()))); };
    connect(m_table, &QTableView::activated, this, [this, promptAt](const QModelIndex& index) { Q_EMIT promptRequested(PromptAction::Rollouts, *promptAt(index)); });
    addPromptMenu(m_table, *this, promptAt, [this](QMenu& menu, const QModelIndex& index) { addFilterActions(menu, index); });
}

void DifficultyPage::focusFilter()
{
    m_filter->setFocus();
    m_filter->selectAll();
}

void DifficultyPage::ask()
{
    if (!run().isOpen())
        return;
    DifficultyRequest request;
    request.step = run().currentStep();
    request.windowSteps = m_window->value();
    request.set = static_cast<MeasuredSet>(m_set->currentData().toInt());
    const QString target = qs(run().setting("selection.target"));
    if (!target.isEmpty())
        request.targetSuccess = target.toDouble();
    run().askDifficulty(request);
}

void DifficultyPage::show(std::shared_ptr<const DifficultyView> view)
{
    const bool isFirst = !m_view;
    m_view = std::move(view);
    showValues();
    showPlots();
    if (isFirst || m_model->sourceRows() != run().facts().prompts.size())
        m_model->setRows(run().facts().prompts.size());
    else
        m_model->refreshTexts();
    m_count->setText(tr("%1 of %2 prompts").arg(m_model->rowCount()).arg(m_model->sourceRows()));
    const bool isByPosition = m_table->horizontalHeader()->sortIndicatorSection() == 0;
    if (isFirst && isMeasuredOnly() && isByPosition) // what little is known of a large pool comes first
        m_table->sortByColumn(kLastStepColumn, Qt::DescendingOrder);
    if (isFirst && m_selected < 0 && !m_view->measured.empty())
        readHistory(m_view->measured.back().promptIndex);
}

bool DifficultyPage::isMeasuredOnly() const { return m_view && m_view->firstRound < 0; }

// Without predictions what compares with them takes no place.
void DifficultyPage::arrange()
{
    const bool isPredicted = !isMeasuredOnly();
    for (PlotTile* tile : std::initializer_list<PlotTile*> { m_scatter, m_calibration, m_pearson })
        tile->setVisible(isPredicted);
    for (int column = 0; column < 3; ++column)
        m_grid->setColumnStretch(column, column == 2 ? 4 : isPredicted ? 3 : 0);
    m_histogram->setTitle(isPredicted ? tr("Difficulty of pool, selection and measurement") : tr("Measured difficulty"));
    m_histogram->setAxes({ tr("difficulty (1 − success rate)"), isPredicted ? tr("share of prompts") : tr("share of measured groups") });
    for (const int column : { kPredictedColumn, kErrorColumn })
        m_table->setColumnHidden(column, !isPredicted);
    m_filter->setPlaceholderText(isPredicted ? tr("Search prompts: text, source:name, predicted>0.4, seen=0") : tr("Search prompts: text, source:name, seen=0"));
}

void DifficultyPage::showPlots()
{
    const QString nothing = !run().isOpen() ? tr("Open a run to see its difficulty.")
        : !m_view                           ? tr("Reading…")
        : m_view->roundStep < 0 ? tr("Nothing is predicted before the first round, of step %1.").arg(m_view->firstRound)
                                : tr("No measured groups in this window. Choose a larger window or another step.");
    const bool hasPairs = m_view && !m_view->pairs.empty();
    const bool hasMeasured = m_view && !m_view->measured.empty();
    arrange();
    m_scatter->setEmptyText(hasPairs ? QString() : nothing);
    m_calibration->setEmptyText(hasPairs ? QString() : nothing);
    m_histogram->setEmptyText(hasMeasured || (m_view && m_view->roundStep >= 0) ? QString()
            : m_view ? tr("No measured groups in this window. Choose a larger window or another step.")
                     : nothing);
    refreshPearson();
    if (!m_view)
        return;
    std::vector<ScatterPoint> points;
    for (const DifficultyPair& pair : m_view->pairs)
        points.push_back({ pair.predicted, pair.measured() + jitter(pair), pair.promptIndex, pair.isUniform ? 1 : 0 });
    m_scatter->setPoints(std::move(points), { tr("selected for training"), tr("reference or explored") });
    m_scatter->setAxes({ tr("predicted difficulty (1 − success rate)"), m_scatter->showsDensity() ? tr("measured difficulty (density of points)") : tr("measured difficulty (jittered)") });
    m_scatter->ring(m_selected);
    std::vector<IntervalPoint> bins;
    for (const CalibrationBin& bin : m_view->summary.bins)
        bins.push_back({ bin.predictedMean, bin.measuredMean, bin.interval.low, bin.interval.high, static_cast<double>(bin.prompts) });
    m_calibration->setIntervals(std::move(bins), tr("mean of bin, 95 % interval"));
    const double target = 1.0 - m_view->request.targetSuccess;
    m_histogram->setBand(Range { target - m_view->request.bandHalfWidth, target + m_view->request.bandHalfWidth }, tr("target band"));
    std::vector<HistogramSet> sets;
    const bool isPredicted = m_view->roundStep >= 0;
    if (isPredicted) {
        sets.push_back({ tr("pool, predicted"), m_view->binEdges, m_view->poolShare, 4, true });
        sets.push_back({ tr("selected, predicted"), m_view->binEdges, m_view->selectedShare, 1, false });
    }
    sets.push_back({ tr("measured"), m_view->binEdges, m_view->measuredShare, 0, false });
    m_histogram->setHistograms(std::move(sets));
}

void DifficultyPage::refreshPearson()
{
    std::vector<CurveSpec> curves;
    const auto add = [&](const char* metric, const QString& name, int color) {
        if (const auto curve = run().curve(metric))
            curves.push_back({ name, curve, color });
    };
    add(metric_names::kPearson, tr("Pearson"), 0);
    add(metric_names::kSelectedPearson, tr("of the selected"), 2);
    add("dots/pred_ceiling", tr("noise ceiling"), 4);
    add("dots/pred_mae", tr("mean abs. error"), 1);
    add("dots/pred_ece", tr("calibration error"), 3);
    m_pearson->setXTitle(axisTitle(run().xQuantity()), run().xQuantity() != XQuantity::Time);
    m_pearson->setEmptyText(!curves.empty() ? QString() : run().isOpen() ? tr("This run records no prediction quality.") : tr("Open a run to see its difficulty."));
    Range range { 0.0, 1.0 };
    for (const CurveSpec& spec : curves) // a prediction that is worse than none shows as such
        range.include(spec.curve->raw().valueRange(0, spec.curve->raw().size()));
    m_pearson->setFixedY(Range { range.lower < 0.0 ? range.lower - 0.05 : 0.0, range.upper });
    m_pearson->setCurves(std::move(curves));
}

void DifficultyPage::applyFilter()
{
    const PromptFilter filter = PromptFilter::parse(m_filter->text());
    if (filter.isEmpty() && m_region.empty())
        m_model->setFilter({});
    else
        m_model->setFilter([this, filter](std::size_t row) {
            static const PromptStanding none;
            const bool isInRegion = m_region.empty() || m_region.count(static_cast<std::int64_t>(row)) > 0;
            return isInRegion && row < run().facts().prompts.size() && filter.matches(run().facts().prompts[row], m_view && row < m_view->standings.size() ? m_view->standings[row] : none);
        });
    m_clearRegion->setVisible(!m_region.empty());
    m_clearRegion->setText(tr("chosen in the plot: %1 ✕").arg(m_region.size()));
    m_count->setText(tr("%1 of %2 prompts").arg(m_model->rowCount()).arg(m_model->sourceRows()));
}

QVariantMap DifficultyPage::filters() const
{
    QVariantList region;
    for (const std::int64_t prompt : m_region)
        region << QVariant::fromValue<qlonglong>(prompt);
    return { { QStringLiteral("text"), m_filter->text() }, { QStringLiteral("set"), m_set->currentIndex() }, { QStringLiteral("region"), region } };
}

void DifficultyPage::setFilters(const QVariantMap& filters)
{
    std::vector<std::int64_t> region;
    for (const QVariant& prompt : filters[QStringLiteral("region")].toList())
        region.push_back(prompt.toLongLong());
    m_set->setCurrentIndex(filters[QStringLiteral("set")].toInt());
    m_filter->setText(filters[QStringLiteral("text")].toString());
    setRegion(region);
}

// Only prompts like this one, or all but them, by the column under the mouse: further terms of the search, which Back takes away.
void DifficultyPage::addFilterActions(QMenu& menu, const QModelIndex& index)
{
    const std::size_t row = m_model->sourceRow(index.row());
    const PromptStanding standing = m_view && row < m_view->standings.size() ? m_view->standings[row] : PromptStanding {};
    QStringList terms;
    const QString title = m_model->headerData(index.column(), Qt::Horizontal).toString();
    if (title == tr("predicted") && standing.predicted)
        for (const char* sign : { ">=", "<=" })
            terms << QStringLiteral("predicted%1%2").arg(QLatin1String(sign)).arg(*standing.predicted, 0, 'f', 3);
    if (title == tr("seen"))
        for (const char* sign : { ">=", "<=" })
            terms << QStringLiteral("seen%1%2").arg(QLatin1String(sign)).arg(standing.seen);
    const QString source = qs(run().facts().prompts[row].source);
    if (!source.isEmpty() && !source.contains(QLatin1Char(' ')))
        for (const char* sign : { "", "-" })
            terms << QStringLiteral("%1source:%2").arg(QLatin1String(sign), source);
    menu.addSeparator();
    for (const QString& term : terms)
        menu.addAction(tr("Only %1").arg(term), this, [this, term] {
            m_filter->setText((m_filter->text() + QLatin1Char(' ') + term).trimmed());
            filtersChanged(FilterHistory::Change::Choice);
        });
}

void DifficultyPage::setRegion(const std::vector<std::int64_t>& prompts)
{
    m_region = { prompts.begin(), prompts.end() };
    applyFilter();
    if (!m_region.empty() && m_model->rowCount() > 0)
        m_table->scrollToTop();
}

void DifficultyPage::showPrompt(std::int64_t promptIndex)
{
    int row = m_model->rowOfSource(static_cast<std::size_t>(promptIndex));
    if (row < 0) {
        m_region.clear();
        m_filter->clear();
        applyFilter();
        row = m_model->rowOfSource(static_cast<std::size_t>(promptIndex));
    }
    if (row >= 0) {
        m_table->selectRow(row);
        m_table->scrollTo(m_model->index(row, 0), QAbstractItemView::PositionAtCenter);
    } else {
        readHistory(promptIndex); // the table is not read yet
    }
}

void DifficultyPage::readHistory(std::int64_t promptIndex)
{
    m_selected = promptIndex;
    m_scatter->ring(promptIndex);
    m_history->setEmptyText(tr("Reading the history of prompt %1…").arg(promptIndex));
    run().askPromptHistory(promptIndex);
}

void DifficultyPage::showHistory(const PromptHistory& history)
{
    if (history.promptIndex != m_selected)
        return;
    std::vector<IntervalPoint> line;
    for (std::size_t i = 0; i < history.predicted.steps.size(); ++i)
        if (std::isfinite(history.predicted.values[i]))
            line.push_back({ static_cast<double>(history.predicted.steps[i]), 1.0 - history.predicted.values[i], 0, 0, 0 });
    constexpr std::size_t kMaximumLinePoints = 2000;
    if (line.size() > kMaximumLinePoints) { // evenly thinned: a slow curve, drawn over a few hundred pixels
        const std::size_t stride = line.size() / kMaximumLinePoints + 1;
        std::vector<IntervalPoint> thin;
        for (std::size_t i = 0; i < line.size(); i += stride)
            thin.push_back(line[i]);
        line = std::move(thin);
    }
    constexpr std::size_t kMaximumPoints = 120; // more intervals than that touch each other
    std::vector<IntervalPoint> points;
    for (const HistoryPoint& point : historyPoints(history.observations, kMaximumPoints))
        points.push_back({ point.step, point.measured, point.interval.low, point.interval.high, static_cast<double>(point.attempts) });
    const std::size_t perPoint = points.empty() ? 1 : (history.observations.size() + points.size() - 1) / points.size();
    m_history->setTitle(tr("History of prompt %1").arg(history.promptIndex));
    m_history->setEmptyText(line.empty() && points.empty() ? tr("Prompt %1 was never predicted or measured.").arg(history.promptIndex) : QString());
    const double last = std::max(1.0, static_cast<double>(run().header().step));
    m_history->setFixedX(Range { 0.0, last * 1.02 });
    m_history->setCurveThroughIntervals(std::move(line), tr("predicted"));
    m_history->setIntervals(std::move(points), perPoint > 1 ? tr("measured, %1 groups each, 95 % interval").arg(perPoint) : tr("measured, 95 % interval"));
}

} // namespace midpoint::gui
