// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/runs/runs_page.h"

#include "widgets/common/action_registry.h"
#include "widgets/common/command_palette.h"
#include "widgets/common/empty_hint.h"
#include "widgets/common/table_support.h"
#include "widgets/plot/curve_tile.h"
#include "widgets/runs/runs_delegate.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/metric_names.h"
#include "widgets/viewmodels/metric_titles.h"
#include "widgets/viewmodels/project_model.h"
#include "widgets/viewmodels/rows_model.h"
#include "widgets/viewmodels/run_filter.h"
#include "widgets/viewmodels/run_model.h"

#include <QApplication>
#include <QCheckBox>
#include <QClipboard>
#include <QComboBox>
#include <QDateTime>
#include <QDesktopServices>
#include <QDoubleSpinBox>
#include <QHeaderView>
#include <QInputDialog>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QMessageBox>
#include <QPainter>
#include <QSplitter>
#include <QTableView>
#include <QTimer>
#include <QToolButton>
#include <QUrl>

#include <algorithm>
#include <cmath>
#include <set>

namespace midpoint::gui {

RunsPage::RunsPage(Workbench& workbench, QWidget* parent)
    : Page(workbench, QStringLiteral("runsPage"), parent)
    , m_filter(new QLineEdit(this))
    , m_hint(new QLabel(this))
    , m_groupsSeeds(new QCheckBox(tr("group seeds"), this))
    , m_target(new QDoubleSpinBox(this))
    , m_table(new QTableView(this))
    , m_model(new RowsModel(this))
    , m_metric(new QComboBox(this))
    , m_quantity(new QComboBox(this))
    , m_overlayTile(new CurveTile(theme(), QStringLiteral("plotOverlay"), tr("Compared runs"), { tr("training step"), QString() }, this))
    , m_joinsSeeds(new QCheckBox(tr("mean over seeds"), this))
    , m_allSettings(new QCheckBox(tr("all settings"), this))
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
    m_target->setToolTip(tr("The columns “steps to”, “rollouts to” and “time to” say what a run needed to reach this held-out accuracy"));
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
    m_groupsSeeds->setObjectName(QStringLiteral("groupSeeds"));
    m_groupsSeeds->setToolTip(tr("One row for runs that differ in nothing but their seed (G): mean and range; Return shows the runs below it"));
    bar->addSpacing(8);
    bar->addWidget(m_groupsSeeds);
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
    connect(m_filter, &QLineEdit::textEdited, this, [this] { filtersChanged(FilterHistory::Change::Typing); });
    connect(m_target, &QDoubleSpinBox::valueChanged, this, [this] {
        m_targetIsOwn = true;
        refreshTexts();
        m_model->sort(m_table->horizontalHeader()->sortIndicatorSection(), m_table->horizontalHeader()->sortIndicatorOrder());
    });
    connect(m_groupsSeeds, &QCheckBox::toggled, this, &RunsPage::groupsToggled);
    connect(m_overlayTimer, &QTimer::timeout, this, &RunsPage::askOverlay);
    ProjectModel& project = workbench.project;
    connect(&project, &ProjectModel::runsChanged, this, &RunsPage::refreshRuns);
    connect(&project, &ProjectModel::opened, this, [this] {
        m_extraColumns = savedColumns();
        m_model->setColumns(makeColumns());
    });
    connect(&project, &ProjectModel::comparedChanged, this, [this] {
        refreshTarget();
        refreshTexts();
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

void RunsPage::buildTable()
{
    styleTable(m_table, QStringLiteral("runsTable"), tr("Runs of the project"));
    m_table->setTextElideMode(Qt::ElideMiddle); // runs of one series differ at the end of their names
    m_model->setColumns(makeColumns());
    m_table->setModel(m_model);
    m_table->setSortingEnabled(true);
    m_table->sortByColumn(-1, Qt::AscendingOrder);
    m_table->setContextMenuPolicy(Qt::CustomContextMenu);
    m_table->setItemDelegate(new RunsDelegate(
        theme(), [this](std::size_t row) { return runsOf(row); },
        [this](const std::string& name) { return workbench().project.compared().count(name) > 0; }, m_table));
    m_table->installEventFilter(this);
    m_table->horizontalHeader()->setStretchLastSection(false);
    constexpr int kWidths[] = { 30, 190, 110, 124, 90, 66, 72, 116, 70, 84, 76, 86, 76, 140 };
    for (int i = 0; i < static_cast<int>(std::size(kWidths)); ++i)
        m_table->setColumnWidth(i, kWidths[i]);
    new EmptyHint(m_table, tr("No runs here. Start the demo on the Start screen, or configure a new run (Ctrl+N)."));
    connect(m_table, &QTableView::doubleClicked, this, &RunsPage::openSelected);
    connect(m_table, &QTableView::clicked, this, [this](const QModelIndex& index) {
        if (index.column() == RunsDelegate::kColorColumn)
            toggleCompared();
    });
    connect(m_table, &QTableView::customContextMenuRequested, this, &RunsPage::showMenu);
}

void RunsPage::activated() { workbench().project.refreshNow(); }

void RunsPage::focusFilter()
{
    m_filter->setFocus();
    m_filter->selectAll();
}

void RunsPage::refreshRuns()
{
    const RunSummaries before = m_runs;
    m_runs = workbench().project.runs();
    // Starred runs first, then the newest.
    std::stable_sort(m_runs.begin(), m_runs.end(), [](const auto& a, const auto& b) {
        if (a->notes.isStarred != b->notes.isStarred)
            return a->notes.isStarred;
        return a->startedMs > b->startedMs;
    });
    if (before == m_runs)
        return;
    rebuildRows(before);
    refreshMetrics(before);
    refreshTarget();
    refreshTexts();
    refreshDifferences();
    m_overlayTimer->start();
}

// Until the user types one: the highest accuracy that all compared runs (or all runs) reached, so that the columns say something.
void RunsPage::refreshTarget()
{
    if (m_targetIsOwn)
        return;
    const auto& compared = workbench().project.compared();
    double reached = 1.0;
    bool isKnown = false;
    for (const auto& run : m_runs)
        if (run->bestAccuracy && (compared.empty() || compared.count(run->name) > 0)) {
            reached = std::min(reached, run->bestAccuracy->value);
            isKnown = true;
        }
    const QSignalBlocker block(m_target);
    if (isKnown)
        m_target->setValue(std::floor(reached * 100.0) / 100.0);
}

void RunsPage::applyFilter()
{
    m_hint->setText(RunFilter::parse(m_filter->text()).problem());
    rebuildRows(m_runs);
}

QVariantMap RunsPage::filters() const { return { { QStringLiteral("text"), m_filter->text() } }; }
void RunsPage::setFilters(const QVariantMap& filters) { m_filter->setText(filters[QStringLiteral("text")].toString()); }

void RunsPage::addTerm(const QString& term)
{
    m_filter->setText((m_filter->text() + QLatin1Char(' ') + term).trimmed());
    filtersChanged(FilterHistory::Change::Choice);
}

const RunsPage::Row* RunsPage::currentRow() const
{
    QModelIndex index = m_table->currentIndex();
    const QModelIndexList chosen = m_table->selectionModel()->selectedRows();
    if (!index.isValid() && !chosen.isEmpty())
        index = chosen.front(); // all rows were chosen at once
    return index.isValid() ? &m_rows[m_model->sourceRow(index.row())] : nullptr;
}

const RunSummary* RunsPage::selected() const
{
    const Row* row = currentRow();
    return row == nullptr || row->isGroup() ? nullptr : m_runs[row->runs.front()].get();
}

const RunSummary* RunsPage::chosenRun()
{
    if (const Row* row = currentRow(); row != nullptr && row->isGroup())
        Q_EMIT statusMessage(tr("This row stands for %1 runs: expand it (Return) and choose one of them.").arg(row->runs.size()));
    return selected();
}

std::string RunsPage::selectedRun() const { return selected() == nullptr ? std::string() : selected()->name; }

void RunsPage::openSelected()
{
    if (const RunSummary* run = selected())
        Q_EMIT runActivated(run->path);
    else if (const Row* row = currentRow())
        setExpanded(static_cast<std::size_t>(row - m_rows.data()), !row->isExpanded);
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
        const Row* row = currentRow();
        if ((key == Qt::Key_Right || key == Qt::Key_Left) && row != nullptr && row->isGroup() && row->isExpanded != (key == Qt::Key_Right)) {
            setExpanded(static_cast<std::size_t>(row - m_rows.data()), key == Qt::Key_Right);
            return true;
        }
    }
    return Page::eventFilter(watched, event);
}

void RunsPage::toggleCompared()
{
    ProjectModel& project = workbench().project;
    std::vector<std::pair<std::string, bool>> changes;
    for (const QModelIndex& index : m_table->selectionModel()->selectedRows()) {
        const auto runs = runsOf(m_model->sourceRow(index.row()));
        const bool areAll = std::all_of(runs.begin(), runs.end(), [&](const RunSummary* run) { return project.compared().count(run->name) > 0; });
        for (const RunSummary* run : runs)
            changes.emplace_back(run->name, !areAll);
    }
    for (const auto& [name, isCompared] : changes)
        project.setCompared(name, isCompared);
}

void RunsPage::toggleStar()
{
    if (const RunSummary* run = chosenRun())
        workbench().project.changeNotes(run->name, [](RunNotes& notes) { notes.isStarred = !notes.isStarred; });
}

void RunsPage::rename()
{
    const RunSummary* run = chosenRun();
    if (run == nullptr)
        return;
    bool isAccepted = false;
    const std::filesystem::path path = run->path;
    const QString name = QInputDialog::getText(this, tr("Rename"), tr("New name of %1; its folder is renamed").arg(qs(run->name)), QLineEdit::Normal, qs(run->name), &isAccepted).trimmed();
    if (isAccepted && name.toStdString() != path.filename())
        workbench().project.renameRun(path, name.toStdString());
}

void RunsPage::editNote()
{
    const RunSummary* run = chosenRun();
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
    const RunSummary* run = chosenRun();
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

// Six hues that everyone can tell apart, each also dashed and dotted.
void RunsPage::chooseColor()
{
    const RunSummary* run = chosenRun();
    if (run == nullptr)
        return;
    constexpr int kDashes = 3;
    const QString lines[kDashes] = { tr("solid"), tr("dashed"), tr("dotted") };
    auto* menu = new QMenu(this);
    menu->setObjectName(QStringLiteral("runColors"));
    menu->setAttribute(Qt::WA_DeleteOnClose);
    for (int i = 0; i < Theme::kSeriesCount * kDashes; ++i) {
        QPixmap sample(QSize(36, 12) * devicePixelRatioF());
        sample.setDevicePixelRatio(devicePixelRatioF());
        sample.fill(Qt::transparent);
        QPainter painter(&sample);
        painter.setPen(QPen(theme().series(i), 3, Theme::seriesDash(i)));
        painter.drawLine(2, 6, 34, 6);
        painter.end();
        QAction* action = menu->addAction(QIcon(sample), tr("colour %1, %2").arg(i % Theme::kSeriesCount + 1).arg(lines[i / Theme::kSeriesCount]));
        action->setCheckable(true);
        action->setChecked(i == run->color);
        connect(action, &QAction::triggered, this, [this, i, name = run->name] { workbench().project.changeNotes(name, [i](RunNotes& notes) { notes.color = i; }); });
    }
    menu->popup(m_table->viewport()->mapToGlobal(m_table->visualRect(m_table->currentIndex()).bottomLeft()));
}

void RunsPage::trashSelected()
{
    const RunSummary* run = chosenRun();
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
    const Row* row = currentRow();
    if (row == nullptr)
        return;
    auto* menu = new QMenu(this);
    menu->setObjectName(QStringLiteral("runMenu"));
    menu->setAttribute(Qt::WA_DeleteOnClose);
    if (row->isGroup()) {
        menu->addAction(row->isExpanded ? tr("Hide the runs") : tr("Show the runs"), this, &RunsPage::openSelected);
        menu->addAction(workbench().actions.action(QStringLiteral("runs.compare")));
        menu->addAction(workbench().actions.action(QStringLiteral("runs.groupSeeds")));
        menu->popup(m_table->viewport()->mapToGlobal(position));
        return;
    }
    const RunSummary* run = selected();
    const std::filesystem::path path = run->path;
    menu->addAction(tr("Open"), this, &RunsPage::openSelected);
    for (const char* id : { "runs.compare", "runs.star", "runs.color", "runs.tags", "runs.note", "runs.rename" })
        menu->addAction(workbench().actions.action(QString::fromUtf8(id)));
    menu->addSeparator();
    addFilterActions(menu, m_table->indexAt(position));
    menu->addAction(tr("New run with these settings"), this, [this, path] { Q_EMIT cloneRequested(path); });
    QAction* resume = menu->addAction(tr("Resume"), this, [this, path] { Q_EMIT resumeRequested(path); });
    resume->setEnabled(!launch::isActive(run->state.kind));
    menu->addSeparator();
    menu->addAction(tr("Open folder"), this, [path] { QDesktopServices::openUrl(QUrl::fromLocalFile(qs(path))); });
    menu->addAction(tr("Copy path"), this, [path] { QApplication::clipboard()->setText(qs(path)); });
    menu->addSeparator();
    menu->addAction(workbench().actions.action(QStringLiteral("runs.groupSeeds")));
    menu->addAction(workbench().actions.action(QStringLiteral("runs.trash")));
    menu->popup(m_table->viewport()->mapToGlobal(position));
}

// Only runs like this one, or all but them, by the column under the mouse: further terms of the search, which Back takes away.
void RunsPage::addFilterActions(QMenu* menu, const QModelIndex& index)
{
    if (!index.isValid())
        return;
    const RunSummary& run = *runsOf(m_model->sourceRow(index.row())).front();
    QStringList keys { QStringLiteral("state") };
    const int own = index.column() - (m_model->columnCount() - static_cast<int>(m_extraColumns.size()));
    if (own >= 0)
        keys.prepend(m_extraColumns[own]);
    for (const QString& key : keys) {
        const auto value = textOf(run, key.toStdString());
        if (!value || value->empty() || value->find(' ') != std::string::npos)
            continue;
        menu->addAction(tr("Only %1 = %2").arg(key, qs(*value)), this, [this, term = QStringLiteral("%1=%2").arg(key, qs(*value))] { addTerm(term); });
        menu->addAction(tr("Not %1 = %2").arg(key, qs(*value)), this, [this, term = QStringLiteral("%1!=%2").arg(key, qs(*value))] { addTerm(term); });
    }
    menu->addSeparator();
}

} // namespace midpoint::gui
