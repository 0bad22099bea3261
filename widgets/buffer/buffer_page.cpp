// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/buffer/buffer_page.h"

#include "widgets/buffer/buffer_shares.h"
#include "widgets/common/empty_hint.h"
#include "widgets/common/prompt_menu.h"
#include "widgets/common/step_bar.h"
#include "widgets/common/table_support.h"
#include "widgets/common/value_strip.h"
#include "widgets/plot/bar_tile.h"
#include "widgets/plot/curve_tile.h"
#include "widgets/plot/map_tile.h"
#include "widgets/plot/plot_group.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/rows_model.h"
#include "widgets/viewmodels/run_model.h"

#include <QComboBox>
#include <QGridLayout>
#include <QLabel>
#include <QSplitter>
#include <QStackedLayout>
#include <QTableView>
#include <QToolButton>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace midpoint::gui {

namespace {

constexpr int kByReward = 1; // of the choices

double total(const store::Histogram& histogram) { return std::accumulate(histogram.counts.begin(), histogram.counts.end(), 0.0); }

} // namespace

CountMap ageRewardMap(const std::vector<store::BufferEntry>& entries, std::int64_t step)
{
    constexpr std::size_t kRewardBins = 8;
    constexpr std::int64_t kMaximumAgeBins = 24;
    std::int64_t oldest = 1;
    double low = 0.0;
    double high = 1.0;
    for (const store::BufferEntry& entry : entries) {
        oldest = std::max(oldest, step - entry.birthStep + 1);
        low = std::min(low, entry.rewardMean);
        high = std::max(high, entry.rewardMean);
    }
    const std::int64_t width = (oldest + kMaximumAgeBins - 1) / kMaximumAgeBins;
    CountMap map;
    for (std::int64_t edge = 0; edge < oldest + width; edge += width)
        map.xEdges.push_back(static_cast<double>(edge));
    for (std::size_t i = 0; i <= kRewardBins; ++i)
        map.yEdges.push_back(low + (high - low) * static_cast<double>(i) / static_cast<double>(kRewardBins));
    map.counts.assign((map.xEdges.size() - 1) * kRewardBins, 0.0);
    for (const store::BufferEntry& entry : entries) {
        if (!std::isfinite(entry.rewardMean))
            continue;
        const auto x = static_cast<std::size_t>(std::max<std::int64_t>(step - entry.birthStep, 0) / width);
        const auto y = std::min(static_cast<std::size_t>((entry.rewardMean - low) / (high - low) * kRewardBins), kRewardBins - 1);
        map.counts[std::min(x, map.xEdges.size() - 2) * kRewardBins + y] += 1.0;
    }
    return map;
}

std::optional<double> histogramMedian(const store::Histogram& histogram)
{
    const double half = total(histogram) / 2.0;
    if (half <= 0.0)
        return std::nullopt;
    double sum = 0.0;
    for (std::size_t bin = 0; bin < histogram.counts.size(); ++bin) {
        if (sum + histogram.counts[bin] >= half && histogram.counts[bin] > 0.0) {
            const double inside = (half - sum) / histogram.counts[bin] * (histogram.edges[bin + 1] - histogram.edges[bin]);
            // Ages are whole steps: the bin [2, 3) holds age 2 and nothing above it.
            return histogram.edges[bin] + (histogram.name == "age" ? std::ceil(inside) - 1.0 : inside);
        }
        sum += histogram.counts[bin];
    }
    return std::nullopt;
}

