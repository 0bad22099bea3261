// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/runs/runs_page.h"

#include "widgets/common/action_registry.h"
#include "widgets/common/command_palette.h"
#include "widgets/common/table_support.h"
#include "widgets/plot/curve_tile.h"
#include "widgets/runs/runs_delegate.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/metric_names.h"
#include "widgets/viewmodels/project_model.h"
#include "widgets/viewmodels/rows_model.h"
#include "widgets/viewmodels/run_filter.h"
#include "widgets/viewmodels/run_model.h"

#include <QComboBox>
#include <QDateTime>
#include <QDoubleSpinBox>
#include <QHeaderView>
#include <QInputDialog>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QMessageBox>
#include <QSplitter>
#include <QTableView>
#include <QTimer>
#include <QToolButton>

#include <algorithm>
#include <cmath>
#include <set>

namespace midpoint::gui {

namespace {

QString unquoted(const std::string& value)
{
    const QString text = qs(value);
    return text.size() >= 2 && (text.front() == QLatin1Char('"') || text.front() == QLatin1Char('\'')) ? text.mid(1, text.size() - 2) : text;
}

} // namespace

RunsPage::RunsPage(Workbench& workbench, QWidget* parent)
    : Page(workbench, QStringLiteral("runsPage"), parent)
    , m_filter(new QLineEdit(this))
    , m_hint(new QLabel(this))
    , m_target(new QDoubleSpinBox(this))
    , m_table(new QTableView(this))
    , m_model(new RowsModel(this))
    , m_metric(new QComboBox(this))
    , m_quantity(new QComboBox(this))
    , m_overlayTile(new CurveTile(theme(), QStringLiteral("plotOverlay"), tr("Compared runs"), { tr("training step"), QString() }, this))
    , m_differences(new QTableView(this))
    , m_differenceModel(new RowsModel(this))
    , m_differenceTitle(new QLabel(this))
    , m_overlayTimer(new QTimer(this))
{
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(8, 6, 8, 6);
    layout->setSpacing(4);
    auto* bar = new QHBoxLayout;
    m_filter->setObjectName(QStringLiteral("runFilter"));
    m_filter->setAccessibleName(tr("Search runs"));
    m_filter->setPlaceholderText(tr("Search runs: name, tag:dots, strategy=dots, reward>0.5, state:failed, seed=3"));
    m_filter->setClearButtonEnabled(true);
    m_hint->setObjectName(QStringLiteral("runFilterHint"));
    m_target->setObjectName(QStringLiteral("targetAccuracy"));
    m_target->setRange(0.0, 1.0);
    m_target->setSingleStep(0.01);
    m_target->setValue(0.8);
    m_target->setAccessibleName(tr("Accuracy to reach"));
    m_target->setToolTip(tr("The columns “steps to”, “rollouts to” and “hours to” say what a run needed to reach this held-out accuracy"));
    auto* columns = new QToolButton(this);
    columns->setObjectName(QStringLiteral("chooseColumns"));
    columns->setText(tr("Columns"));
    theme().setIcon(columns, QStringLiteral("columns"));
    columns->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    columns->setAutoRaise(true);
    columns->setToolTip(tr("Show any setting or metric as a column"));
    columns->setAccessibleName(columns->toolTip());
    bar->addWidget(m_filter, 1);
    bar->addWidget(m_hint);
    bar->addWidget(new QLabel(tr("accuracy to reach"), this));
    bar->addWidget(m_target);
    bar->addWidget(columns);
    bar->addWidget(workbench.actions.makeButton(QStringLiteral("project.newRun"), this, true));
    layout->addLayout(bar);
    auto* split = new QSplitter(Qt::Vertical, this);
    split->setObjectName(QStringLiteral("runsSplit"));
    buildTable();
    split->addWidget(m_table);
    buildCompare(split);
    split->setStretchFactor(0, 2);
    split->setStretchFactor(1, 3);
    layout->addWidget(split, 1);
    m_overlayTimer->setSingleShot(true);
    m_overlayTimer->setInterval(120);
    connect(columns, &QToolButton::clicked, this, &RunsPage::chooseColumns);
    connect(m_filter, &QLineEdit::textChanged, this, &RunsPage::applyFilter);
    connect(m_target, &QDoubleSpinBox::valueChanged, this, [this] { m_model->setRows(m_runs.size()); });
    connect(m_overlayTimer, &QTimer::timeout, this, &RunsPage::askOverlay);
    ProjectModel& project = workbench.project;
    connect(&project, &ProjectModel::runsChanged, this, &RunsPage::refreshRuns);
    connect(&project, &ProjectModel::opened, this, [this] {
        m_extraColumns = savedColumns();
        m_model->setColumns(makeColumns());
    });
    connect(&project, &ProjectModel::comparedChanged, this, [this] {
        m_model->refreshTexts();
        refreshDifferences();
        m_overlayTimer->start();
    });
    connect(&project, &ProjectModel::overlayArrived, this, [this](std::shared_ptr<const Overlay> overlay) {
        m_overlay = std::move(overlay);
        showOverlay();
    });
    refreshRuns();
    showOverlay();
    refreshDifferences();
}

QStringList RunsPage::savedColumns() const
{
    return workbench().project.preference(QStringLiteral("runs.columns")).split(QLatin1Char('\n'), Qt::SkipEmptyParts);
}

void RunsPage::buildTable()
{
    styleTable(m_table, QStringLiteral("runsTable"), tr("Runs of the project"));
    m_model->setColumns(makeColumns());
    m_table->setModel(m_model);
    m_table->setSortingEnabled(true);
    m_table->sortByColumn(-1, Qt::AscendingOrder);
    m_table->setContextMenuPolicy(Qt::CustomContextMenu);
    m_table->setItemDelegate(new RunsDelegate(
        theme(), [this](std::size_t index) -> const RunSummary& { return row(index); },
        [this](const std::string& name) { return workbench().project.compared().count(name) > 0; }, m_table));
    m_table->installEventFilter(this);
    m_table->horizontalHeader()->setStretchLastSection(false);
    constexpr int kWidths[] = { 30, 230, 120, 90, 90, 70, 120, 70, 90, 90, 90, 80, 140 };
    for (int i = 0; i < static_cast<int>(std::size(kWidths)); ++i)
        m_table->setColumnWidth(i, kWidths[i]);
    connect(m_table, &QTableView::doubleClicked, this, &RunsPage::openSelected);
    connect(m_table, &QTableView::clicked, this, [this](const QModelIndex& index) {
        if (index.column() == RunsDelegate::kColorColumn)
            toggleCompared();
    });
    connect(m_table, &QTableView::customContextMenuRequested, this, &RunsPage::showMenu);
}

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
    bar->addStretch(1);
    leftLayout->addLayout(bar);
    leftLayout->addWidget(m_overlayTile, 1);
    auto* right = new QWidget(pane);
    auto* rightLayout = new QVBoxLayout(right);
    rightLayout->setContentsMargins(6, 2, 0, 0);
    QFont bold = font();
    bold.setWeight(QFont::DemiBold);
    m_differenceTitle->setFont(bold);
    m_differenceTitle->setObjectName(QStringLiteral("differenceTitle"));
    m_differenceTitle->setWordWrap(true);
    rightLayout->addWidget(m_differenceTitle);
    rightLayout->addWidget(m_differences, 1);
    styleTable(m_differences, QStringLiteral("differenceTable"), tr("Settings in which the compared runs differ"));
    m_differences->setModel(m_differenceModel);
    pane->addWidget(left);
    pane->addWidget(right);
    pane->setStretchFactor(0, 3);
    pane->setStretchFactor(1, 2);
    split->addWidget(pane);
    connect(m_metric, &QComboBox::currentTextChanged, this, [this] { m_overlayTimer->start(); });
    connect(m_quantity, &QComboBox::currentIndexChanged, this, &RunsPage::showOverlay);
}

