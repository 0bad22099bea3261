// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/system/system_page.h"

#include "widgets/common/table_support.h"
#include "widgets/common/value_strip.h"
#include "widgets/plot/curve_tile.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/metric_names.h"
#include "widgets/viewmodels/rows_model.h"
#include "widgets/viewmodels/run_model.h"

#include <QGridLayout>
#include <QHeaderView>
#include <QLabel>
#include <QScrollArea>
#include <QTableView>

#include <algorithm>

namespace midpoint::gui {

namespace {
constexpr int kMemoryColumn = 4;
constexpr int kPhaseColumn = 6;
constexpr int kTogetherColumn = 7;
constexpr int kWaitsForColumn = 8;
} // namespace

SystemPage::SystemPage(Workbench& workbench, QWidget* parent)
    : Page(workbench, QStringLiteral("systemPage"), parent)
    , m_values(new ValueStrip(theme(), QStringLiteral("systemValues"), this))
    , m_verdict(new QLabel(this))
    , m_table(new QTableView(this))
    , m_model(new RowsModel(this))
    , m_timeline(new PhaseTimeline(theme(), this))
    , m_lanes(new QScrollArea(this))
    , m_memory(new CurveTile(theme(), QStringLiteral("plotMemory"), tr("Memory"), { tr("training step"), tr("gigabytes") }, this))
    , m_throughput(new CurveTile(theme(), QStringLiteral("plotSpeed"), tr("Speed"), { tr("training step"), tr("tokens per second") }, this))
{
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(8, 6, 8, 6);
    layout->setSpacing(6);
    m_verdict->setObjectName(QStringLiteral("slowestRank"));
    m_verdict->setFont(theme().strongFont());
    m_verdict->setWordWrap(true);
    layout->addWidget(m_values);
    layout->addWidget(m_verdict);
    buildTable();
    layout->addWidget(m_table);
    auto* timelineTitle = new QLabel(tr("Phases of the last steps (seconds drawn to scale)"), this);
    timelineTitle->setFont(theme().strongFont());
    layout->addWidget(timelineTitle);
    m_lanes->setObjectName(QStringLiteral("phaseLanes"));
    m_lanes->setAccessibleName(tr("Phases of the last steps, one lane per rank"));
    m_lanes->setWidgetResizable(true);
    m_lanes->setFrameShape(QFrame::NoFrame);
    m_lanes->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    m_lanes->setWidget(m_timeline);
    layout->addWidget(m_lanes);
    auto* plots = new QHBoxLayout;
    plots->setSpacing(6);
    plots->addWidget(m_memory);
    plots->addWidget(m_throughput);
    layout->addLayout(plots, 3);
    connect(&run(), &RunModel::headerChanged, this, &SystemPage::refresh);
    connect(&run(), &RunModel::factsChanged, this, &SystemPage::refresh);
    connect(&run(), &RunModel::opened, this, [this] {
        m_view = nullptr;
        m_timeline->setPhases({});
        fitLanes();
        refresh();
    });
    connect(&run(), &RunModel::dataArrived, this, [this] {
        if (isVisible())
            run().askSystem();
        refreshCurves();
    });
    connect(&run(), &RunModel::curvesReplaced, this, &SystemPage::refreshCurves);
    connect(&run(), &RunModel::systemArrived, this, [this](std::shared_ptr<const SystemView> view) {
        m_view = std::move(view);
        m_timeline->setPhases(m_view->phases);
        fitLanes();
        refresh();
    });
    fitLanes();
    refresh();
    refreshCurves();
}

void SystemPage::buildTable()
{
    const auto row = [this](std::size_t i) -> const RankRow& { return m_rows[i]; };
    static const QString none = QStringLiteral("-");
    const auto seconds = [](double value) { return value > 0 ? QString::number(value, 'f', 2) : none; };
    std::vector<ColumnSpec> columns;
    columns.push_back({ tr("rank"), {}, [row](std::size_t i) { return QString::number(row(i).record.rank); }, [row](std::size_t i) { return static_cast<double>(row(i).record.rank); }, {} });
    columns.push_back({ tr("host"), {}, [row](std::size_t i) { return qs(row(i).record.host); }, {}, {} });
    columns.push_back({ tr("device"), {}, [row](std::size_t i) {
                           const auto& r = row(i).record;
                           return r.deviceName.empty() || r.deviceName == r.device ? qs(r.device) : qs(r.device + "  " + r.deviceName);
                       },
        {}, [row](std::size_t i) { return qs(row(i).record.deviceName); } });
    columns.push_back({ tr("process"), tr("Process id"), [row](std::size_t i) { return row(i).record.pid > 0 ? QString::number(row(i).record.pid) : none; }, [row](std::size_t i) { return static_cast<double>(row(i).record.pid); }, {} });
    columns.push_back({ tr("memory"), tr("Memory of the device"), [row](std::size_t i) { return row(i).record.memoryBytes > 0 ? bytes(static_cast<double>(row(i).record.memoryBytes)) : none; },
        [row](std::size_t i) { return static_cast<double>(row(i).record.memoryBytes); }, {} });
    columns.push_back({ tr("step"), {}, [row](std::size_t i) { return row(i).hasBeat ? QString::number(row(i).beat.step) : none; }, [row](std::size_t i) { return static_cast<double>(row(i).beat.step); }, {} });
    columns.push_back({ tr("phase"), tr("What the rank does, and for how long"), [this, row](std::size_t i) {
                           if (row(i).beat.outcome == launch::Outcome::Failed)
                               return (row(i).beat.lostPeer ? tr("ended in %1") : tr("! failed in %1")).arg(qs(row(i).beat.phase));
                           const bool isGoing = launch::isActive(run().header().state.kind) && row(i).phaseSeconds >= 0;
                           return !row(i).hasBeat ? none : isGoing ? tr("%1, %2").arg(qs(row(i).beat.phase), duration(row(i).phaseSeconds)) : qs(row(i).beat.phase);
                       }, {}, {} });
    columns.push_back({ tr("together with the others"), tr("The collective operation it is in and its number; ranks with the same number are equally far"), [row](std::size_t i) {
                           const launch::Heartbeat& beat = row(i).beat;
                           return beat.sequence < 0 ? none : beat.operation.empty() ? tr("after %1").arg(beat.sequence) : tr("%1, number %2").arg(qs(beat.operation)).arg(beat.sequence);
                       },
        [row](std::size_t i) { return static_cast<double>(row(i).beat.sequence); }, {} });
    columns.push_back({ tr("waits for"), tr("The rank that this one waits for"), [row](std::size_t i) {
                           return row(i).isAwaited ? tr("! holds up others") : row(i).waitsForRank < 0 ? none : tr("rank %1").arg(row(i).waitsForRank);
                       },
        [row](std::size_t i) { return static_cast<double>(row(i).waitsForRank); }, {} });
    columns.push_back({ tr("heartbeat"), tr("Last sign of life"), [row](std::size_t i) { return row(i).ageSeconds < 0 ? none : (row(i).isLate ? QStringLiteral("! ") : QString()) + ago(row(i).ageSeconds); },
        [row](std::size_t i) { return row(i).ageSeconds; }, {} });
    columns.push_back({ tr("work s"), tr("Seconds of work in the last step"), [row, seconds](std::size_t i) { return seconds(row(i).workSeconds); }, [row](std::size_t i) { return row(i).workSeconds; }, {} });
    columns.push_back({ tr("wait s"), tr("Seconds spent waiting for other ranks in the last step"), [row, seconds](std::size_t i) { return seconds(row(i).waitSeconds); }, [row](std::size_t i) { return row(i).waitSeconds; }, {} });
    m_model->setColumns(std::move(columns));
    styleTable(m_table, QStringLiteral("rankTable"), tr("Ranks"));
    m_table->setModel(m_model);
    constexpr int kWidths[] = { 46, 110, 190, 70, 76, 60, 130, 200, 130, 96, 64, 64 };
    for (int i = 0; i < static_cast<int>(std::size(kWidths)); ++i)
        m_table->setColumnWidth(i, kWidths[i]);
    m_table->horizontalHeader()->setStretchLastSection(false);
    m_table->horizontalHeader()->setSectionResizeMode(kPhaseColumn, QHeaderView::Stretch); // it says the most
}

void SystemPage::activated()
{
    run().askSystem();
    refresh();
}

void SystemPage::refresh()
{
    refreshRanks();
    refreshValues();
}

// Lanes of many ranks scroll; those of a few take no more room than they need.
void SystemPage::fitLanes()
{
    constexpr int kMaximumHeight = 300;
    m_lanes->setFixedHeight(std::min(m_timeline->sizeHint().height() + 2, kMaximumHeight));
}

void SystemPage::refreshRanks()
{
    const RunHeader& header = run().header();
    const std::size_t before = m_rows.size();
    const bool isActive = launch::isActive(header.state.kind);
    m_rows = rankRows({ run().facts().ranks, header.heartbeats, m_view ? m_view->phases : std::vector<store::PhaseTiming> {}, systemClock().wallMilliseconds(), isActive });
    if (before == m_rows.size())
        m_model->refreshTexts();
    else
        m_model->setRows(m_rows.size());
    constexpr int kMaximumRows = 8; // more scroll
    const int rowsShown = std::clamp(static_cast<int>(m_rows.size()), 1, kMaximumRows);
    m_table->setFixedHeight(m_table->horizontalHeader()->sizeHint().height() + rowsShown * m_table->verticalHeader()->defaultSectionSize() + 22);
    const bool isTrouble = std::any_of(m_rows.begin(), m_rows.end(), [](const RankRow& row) { return row.isLate || row.waitsForRank >= 0; });
    m_verdict->setText(!run().isOpen() ? tr("Open a run to see its processes.") : m_rows.empty() ? tr("No process of this run has reported yet.") : rankVerdict(m_rows));
    m_verdict->setVisible(!m_verdict->text().isEmpty());
    for (const int column : { kTogetherColumn, kWaitsForColumn })
        m_table->setColumnHidden(column, m_rows.size() < 2); // one rank waits for nobody
    m_table->setColumnHidden(kMemoryColumn, std::none_of(m_rows.begin(), m_rows.end(), [](const RankRow& row) { return row.record.memoryBytes > 0; }));
    theme().setTextColor(m_verdict, isTrouble ? ColorRole::Warning : ColorRole::Text);
}

void SystemPage::refreshValues()
{
    const RunHeader& header = run().header();
    std::vector<KeyValue> values;
    values.push_back({ tr("ranks"), QString::number(m_rows.size()), m_rows.empty() ? QString() : qs(m_rows.front().record.device), {} });
    values.push_back({ tr("time of a step"), run().last(metric_names::kStepSeconds) ? tr("%1 s").arg(number(run().last(metric_names::kStepSeconds))) : QStringLiteral("-"), tr("last step"), {} });
    const auto memory = run().last("system/rss_gb");
    values.push_back({ tr("memory of rank 0"), memory ? tr("%1 GB").arg(number(memory)) : QStringLiteral("-"), tr("resident"), {} });
    values.push_back({ tr("metrics"), bytes(static_cast<double>(header.databaseBytes)), QStringLiteral("run.db"), {} });
    values.push_back({ tr("rollouts"), bytes(static_cast<double>(header.rolloutBytes)), QStringLiteral("rollouts.db"), {} });
    values.push_back({ tr("checkpoints"), bytes(static_cast<double>(header.checkpointBytes)),
        header.checkpoints.empty() ? (header.hasDamagedCheckpoints ? tr("! none can be used") : tr("none yet")) : tr("%1 kept, newest %2").arg(header.checkpoints.size()).arg(qs(header.checkpoints.back())), {} });
    const bool isTight = header.freeBytes >= 0 && header.freeBytes < 2'000'000'000;
    values.push_back({ tr("disk free"), header.freeBytes < 0 ? QStringLiteral("-") : bytes(static_cast<double>(header.freeBytes)), isTight ? tr("! nearly full") : tr("where the run lies"), qs(header.path),
        isTight ? ColorRole::Alert : ColorRole::Text });
    m_values->setValues(std::move(values));
}

void SystemPage::refreshCurves()
{
    const QString nothing = run().isOpen() ? tr("No values recorded.") : tr("Open a run to see its processes.");
    const auto fill = [&](CurveTile* tile, std::initializer_list<std::pair<const char*, QString>> metrics) {
        std::vector<CurveSpec> curves;
        int color = 0;
        for (const auto& [metric, name] : metrics) {
            if (const auto curve = run().curve(metric))
                curves.push_back({ name, curve, color });
            ++color;
        }
        tile->setXTitle(axisTitle(run().xQuantity()), run().xQuantity() != XQuantity::Time);
        tile->setEmptyText(curves.empty() ? nothing : QString());
        tile->setCurves(std::move(curves));
    };
    fill(m_memory, { { "system/rss_gb", tr("resident, rank 0") }, { "system/gpu_mem_gb", tr("device") }, { "perf/max_memory_allocated_gb", tr("largest on the device") } });
    fill(m_throughput, { { "perf/throughput", tr("all tokens") }, { "perf/gen_tokens_per_second", tr("generated") } });
}

} // namespace midpoint::gui