BufferPage::BufferPage(Workbench& workbench, QWidget* parent)
    : StepPage(workbench, QStringLiteral("bufferPage"), parent)
    , m_sharesBy(new QComboBox(this))
    , m_values(new ValueStrip(theme(), QStringLiteral("bufferValues"), this))
    , m_fill(new CurveTile(theme(), QStringLiteral("plotFill"), tr("Size and reuse"), { tr("training step"), tr("groups") }, this))
    , m_age(new CurveTile(theme(), QStringLiteral("plotAge"), tr("Age of entries"), { tr("training step"), tr("share of entries") }, this, CurveStyle::Stacked))
    , m_shares(new CurveTile(theme(), QStringLiteral("plotBufferShares"), tr("Difficulty of entries"), { tr("training step"), tr("share of entries") }, this, CurveStyle::Stacked))
    , m_map(new MapTile(theme(), QStringLiteral("plotAgeReward"), tr("Age and reward of entries"), { tr("age (steps)"), tr("mean reward") }, tr("groups"), this))
    , m_ratios(new BarTile(theme(), QStringLiteral("plotRatios"), tr("Importance ratio, fresh and replayed"), { tr("ratio of new to behaviour policy"), tr("share of tokens") }, this))
    , m_switchedOff(new QLabel(tr("This run trains without a replay buffer: every group is generated, used once and dropped.\n"
                                  "A run with replay.enabled = true (Configure, section replay) trains again on groups of earlier steps, and this screen shows them."),
          this))
    , m_entriesLabel(new QLabel(this))
    , m_table(new QTableView(this))
    , m_model(new RowsModel(this))
{
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(8, 6, 8, 6);
    layout->setSpacing(4);
    auto* bar = new QHBoxLayout;
    bar->addWidget(new StepBar(workbench, QStringLiteral("bufferStep"), this));
    bar->addStretch(1);
    m_sharesBy->setObjectName(QStringLiteral("bufferShares"));
    m_sharesBy->setAccessibleName(tr("What the entries are divided by"));
    m_sharesBy->setToolTip(tr("By what the second plot divides the entries of the buffer"));
    m_sharesBy->addItems({ tr("entries by difficulty"), tr("entries by reward") });
    bar->addWidget(m_sharesBy);
    layout->addLayout(bar);
    connect(m_sharesBy, &QComboBox::currentIndexChanged, this, &BufferPage::showShares);
    m_pages = new QStackedLayout;
    layout->addLayout(m_pages, 1);
    auto* contents = new QWidget(this);
    auto* contentsLayout = new QVBoxLayout(contents);
    contentsLayout->setContentsMargins(0, 0, 0, 0);
    contentsLayout->setSpacing(4);
    contentsLayout->addWidget(m_values);
    auto* plots = new QWidget(contents);
    auto* grid = new QGridLayout(plots);
    grid->setContentsMargins(0, 0, 0, 0);
    grid->setSpacing(6);
    grid->addWidget(m_age, 0, 0);
    grid->addWidget(m_shares, 0, 1);
    grid->addWidget(m_fill, 0, 2);
    grid->addWidget(m_map, 1, 0);
    grid->addWidget(m_ratios, 1, 1);
    auto* entries = new QWidget(plots);
    auto* entriesLayout = new QVBoxLayout(entries);
    entriesLayout->setContentsMargins(6, 2, 6, 2);
    m_entriesLabel->setFont(theme().strongFont());
    m_entriesLabel->setObjectName(QStringLiteral("bufferEntriesLabel"));
    entriesLayout->addWidget(m_entriesLabel);
    entriesLayout->addWidget(m_table, 1);
    grid->addWidget(entries, 1, 2);
    for (int column = 0; column < 3; ++column)
        grid->setColumnStretch(column, 1);
    contentsLayout->addWidget(plots, 1);
    m_pages->addWidget(contents);
    m_switchedOff->setObjectName(QStringLiteral("noReplay"));
    m_switchedOff->setAlignment(Qt::AlignCenter);
    m_switchedOff->setWordWrap(true);
    m_switchedOff->setMargin(40);
    m_pages->addWidget(m_switchedOff);
    buildTable();
    auto* group = new PlotGroup(this);
    for (CurveTile* tile : { m_fill, m_age, m_shares }) {
        tile->setGroup(group);
        connect(tile, &PlotTile::clickedAt, this, [this](double x) { run().setCurrentStep(static_cast<std::int64_t>(std::llround(x))); });
    }
    m_age->setFixedY(Range { 0.0, 1.0 });
    m_shares->setFixedY(Range { 0.0, 1.0 });
    connect(&run(), &RunModel::opened, this, [this] { show(nullptr); });
    connect(&run(), &RunModel::bufferArrived, this, &BufferPage::show);
    show(nullptr);
}