std::vector<ColumnSpec> RunsPage::makeColumns() const
{
    const double missing = std::nan("");
    const auto value = [this](std::size_t i, const char* metric) {
        const auto found = row(i).last.find(metric);
        return found == row(i).last.end() ? std::nan("") : found->second;
    };
    const auto shown = [](double v) { return std::isnan(v) ? QStringLiteral("-") : number(v); };
    const auto metricColumn = [=](const QString& title, const QString& help, auto get) {
        return ColumnSpec { title, help, [=](std::size_t i) { return shown(get(i)); }, get, [=](std::size_t i) { return fullPrecision(get(i)); } };
    };
    std::vector<ColumnSpec> columns;
    columns.push_back({ QString(), tr("Colour of the run; filled while it is compared (Space)"), [](std::size_t) { return QString(); }, {}, {} });
    columns.push_back({ tr("name"), {}, [this](std::size_t i) {
                           QString text = (row(i).notes.isStarred ? QStringLiteral("★ ") : QString()) + qs(row(i).name);
                           for (const std::string& tag : row(i).notes.tags)
                               text += QStringLiteral("  #") + qs(tag);
                           return text;
                       },
        {}, [this](std::size_t i) { return qs(row(i).path) + (row(i).notes.note.empty() ? QString() : QLatin1Char('\n') + qs(row(i).notes.note)) + (row(i).problem.empty() ? QString() : QLatin1Char('\n') + qs(row(i).problem)); } });
    columns.push_back({ tr("state"), {}, [this](std::size_t i) { return row(i).problem.empty() ? stateText(row(i).state) : tr("✕ unreadable"); }, {},
        [this](std::size_t i) { return row(i).problem.empty() ? qs(launch::describe(row(i).state)) : qs(row(i).problem); } });
    columns.push_back({ tr("step"), {}, [this](std::size_t i) { return tr("%1 / %2").arg(row(i).step).arg(row(i).totalSteps); },
        [this](std::size_t i) { return static_cast<double>(row(i).step); }, {} });
    columns.push_back({ tr("curve"), tr("Reward over steps"), [](std::size_t) { return QString(); }, {}, {} });
    columns.push_back(metricColumn(tr("reward"), tr("Mean reward of the last step"), [value](std::size_t i) { return value(i, metric_names::kReward); }));
    columns.push_back({ tr("best accuracy"), tr("Best held-out accuracy and its step"),
        [this](std::size_t i) { return row(i).bestAccuracy ? tr("%1 @ %2").arg(number(row(i).bestAccuracy->value)).arg(row(i).bestAccuracy->step) : QStringLiteral("-"); },
        [this, missing](std::size_t i) { return row(i).bestAccuracy ? row(i).bestAccuracy->value : missing; },
        [this](std::size_t i) { return qs(row(i).accuracyMetric); } });
    columns.push_back(metricColumn(tr("steps to"), tr("Steps until the accuracy at the top was reached"), [this, missing](std::size_t i) {
        const auto point = firstReaching(row(i), m_target->value());
        return point ? point->step : missing;
    }));
    columns.push_back({ tr("rollouts to"), tr("Generated rollouts until the accuracy at the top was reached"),
        [this](std::size_t i) {
            const auto point = firstReaching(row(i), m_target->value());
            return point && !std::isnan(point->rollouts) ? compact(point->rollouts) : QStringLiteral("-");
        },
        [this, missing](std::size_t i) {
            const auto point = firstReaching(row(i), m_target->value());
            return point ? point->rollouts : missing;
        },
        {} });
    columns.push_back({ tr("time to"), tr("Wall time until the accuracy at the top was reached"),
        [this](std::size_t i) {
            const auto point = firstReaching(row(i), m_target->value());
            return point && !std::isnan(point->hours) ? duration(point->hours * 3600) : QStringLiteral("-");
        },
        [this, missing](std::size_t i) {
            const auto point = firstReaching(row(i), m_target->value());
            return point ? point->hours : missing;
        },
        {} });
    columns.push_back(metricColumn(tr("with signal"), tr("Share of groups with signal in the last step"), [value](std::size_t i) { return value(i, "baseline_reward/pct_mixed"); }));
    columns.push_back(metricColumn(tr("Pearson"), tr("Predicted against measured difficulty"), [value](std::size_t i) { return value(i, metric_names::kPearson); }));
    columns.push_back({ tr("started"), {}, [this](std::size_t i) {
                           return row(i).startedMs == 0 ? QStringLiteral("-") : QDateTime::fromMSecsSinceEpoch(row(i).startedMs).toString(QStringLiteral("yyyy-MM-dd HH:mm"));
                       },
        [this](std::size_t i) { return static_cast<double>(row(i).startedMs); }, {} });
    for (const QString& key : m_extraColumns) {
        const std::string name = key.toStdString();
        columns.push_back({ key, key, [this, name](std::size_t i) {
                               const auto text = textOf(row(i), name);
                               return text ? qs(*text) : QStringLiteral("-");
                           },
            [this, name, missing](std::size_t i) { return numberOf(row(i), name).value_or(missing); }, {} });
        const bool isText = std::none_of(m_runs.begin(), m_runs.end(), [&](const auto& run) { return numberOf(*run, name).has_value(); });
        if (isText)
            columns.back().number = {};
    }
    return columns;
}

