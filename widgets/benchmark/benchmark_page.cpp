// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/benchmark/benchmark_page.h"

#include "backend/core/error.h"
#include "widgets/common/action_registry.h"
#include "widgets/common/elided_label.h"
#include "widgets/plot/curve_tile.h"
#include "widgets/plot/row_bar_tile.h"
#include "widgets/viewmodels/benchmark_view.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/rows_model.h"

#include <QComboBox>
#include <QHeaderView>
#include <QLabel>
#include <QSplitter>
#include <QStackedLayout>
#include <QTabWidget>
#include <QTableView>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>

namespace midpoint::gui {

namespace {

constexpr std::size_t kCurvesByThemselves = 5; // hues that are told apart at a glance
constexpr int kWidestColumn = 230;

QString capitalised(const QString& text) { return text.left(1).toUpper() + text.mid(1); }

std::filesystem::file_time_type writtenAt(const std::filesystem::path& file)
{
    std::error_code error;
    return std::filesystem::last_write_time(file, error);
}

} // namespace

BenchmarkPage::BenchmarkPage(Workbench& workbench, QWidget* parent)
    : Page(workbench, QStringLiteral("benchmarkPage"), parent)
    , m_stack(new QStackedLayout(this))
    , m_empty(new QLabel(this))
    , m_title(new ElidedLabel(this))
    , m_summary(new ElidedLabel(this))
    , m_shortcomings(new QLabel(this))
    , m_target(new QComboBox(this))
    , m_quantity(new QComboBox(this))
    , m_table(new QTableView(this))
    , m_model(new RowsModel(this))
    , m_bars(new RowBarTile(theme(), QStringLiteral("plotToTarget"), tr("Spent until the target"), {}, this))
    , m_curves(new CurveTile(theme(), QStringLiteral("plotHeldOut"), tr("Held-out accuracy"), { QString(), tr("accuracy, smoothed") }, this))
    , m_split(new RowBarTile(theme(), QStringLiteral("plotSplit"), tr("Where the time of whole runs went"), tr("share of the wall time of the steps"), this))
    , m_tabs(new QTabWidget(this))
    , m_runTable(new QTableView(this))
    , m_runModel(new RowsModel(this))
    , m_rateTable(new QTableView(this))
    , m_rateModel(new RowsModel(this))
    , m_paperTable(new QTableView(this))
    , m_paperModel(new RowsModel(this))
    , m_background(this)
{
    m_stack->addWidget(buildEmptyPage());

    auto* contents = new QWidget(this);
    auto* layout = new QVBoxLayout(contents);
    layout->setContentsMargins(8, 6, 8, 6);
    layout->setSpacing(4);
    buildBar(contents);
    buildTables();
    auto* split = new QSplitter(Qt::Vertical, contents);
    split->setObjectName(QStringLiteral("benchmarkSplit"));
    split->addWidget(m_table);
    auto* plots = new QSplitter(Qt::Horizontal, split);
    plots->setObjectName(QStringLiteral("benchmarkPlots"));
    plots->addWidget(m_bars);
    plots->addWidget(m_curves);
    buildTabs();
    plots->addWidget(m_tabs);
    for (int i = 0; i < 3; ++i)
        plots->setStretchFactor(i, i == 1 ? 5 : 4);
    split->addWidget(plots);
    split->setStretchFactor(0, 4);
    split->setStretchFactor(1, 5);
    layout->addWidget(split, 1);
    m_stack->addWidget(contents);
    m_split->setPercentX(true);
    connect(m_target, &QComboBox::currentIndexChanged, this, &BenchmarkPage::showTarget);
    connect(m_quantity, &QComboBox::currentIndexChanged, this, &BenchmarkPage::showTarget);
    connect(m_table->selectionModel(), &QItemSelectionModel::selectionChanged, this, &BenchmarkPage::showCurves);
}

QWidget* BenchmarkPage::buildEmptyPage()
{
    auto* emptyPage = new QWidget(this);
    auto* emptyLayout = new QVBoxLayout(emptyPage);
    m_empty->setObjectName(QStringLiteral("benchmarkEmpty"));
    m_empty->setAlignment(Qt::AlignCenter);
    m_empty->setWordWrap(true);
    m_empty->setText(tr("`midpoint bench time-to-target FILE` trains several methods with several seeds and compares what each spent to the same held-out "
                        "accuracy.\nOpen the results.db that it leaves, or drop it here: it stands for itself, also when it comes from a server."));
    emptyLayout->addStretch(1);
    emptyLayout->addWidget(m_empty);
    emptyLayout->addWidget(workbench().actions.makeButton(QStringLiteral("project.openSnapshot"), emptyPage, true), 0, Qt::AlignHCenter);
    emptyLayout->addStretch(1);
    return emptyPage;
}

void BenchmarkPage::buildTabs()
{
    m_tabs->setObjectName(QStringLiteral("benchmarkTabs"));
    m_tabs->setDocumentMode(true);
    auto* paper = new QWidget(m_tabs);
    auto* paperLayout = new QVBoxLayout(paper);
    paperLayout->setContentsMargins(0, 4, 0, 0);
    auto* paperText = new QLabel(tr("The paper's own figures (arXiv 2506.05316), for DOTS + rollout replay on its models and eight GPUs: time to the accuracy at "
                                    "which GRPO ends after 60 steps. None of these runs was repeated here."),
        paper);
    paperText->setObjectName(QStringLiteral("benchmarkPaperText"));
    paperText->setWordWrap(true);
    paperLayout->addWidget(paperText);
    paperLayout->addWidget(m_paperTable, 1);
    m_tabs->addTab(m_split, tr("Time"));
    m_tabs->addTab(m_runTable, tr("Seeds"));
    m_tabs->addTab(m_rateTable, tr("Rates"));
    m_tabs->addTab(paper, tr("Paper"));
    const QString help[] = { tr("Where the time of whole runs went"), tr("Every run, also those that failed or are missing"), tr("Learning rates that were tried"),
        tr("What the paper reports on its own models") };
    for (int i = 0; i < m_tabs->count(); ++i)
        m_tabs->setTabToolTip(i, help[i]);
}

void BenchmarkPage::buildBar(QWidget* contents)
{
    auto* bar = new QHBoxLayout;
    m_title->setObjectName(QStringLiteral("benchmarkTitle"));
    m_title->setFont(theme().strongFont());
    m_summary->setObjectName(QStringLiteral("benchmarkSummary"));
    m_shortcomings->setObjectName(QStringLiteral("benchmarkShortcomings"));
    const auto colour = [this] {
        theme().setTextColor(m_summary, ColorRole::Secondary);
        theme().setTextColor(m_shortcomings, ColorRole::Warning);
    };
    colour();
    connect(&theme(), &Theme::changed, this, colour);
    m_target->setObjectName(QStringLiteral("benchmarkTarget"));
    m_target->setAccessibleName(tr("Accuracy to reach"));
    m_target->setToolTip(tr("Held-out accuracy that the costs are counted to; or what whole runs spent"));
    m_target->setSizeAdjustPolicy(QComboBox::AdjustToContents);
    m_quantity->setObjectName(QStringLiteral("benchmarkQuantity"));
    m_quantity->setAccessibleName(tr("Cost"));
    m_quantity->setToolTip(tr("Cost of the bars, of the savings and on the x axis of the curves"));
    for (const store::Quantity each : store::kQuantities)
        m_quantity->addItem(shortTitle(each));
    m_quantity->setCurrentIndex(m_quantity->count() - 1); // wall time
    auto* reload = new QToolButton(contents);
    reload->setObjectName(QStringLiteral("benchmarkReload"));
    theme().setIcon(reload, QStringLiteral("reset"));
    reload->setAutoRaise(true);
    reload->setToolTip(tr("Read the file again"));
    reload->setAccessibleName(reload->toolTip());
    connect(reload, &QToolButton::clicked, this, &BenchmarkPage::reload);
    auto* texts = new QVBoxLayout;
    texts->setSpacing(0);
    texts->addWidget(m_title);
    texts->addWidget(m_summary);
    bar->addLayout(texts, 1);
    bar->addWidget(m_shortcomings);
    bar->addSpacing(8);
    bar->addWidget(new QLabel(tr("to"), contents));
    bar->addWidget(m_target);
    bar->addWidget(new QLabel(tr("cost"), contents));
    bar->addWidget(m_quantity);
    bar->addWidget(reload);
    bar->addWidget(workbench().actions.makeButton(QStringLiteral("project.openSnapshot"), contents, true));
    static_cast<QVBoxLayout*>(contents->layout())->addLayout(bar);
}

void BenchmarkPage::open(const std::filesystem::path& file)
{
    m_asked = file;
    m_background.run([this, file]() -> std::function<void()> {
        const auto written = writtenAt(file);
        try {
            auto result = std::make_shared<const store::TimeToTarget>(store::readTimeToTarget(file));
            return [this, file, result, written] { arrived(file, result, written, {}); };
        } catch (const Error& error) {
            return [this, file, message = qs(std::string(error.what()))] { arrived(file, nullptr, {}, message); };
        }
    });
}

void BenchmarkPage::reload()
{
    if (!m_file.empty())
        open(m_file);
}

// A benchmark that goes on writes its file again at its end.
void BenchmarkPage::activated()
{
    if (isLoaded() && writtenAt(m_file) != m_written)
        reload();
}

void BenchmarkPage::arrived(const std::filesystem::path& file, Shown result, std::filesystem::file_time_type written, const QString& problem)
{
    if (file != m_asked)
        return; // another one was asked for meanwhile
    if (!result) {
        Q_EMIT refused(problem);
        return;
    }
    m_file = file;
    m_written = written;
    m_result = std::move(result);
    showAll();
    Q_EMIT opened(file);
}

void BenchmarkPage::setXQuantity(XQuantity axis)
{
    const store::Quantity chosen = axis == XQuantity::Step ? store::Quantity::Steps
        : axis == XQuantity::Time                          ? store::Quantity::TrainSeconds
        : axis == XQuantity::Rollouts                      ? store::Quantity::Rollouts
                                                           : store::Quantity::GeneratedTokens;
    m_quantity->setCurrentIndex(static_cast<int>(chosen)); // in the order of kQuantities
}

std::optional<std::size_t> BenchmarkPage::target() const
{
    const int index = m_target->currentIndex();
    return index >= 0 && index < std::ssize(m_result->targets) ? std::optional(static_cast<std::size_t>(index)) : std::nullopt;
}

store::Quantity BenchmarkPage::quantity() const { return store::kQuantities[static_cast<std::size_t>(std::max(m_quantity->currentIndex(), 0))]; }

void BenchmarkPage::showAll()
{
    const int before = m_target->currentIndex();
    {
        const QSignalBlocker block(m_target);
        m_target->clear();
        for (std::size_t i = 0; i < m_result->targets.size(); ++i)
            m_target->addItem(targetTitle(*m_result, i));
        m_target->addItem(tr("the end of whole runs"));
        m_target->setCurrentIndex(before >= 0 && before < m_target->count() ? before : 0);
    }
    m_seedRows.clear();
    m_rateRows.clear();
    int failed = 0;
    int missing = 0;
    std::size_t seeds = 0;
    for (std::size_t i = 0; i < m_result->methods.size(); ++i) {
        seeds = std::max(seeds, method(i).runs.size());
        for (std::size_t run = 0; run < method(i).runs.size(); ++run) {
            m_seedRows.push_back({ i, run });
            failed += method(i).runs[run].run.end == store::RunEnd::Failed ? 1 : 0;
            missing += method(i).runs[run].run.end == store::RunEnd::Missing ? 1 : 0;
        }
        for (std::size_t trial = 0; trial < method(i).trials.size(); ++trial)
            for (std::size_t run = 0; run < method(i).trials[trial].runs.size(); ++run)
                m_rateRows.push_back({ i, trial, run });
    }
    m_title->setText(qs(m_file));
    m_title->setToolTip(qs(m_file));
    m_summary->setText(tr("%1 against %2, %3 seeds: median [lowest, highest]").arg(qs(m_result->metric), qs(m_result->baseline)).arg(seeds));
    m_summary->setToolTip(tr("%1, smoothed to both sides with weight %2; savings are against %3, by the medians; evaluation is in no cost")
                              .arg(qs(m_result->metric), number(m_result->smoothing), qs(m_result->baseline)));
    QStringList shortcomings;
    if (failed > 0)
        shortcomings << tr("%n failed", nullptr, failed);
    if (missing > 0)
        shortcomings << tr("%n missing", nullptr, missing);
    m_shortcomings->setText(shortcomings.isEmpty() ? QString() : tr("! runs: %1").arg(shortcomings.join(QStringLiteral(", "))));
    m_shortcomings->setToolTip(tr("The tab “Seeds” says which and why"));
    m_model->setRows(m_result->methods.size());
    m_runModel->setRows(m_seedRows.size());
    m_rateModel->setRows(m_rateRows.size());
    // What no method has takes no place.
    for (int column = 0; column < m_model->columnCount(); ++column) {
        const QString title = m_model->headerData(column, Qt::Horizontal).toString();
        bool isEmpty = title == tr("preparation") || title == tr("measuring");
        for (int row = 0; row < m_model->rowCount() && isEmpty; ++row)
            isEmpty = m_model->index(row, column).data().toString() == QStringLiteral("-");
        m_table->setColumnHidden(column, isEmpty);
    }
    m_stack->setCurrentIndex(1);
    showTarget();
}

void BenchmarkPage::showTarget()
{
    if (!m_result)
        return;
    m_model->sort(m_table->horizontalHeader()->sortIndicatorSection(), m_table->horizontalHeader()->sortIndicatorOrder());
    m_model->refreshTexts();
    m_runModel->sort(m_runTable->horizontalHeader()->sortIndicatorSection(), m_runTable->horizontalHeader()->sortIndicatorOrder());
    m_runModel->refreshTexts();
    for (QTableView* table : { m_table, m_runTable, m_rateTable }) {
        table->resizeColumnsToContents();
        for (int column = 0; column < table->model()->columnCount(); ++column)
            table->setColumnWidth(column, std::min(table->columnWidth(column) + 10, kWidestColumn));
    }
    showBars();
    showCurves();
    showSplit();
}

QString BenchmarkPage::titleOf(std::size_t index) const
{
    const QString name = qs(method(index).name);
    return method(index).name == m_result->baseline ? tr("%1 (baseline)").arg(name) : name;
}

QString BenchmarkPage::describe() const
{
    return tr("%1; %2; to %3").arg(qs(m_file), qs(m_result->metric), target() ? targetTitle(*m_result, *target()) : m_target->currentText());
}

void BenchmarkPage::showBars()
{
    std::vector<BarRow> rows;
    for (const std::size_t i : byCost(*m_result, target(), quantity())) {
        const store::OverSeeds& spent = spentBy(method(i), target(), quantity());
        BarRow row { titleOf(i), { spent.median }, static_cast<int>(i), spent.lowest, spent.highest };
        row.text = valueText(quantity(), spent.median);
        if (std::isinf(spent.highest)) // of a target: whole runs end
            row.text = tr("%1 (%2/%3)").arg(row.text).arg(method(i).toTarget[*target()].reached).arg(method(i).counted);
        rows.push_back(std::move(row));
    }
    m_bars->setEmptyText(rows.empty() ? tr("No run is complete.") : QString());
    m_bars->setTitle(capitalised(target() ? tr("%1 to %2").arg(shortTitle(quantity()), targetTitle(*m_result, *target())) : tr("%1 of whole runs").arg(shortTitle(quantity()))));
    m_bars->setXTitle(axisTitle(quantity()), false);
    m_bars->setNote(tr("median; whisker: lowest to highest seed"));
    m_bars->setRows(std::move(rows));
    const store::MethodResult* baseline = baselineOf(*m_result);
    m_bars->setReference(baseline != nullptr ? std::optional(spentBy(*baseline, target(), quantity()).median) : std::nullopt, tr("baseline %1").arg(qs(m_result->baseline)));
    m_bars->setExportDescription(describe());
}

// Those that are chosen in the table; by themselves the baseline and the cheapest.
std::set<std::size_t> BenchmarkPage::chosenMethods() const
{
    std::set<std::size_t> chosen;
    for (const QModelIndex& index : m_table->selectionModel()->selectedRows())
        chosen.insert(m_model->sourceRow(index.row()));
    if (!chosen.empty())
        return chosen;
    for (std::size_t i = 0; i < m_result->methods.size(); ++i)
        if (method(i).name == m_result->baseline)
            chosen.insert(i);
    for (const std::size_t i : byCost(*m_result, target(), quantity()))
        if (chosen.size() <= kCurvesByThemselves)
            chosen.insert(i);
    return chosen;
}

void BenchmarkPage::showCurves()
{
    if (!m_result)
        return;
    std::vector<CurveSpec> curves;
    const std::set<std::size_t> chosen = chosenMethods();
    for (const std::size_t i : chosen) {
        const CurveOverSeeds source = curveOverSeeds(method(i), quantity());
        if (source.spent.empty())
            continue;
        auto middle = std::make_shared<Curve>();
        auto low = std::make_shared<Curve>();
        auto high = std::make_shared<Curve>();
        for (std::size_t k = 0; k < source.spent.size(); ++k) {
            middle->append(source.spent[k], source.median[k]);
            low->append(source.spent[k], source.lowest[k]);
            high->append(source.spent[k], source.highest[k]);
        }
        CurveSpec spec { titleOf(i), middle, static_cast<int>(i), method(i).name == m_result->baseline };
        if (method(i).counted > 1)
            spec.band = CurveBand { {}, low, high };
        curves.push_back(std::move(spec));
    }
    m_curves->setEmptyText(curves.empty() ? tr("None of these methods has a complete run.") : QString());
    m_curves->setNote(tr("median, band: all seeds; %1 of %2 methods: choose rows for others").arg(curves.size()).arg(m_result->methods.size()));
    m_curves->setXTitle(axisTitle(quantity()), quantity() == store::Quantity::Steps);
    m_curves->setReference(target() ? std::optional(m_result->targets[*target()].accuracy) : std::nullopt, tr("target"));
    m_curves->setCurves(std::move(curves));
    m_curves->setExportDescription(describe());
    m_curves->resetZoom();
}

void BenchmarkPage::showSplit()
{
    std::vector<BarRow> rows;
    for (const store::MethodResult& each : m_result->methods) {
        const store::SplitShares& split = each.split;
        if (!std::isnan(split.generation.median))
            rows.push_back({ qs(each.name), { split.generation.median, split.update.median, split.choice.median, split.rest.median }, 0, std::nan(""), std::nan("") });
    }
    m_split->setEmptyText(rows.empty() ? tr("No run has recorded its times.") : QString());
    m_split->setNote(tr("medians over seeds"));
    m_split->setRows(std::move(rows), { tr("generation"), tr("update"), tr("choice of prompts"), tr("rest") });
    m_split->setExportDescription(describe());
}

} // namespace midpoint::gui