void BufferPage::buildTable()
{
    const auto entry = [this](std::size_t row) -> const store::BufferEntry& { return m_view->entries[row]; };
    const auto numberColumn = [entry](const QString& title, const QString& help, auto get) {
        return ColumnSpec { title, help, [entry, get](std::size_t row) {
                               const double value = get(entry(row));
                               return std::isnan(value) ? QStringLiteral("-") : number(value);
                           },
            [entry, get](std::size_t row) { return get(entry(row)); }, [entry, get](std::size_t row) { return fullPrecision(get(entry(row))); } };
    };
    const auto integer = [](std::int64_t value) { return static_cast<double>(value); };
    std::vector<ColumnSpec> columns;
    columns.push_back(numberColumn(tr("prompt"), tr("Position in the pool"), [integer](const store::BufferEntry& e) { return integer(e.promptIndex); }));
    columns.push_back(numberColumn(tr("born"), tr("Step in which the group was generated"), [integer](const store::BufferEntry& e) { return integer(e.birthStep); }));
    columns.push_back(numberColumn(tr("age"), tr("Steps since then"), [this, integer](const store::BufferEntry& e) { return integer(m_view->entriesStep - e.birthStep); }));
    columns.push_back(numberColumn(tr("uses"), tr("How often it was replayed"), [integer](const store::BufferEntry& e) { return integer(e.uses); }));
    columns.push_back(numberColumn(tr("reward"), tr("Mean reward of its rollouts"), [](const store::BufferEntry& e) { return e.rewardMean; }));
    columns.push_back(numberColumn(tr("advantage"), tr("Largest advantage of its rollouts"), [](const store::BufferEntry& e) { return e.advantageMax; }));
    columns.push_back(numberColumn(tr("log-prob"), tr("Mean log-prob per token under the behaviour policy"), [](const store::BufferEntry& e) { return e.behaviourLogprobMean; }));
    columns.push_back(numberColumn(tr("ratio"), tr("New to behaviour policy when last used"), [](const store::BufferEntry& e) { return e.ratioMean; }));
    columns.push_back(numberColumn(tr("evicted in"), tr("Estimated steps until it leaves the buffer"), [](const store::BufferEntry& e) {
        return e.evictedInSteps < 0 ? std::nan("") : static_cast<double>(e.evictedInSteps);
    }));
    m_model->setColumns(std::move(columns));
    styleTable(m_table, QStringLiteral("bufferTable"), tr("Entries of the replay buffer"));
    m_table->setModel(m_model);
    new EmptyHint(m_table, tr("No entries are listed up to this step."));
    m_table->setSortingEnabled(true);
    m_table->sortByColumn(2, Qt::AscendingOrder);
    for (int column = 0; column < 9; ++column)
        m_table->setColumnWidth(column, column == 0 ? 70 : 66);
    const auto promptAt = [this](const QModelIndex& index) { return std::optional(m_view->entries[m_model->sourceRow(index.row())].promptIndex); };
    connect(m_table, &QTableView::activated, this, [this, promptAt](const QModelIndex& index) { Q_EMIT promptRequested(PromptAction::Rollouts, *promptAt(index)); });
    addPromptMenu(m_table, *this, promptAt);
}

void BufferPage::ask()
{
    if (run().isOpen())
        run().askBuffer(run().currentStep());
}