void RunsPage::activated() { workbench().project.refreshNow(); }

void RunsPage::focusFilter()
{
    m_filter->setFocus();
    m_filter->selectAll();
}

void RunsPage::refreshRuns()
{
    const std::string chosen = selectedRun();
    const RunSummaries before = m_runs;
    m_runs = workbench().project.runs();
    // Starred runs first, then the newest.
    std::stable_sort(m_runs.begin(), m_runs.end(), [](const auto& a, const auto& b) {
        if (a->notes.isStarred != b->notes.isStarred)
            return a->notes.isStarred;
        return a->startedMs > b->startedMs;
    });
    const bool sameRows = before.size() == m_runs.size()
        && std::equal(before.begin(), before.end(), m_runs.begin(), [](const auto& a, const auto& b) { return a->name == b->name; });
    if (sameRows && before == m_runs)
        return;
    if (sameRows) {
        m_model->refreshTexts();
    } else {
        m_model->setRows(m_runs.size());
        for (std::size_t i = 0; i < m_runs.size() && !chosen.empty(); ++i)
            if (m_runs[i]->name == chosen && m_model->rowOfSource(i) >= 0)
                m_table->selectRow(m_model->rowOfSource(i));
    }
    refreshMetrics();
    refreshDifferences();
    m_overlayTimer->start();
}