void BufferPage::show(std::shared_ptr<const BufferView> view)
{
    m_view = std::move(view);
    const bool hasReplay = m_view && !m_view->compositions.empty();
    const bool isSwitchedOff = run().isOpen() && !hasReplay && run().setting("replay.enabled") == "false";
    m_pages->setCurrentIndex(isSwitchedOff ? 1 : 0);
    showValues();
    const QString nothing = !run().isOpen() ? tr("Open a run to see its replay buffer.")
        : !m_view                           ? tr("Reading…")
                                            : tr("No group has entered the replay buffer yet.");
    std::vector<CurveSpec> curves;
    if (hasReplay) {
        auto size = std::make_shared<Curve>();
        auto capacity = std::make_shared<Curve>();
        auto reused = std::make_shared<Curve>();
        for (const store::BufferComposition& c : m_view->compositions) {
            size->append(static_cast<double>(c.step), static_cast<double>(c.entries));
            capacity->append(static_cast<double>(c.step), static_cast<double>(c.capacity));
            reused->append(static_cast<double>(c.step), static_cast<double>(c.reusedGroups));
        }
        curves = { { tr("entries"), size, 0 }, { tr("replayed in the step"), reused, 1 }, { tr("capacity"), capacity, 4 } };
    }
    m_fill->setCurves(std::move(curves));
    for (PlotTile* tile : { m_fill, m_age })
        tile->setEmptyText(hasReplay ? QString() : nothing);
    showShares();
    showMapAndRatios();
    m_model->setRows(m_view ? m_view->entries.size() : 0);
    hideEmptyColumns();
    m_entriesLabel->setText(!m_view      ? tr("Entries")
            : m_view->entriesStep < 0    ? tr("Entries: no full list stored yet")
                                         : tr("Entries, full list of step %1 (%2 groups)").arg(m_view->entriesStep).arg(m_view->entries.size()));
}

// What a run does not record takes no place.
void BufferPage::hideEmptyColumns()
{
    for (int column = 0; column < m_model->columnCount(); ++column) {
        bool isEmpty = m_model->rowCount() > 0;
        for (int row = 0; row < m_model->rowCount() && isEmpty; ++row)
            isEmpty = std::isnan(m_model->index(row, column).data(RowsModel::NumberRole).toDouble());
        m_table->setColumnHidden(column, isEmpty);
    }
    m_table->resizeColumnsToContents();
}

void BufferPage::showValues()
{
    std::vector<KeyValue> values;
    const QString none = QStringLiteral("-");
    const bool has = m_view && m_view->present;
    const store::BufferComposition empty;
    const store::BufferComposition& c = has ? *m_view->present : empty;
    values.push_back({ tr("size"), has ? tr("%1 of %2").arg(c.entries).arg(c.capacity) : none, has ? tr("groups") : m_view ? tr("nothing stored at this step") : QString(), {} });
    const std::int64_t groups = c.reusedGroups + c.freshGroups;
    values.push_back({ tr("replayed groups"), has ? tr("%1 of %2").arg(c.reusedGroups).arg(groups) : none,
        has && groups > 0 ? percent(static_cast<double>(c.reusedGroups) / static_cast<double>(groups)) + tr(" of the groups") : QString(), {} });
    const store::Histogram* age = has ? histogramOf(c, "age") : nullptr;
    const auto median = age != nullptr ? histogramMedian(*age) : std::nullopt;
    const auto step = static_cast<double>(run().currentStep());
    values.push_back({ tr("median age"), median ? QString::number(*median, 'f', 0) : none, tr("steps"), {} });
    values.push_back({ tr("age of replayed"), number(run().at("replay/age_mean", step)), tr("steps, mean"), {} });
    values.push_back({ tr("ratio, mean"), number(run().at("replay/is_ratio_mean", step)), tr("new to old policy"), {} });
    const auto ess = run().at("replay/ess", step);
    values.push_back({ tr("effective sample"), ess ? percent(*ess) : none, tr("of the weights"), tr("Effective sample size of the importance weights; low means that few rollouts decide.") });
    const auto clippedReplay = run().at("replay/clipfrac", step);
    const auto clipped = run().at("actor/pg_clipfrac", step);
    values.push_back({ tr("clipped, replayed"), clippedReplay ? percent(*clippedReplay, 1) : none, clipped ? tr("all: %1").arg(percent(*clipped, 1)) : QString(), {} });
    values.push_back({ tr("in / out"), has ? QStringLiteral("%1 / %2").arg(c.admitted).arg(c.evicted) : none, tr("groups in this step"), {} });
    m_values->setValues(std::move(values));
}