void RunsPage::applyFilter()
{
    const RunFilter filter = RunFilter::parse(m_filter->text());
    m_hint->setText(filter.problem());
    if (filter.isEmpty())
        m_model->setFilter({});
    else
        m_model->setFilter([this, filter](std::size_t index) { return filter.matches(row(index)); });
}

const RunSummary* RunsPage::selected() const
{
    const QModelIndex index = m_table->currentIndex();
    return index.isValid() ? &row(m_model->sourceRow(index.row())) : nullptr;
}

std::string RunsPage::selectedRun() const { return selected() == nullptr ? std::string() : selected()->name; }

void RunsPage::openSelected()
{
    if (const RunSummary* run = selected())
        Q_EMIT runActivated(run->path);
}

bool RunsPage::eventFilter(QObject* watched, QEvent* event)
{
    if (watched == m_table && event->type() == QEvent::KeyPress) {
        const int key = static_cast<QKeyEvent*>(event)->key();
        if (key == Qt::Key_Space) {
            toggleCompared();
            return true;
        }
        if (key == Qt::Key_Return || key == Qt::Key_Enter) {
            openSelected();
            return true;
        }
    }
    return Page::eventFilter(watched, event);
}

void RunsPage::toggleCompared()
{
    ProjectModel& project = workbench().project;
    for (const QModelIndex& index : m_table->selectionModel()->selectedRows()) {
        const std::string& name = row(m_model->sourceRow(index.row())).name;
        project.setCompared(name, project.compared().count(name) == 0);
    }
}