void BufferPage::showShares()
{
    static const std::vector<store::BufferComposition> none;
    const std::vector<store::BufferComposition>& compositions = m_view ? m_view->compositions : none;
    m_age->setCurves(sharesOverSteps(compositions, "age"));
    const bool isByReward = m_sharesBy->currentIndex() == kByReward;
    std::vector<CurveSpec> shares = sharesOverSteps(compositions, isByReward ? "reward" : "difficulty");
    m_shares->setTitle(isByReward ? tr("Reward of entries") : tr("Difficulty of entries"));
    const bool isMissing = !compositions.empty() && shares.empty();
    m_shares->setEmptyText(!isMissing ? m_age->emptyText() : isByReward ? tr("No step has recorded the rewards of the entries.") : tr("No step has recorded the difficulty of the entries."));
    m_shares->setCurves(std::move(shares));
}

void BufferPage::showMapAndRatios()
{
    const store::Histogram* recorded = m_view && m_view->present ? histogramOf(*m_view->present, "age_reward") : nullptr;
    const bool hasEntries = m_view && !m_view->entries.empty();
    const QString nothing = !run().isOpen() ? tr("Open a run to see its replay buffer.") : !m_view ? tr("Reading…") : tr("Nothing stored up to this step.");
    m_map->setEmptyText(recorded != nullptr || hasEntries ? QString() : nothing);
    m_map->setNote({});
    if (recorded != nullptr) {
        CountMap counts { recorded->edges, recorded->secondEdges, recorded->counts };
        // The last age bin reaches far: draw it as wide as the one before.
        const std::size_t n = counts.xEdges.size();
        if (n > 2 && counts.xEdges[n - 1] - counts.xEdges[n - 2] > 3 * (counts.xEdges[n - 2] - counts.xEdges[n - 3]))
            counts.xEdges[n - 1] = counts.xEdges[n - 2] + (counts.xEdges[n - 2] - counts.xEdges[n - 3]);
        m_map->setMap(std::move(counts));
    } else if (hasEntries) {
        m_map->setMap(ageRewardMap(m_view->entries, m_view->entriesStep));
        m_map->setNote(tr("list of step %1").arg(m_view->entriesStep));
    }
    std::vector<HistogramSet> sets;
    const auto add = [&](const store::Histogram& histogram, const QString& title, int color, bool isFilled) {
        const double sum = total(histogram);
        if (sum <= 0.0)
            return;
        HistogramSet set { title, histogram.edges, histogram.counts, color, isFilled };
        for (double& height : set.heights)
            height /= sum;
        sets.push_back(std::move(set));
    };
    if (m_view) {
        add(m_view->freshRatios, tr("fresh"), 0, true);
        add(m_view->replayedRatios, tr("replayed"), 1, false);
    }
    m_ratios->setEmptyText(sets.empty() ? (m_view ? tr("No stored rollout up to this step was trained on by a policy other than the one that wrote it: every ratio is 1.") : nothing) : QString());
    const bool hasFresh = m_view && total(m_view->freshRatios) > 0.0;
    m_ratios->setNote(sets.empty() ? QString()
            : hasFresh             ? tr("stored rollouts of step %1").arg(m_view->ratioStep)
                                   : tr("stored rollouts of step %1; every fresh ratio is 1").arg(m_view->ratioStep));
    m_ratios->setHistograms(std::move(sets));
}

} // namespace midpoint::gui