void RunsPage::toggleStar()
{
    if (const RunSummary* run = selected())
        workbench().project.changeNotes(run->name, [](RunNotes& notes) { notes.isStarred = !notes.isStarred; });
}

void RunsPage::editNote()
{
    const RunSummary* run = selected();
    if (run == nullptr)
        return;
    bool isAccepted = false;
    const std::string name = run->name;
    const QString text = QInputDialog::getMultiLineText(this, tr("Note"), tr("Note on %1").arg(qs(name)), qs(run->notes.note), &isAccepted);
    if (isAccepted)
        workbench().project.changeNotes(name, [&](RunNotes& notes) { notes.note = text.toStdString(); });
}

void RunsPage::editTags()
{
    const RunSummary* run = selected();
    if (run == nullptr)
        return;
    QStringList tags;
    for (const std::string& tag : run->notes.tags)
        tags << qs(tag);
    bool isAccepted = false;
    const std::string name = run->name;
    const QString text = QInputDialog::getText(this, tr("Tags"), tr("Tags of %1, with spaces between").arg(qs(name)), QLineEdit::Normal, tags.join(QLatin1Char(' ')), &isAccepted);
    if (isAccepted)
        workbench().project.changeNotes(name, [&](RunNotes& notes) {
            notes.tags.clear();
            for (const QString& tag : text.split(QLatin1Char(' '), Qt::SkipEmptyParts))
                notes.tags.insert(tag.toStdString());
        });
}

void RunsPage::trashSelected()
{
    const RunSummary* run = selected();
    if (run == nullptr)
        return;
    if (run->notes.isStarred || launch::isActive(run->state.kind)) {
        Q_EMIT statusMessage(run->notes.isStarred ? tr("A starred run is protected: take its star away first.") : tr("A run that is going on cannot be removed: stop it first."));
        return;
    }
    const auto answer = QMessageBox::question(this, tr("Move to trash"), tr("Move run %1 to the project's trash folder? It can be moved back by hand.").arg(qs(run->name)));
    if (answer != QMessageBox::Yes)
        return;
    std::error_code error;
    const std::filesystem::path trash = workbench().project.folder() / "trash";
    std::filesystem::create_directories(trash, error);
    std::filesystem::rename(run->path, trash / run->name, error);
    if (error)
        QMessageBox::warning(this, tr("Move to trash"), tr("%1 could not be moved to %2: %3").arg(qs(run->path), qs(trash), qs(error.message())));
    workbench().project.refreshNow();
}

void RunsPage::showMenu(const QPoint& position)
{
    const RunSummary* run = selected();
    if (run == nullptr)
        return;
    auto* menu = new QMenu(this);
    menu->setAttribute(Qt::WA_DeleteOnClose);
    const std::filesystem::path path = run->path;
    menu->addAction(tr("Open"), this, &RunsPage::openSelected);
    for (const char* id : { "runs.compare", "runs.star", "runs.tags", "runs.note" })
        menu->addAction(workbench().actions.action(QString::fromUtf8(id)));
    menu->addSeparator();
    menu->addAction(tr("New run with these settings"), this, [this, path] { Q_EMIT cloneRequested(path); });
    QAction* resume = menu->addAction(tr("Resume"), this, [this, path] { Q_EMIT resumeRequested(path); });
    resume->setEnabled(!launch::isActive(run->state.kind));
    menu->addSeparator();
    menu->addAction(workbench().actions.action(QStringLiteral("runs.trash")));
    menu->popup(m_table->viewport()->mapToGlobal(position));
}

void RunsPage::chooseColumns()
{
    std::set<std::string> keys;
    for (const auto& run : m_runs) {
        for (const auto& [name, value] : run->settings)
            keys.insert(name);
        for (const auto& [name, value] : run->last)
            keys.insert(name);
    }
    std::vector<PaletteEntry> entries;
    for (const std::string& key : keys) {
        const QString name = qs(key);
        const bool isShown = m_extraColumns.contains(name);
        entries.push_back({ name, isShown ? tr("shown: choose to hide") : QString(), true, [this, name, isShown] {
                               if (isShown)
                                   m_extraColumns.removeAll(name);
                               else
                                   m_extraColumns << name;
                               workbench().project.setPreference(QStringLiteral("runs.columns"), m_extraColumns.join(QLatin1Char('\n')));
                               m_model->setColumns(makeColumns());
                           } });
    }
    if (m_columnPalette == nullptr)
        m_columnPalette = new CommandPalette(this);
    m_columnPalette->open(std::move(entries));
}

void RunsPage::refreshMetrics()
{
    std::set<std::string> names;
    for (const auto& run : m_runs)
        for (const auto& [name, value] : run->last)
            names.insert(name);
    QStringList items;
    for (const std::string& name : names)
        items << qs(name);
    QStringList present;
    for (int i = 0; i < m_metric->count(); ++i)
        present << m_metric->itemText(i);
    if (items == present)
        return;
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

void RunsPage::showOverlay()
{
    const auto quantity = static_cast<XQuantity>(std::max(m_quantity->currentIndex(), 0));
    std::vector<CurveSpec> curves;
    QString metric = m_metric->currentText();
    if (m_overlay) {
        metric = qs(m_overlay->metric);
        for (const OverlayCurve& source : m_overlay->curves) {
            if (source.values.empty())
                continue;
            const std::vector<double>& xs = quantity == XQuantity::Step ? source.steps
                : quantity == XQuantity::Time                           ? source.minutes
                : quantity == XQuantity::Rollouts                       ? source.rollouts
                                                                        : source.tokens;
            constexpr std::size_t kFewPoints = 100; // such as evaluations: shown as they are
            auto curve = std::make_shared<Curve>(source.values.size() <= kFewPoints ? 0.0 : run().smoothing());
            for (std::size_t i = 0; i < xs.size(); ++i)
                if (std::isfinite(xs[i]))
                    curve->append(xs[i], source.values[i]);
            if (curve->raw().isEmpty())
                continue;
            curves.push_back({ qs(source.run), curve, source.color, source.run == selectedRun(), source.values.size() <= kFewPoints });
        }
    }
    m_overlayTile->setPlaceholder(!curves.empty() ? QString()
            : workbench().project.compared().empty() ? tr("Choose runs with Space, or click the ring in front of their names, to lay their curves over each other.")
                                                     : tr("The compared runs have not recorded this metric over this quantity."));
    m_overlayTile->setTitle(metric.isEmpty() ? tr("Compared runs") : metric);
    m_overlayTile->setAxes({ axisTitle(quantity), metric });
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
    for (const std::string& key : keys) {
        Difference difference { qs(key), {} };
        for (const RunSummary* run : compared) {
            const auto found = run->settings.find(key);
            difference.values << (found == run->settings.end() ? QStringLiteral("-") : unquoted(found->second));
        }
        if (difference.values.count(difference.values.front()) != difference.values.size())
            m_differenceRows.push_back(std::move(difference));
    }
    std::vector<ColumnSpec> columns;
    columns.push_back({ tr("setting"), {}, [this](std::size_t i) { return m_differenceRows[i].key; }, {}, {} });
    for (qsizetype k = 0; k < m_differenceNames.size(); ++k)
        columns.push_back({ m_differenceNames[k], {}, [this, k](std::size_t i) { return m_differenceRows[i].values.value(k); }, {}, [this, k](std::size_t i) { return m_differenceRows[i].values.value(k); } });
    m_differenceModel->setRows(0);
    m_differenceModel->setColumns(std::move(columns));
    m_differenceModel->setRows(m_differenceRows.size());
    m_differences->setColumnWidth(0, 190);
    m_differenceTitle->setText(compared.size() < 2 ? tr("Settings that differ: choose at least two runs")
                                                   : tr("Settings that differ: %1 of %2").arg(m_differenceRows.size()).arg(keys.size()));
}

} // namespace midpoint::gui
