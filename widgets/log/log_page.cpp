// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/log/log_page.h"

#include "backend/core/text.h"
#include "widgets/common/action_registry.h"
#include "widgets/common/empty_hint.h"
#include "widgets/common/table_support.h"
#include "widgets/log/failure_advice.h"
#include "widgets/theme/theme.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/rows_model.h"
#include "widgets/viewmodels/run_model.h"

#include <QApplication>
#include <QCheckBox>
#include <QClipboard>
#include <QComboBox>
#include <QDateTime>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QRegularExpression>
#include <QScrollBar>
#include <QStyledItemDelegate>
#include <QTableView>
#include <QToolButton>

#include <algorithm>
#include <set>

namespace midpoint::gui {

namespace {

constexpr int kLastLines = 20;

// Colours warnings and errors, and lets events stand out from the text of the logs; the words stand in their own columns as well.
class LevelDelegate : public QStyledItemDelegate {
public:
    LevelDelegate(const Theme& theme, const std::vector<LogLine>& lines, QObject* parent)
        : QStyledItemDelegate(parent)
        , m_theme(theme)
        , m_lines(lines)
    {
    }
    void initStyleOption(QStyleOptionViewItem* option, const QModelIndex& index) const override
    {
        QStyledItemDelegate::initStyleOption(option, index);
        const LogLine& line = m_lines[index.data(RowsModel::SourceRowRole).toULongLong()];
        if (line.level != store::EventLevel::Info)
            option->palette.setColor(QPalette::Text, m_theme.color(line.level == store::EventLevel::Error ? ColorRole::Alert : ColorRole::Warning));
        else if (!line.isEvent)
            option->palette.setColor(QPalette::Text, m_theme.color(ColorRole::Secondary));
    }

private:
    const Theme& m_theme;
    const std::vector<LogLine>& m_lines;
};

// "[rule] message" of an event as the text log has it.
std::string mirrorOf(const LogLine& event)
{
    const std::size_t end = event.text.find("] ");
    if (end == std::string::npos)
        return event.text;
    return concat("step ", event.step, " ", event.text.substr(1, end - 1), ": ", event.text.substr(end + 2));
}

QString levelWord(const LogLine& line)
{
    switch (line.level) {
    case store::EventLevel::Error: return LogPage::tr("✕ error");
    case store::EventLevel::Warning: return LogPage::tr("! warning");
    case store::EventLevel::Info: break;
    }
    return QStringLiteral("info");
}

} // namespace

LogPage::LogPage(Workbench& workbench, QWidget* parent)
    : Page(workbench, QStringLiteral("logPage"), parent)
    , m_level(new QComboBox(this))
    , m_rank(new QComboBox(this))
    , m_search(new QLineEdit(this))
    , m_follow(new QCheckBox(tr("follow"), this))
    , m_count(new QLabel(this))
    , m_failure(new QFrame(this))
    , m_failureText(new QLabel(m_failure))
    , m_copyReport(new QPushButton(tr("Copy report"), m_failure))
    , m_table(new QTableView(this))
    , m_model(new RowsModel(this))
    , m_detail(new QLabel(this))
{
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(8, 6, 8, 6);
    layout->setSpacing(4);
    buildFailureCard(layout);
    auto* bar = new QHBoxLayout;
    buildToolbar(bar);
    layout->addLayout(bar);
    buildTable();
    layout->addWidget(m_table, 1);
    m_detail->setObjectName(QStringLiteral("logDetail"));
    m_detail->setFont(theme().fixedFont());
    m_detail->setWordWrap(true);
    m_detail->setTextFormat(Qt::PlainText);
    m_detail->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_detail->hide();
    layout->addWidget(m_detail);
    connect(&run(), &RunModel::opened, this, [this] {
        m_lines.clear();
        m_mirrors.clear();
        m_model->setRows(0);
        refreshCount();
        m_detail->hide();
        if (isVisible())
            activated();
    });
    connect(&run(), &RunModel::eventsAdded, this, [this](const std::vector<store::Event>& events) {
        std::vector<LogLine> lines;
        for (const store::Event& event : events)
            lines.push_back({ event.wallMs, 0, event.level, event.step, true, "[" + event.rule + "] " + event.message });
        addLines(std::move(lines));
    });
    connect(&run(), &RunModel::logArrived, this, [this](std::shared_ptr<const std::vector<LogLine>> lines, bool restarted) {
        if (restarted)
            m_lines.erase(std::remove_if(m_lines.begin(), m_lines.end(), [](const LogLine& line) { return !line.isEvent; }), m_lines.end());
        addLines(*lines);
    });
    connect(&run(), &RunModel::headerChanged, this, &LogPage::refreshFailure);
    refreshFailure();
    refreshCount();
}

void LogPage::buildFailureCard(QBoxLayout* layout)
{
    m_failure->setObjectName(QStringLiteral("failureCard"));
    m_failure->setFrameShape(QFrame::StyledPanel);
    m_failureText->setObjectName(QStringLiteral("failureText"));
    m_failureText->setWordWrap(true);
    m_failureText->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_copyReport->setObjectName(QStringLiteral("copyReport"));
    m_copyReport->setToolTip(tr("Copy state, cause and the last lines of the log"));
    auto* card = new QVBoxLayout(m_failure);
    card->addWidget(m_failureText);
    auto* buttons = new QHBoxLayout;
    buttons->addWidget(workbench().actions.makeButton(QStringLiteral("run.resume"), m_failure, true));
    buttons->addWidget(m_copyReport);
    buttons->addStretch(1);
    card->addLayout(buttons);
    layout->addWidget(m_failure);
    connect(m_copyReport, &QPushButton::clicked, this, [this] {
        QString report = m_failureText->text() + QLatin1Char('\n') + qs(run().path()) + QStringLiteral("\n\n");
        for (std::size_t i = m_lines.size() > kLastLines ? m_lines.size() - kLastLines : 0; i < m_lines.size(); ++i)
            report += qs(m_lines[i].text) + QLatin1Char('\n');
        QApplication::clipboard()->setText(report);
        Q_EMIT statusMessage(tr("The report is on the clipboard."));
    });
}

void LogPage::buildToolbar(QBoxLayout* layout)
{
    m_level->setObjectName(QStringLiteral("logLevel"));
    m_level->setAccessibleName(tr("Lowest level shown"));
    m_level->setToolTip(m_level->accessibleName());
    m_level->addItems({ tr("all levels"), tr("warnings and errors"), tr("errors only"), tr("events only") });
    m_rank->setObjectName(QStringLiteral("logRank"));
    m_rank->setAccessibleName(tr("Rank"));
    m_rank->setToolTip(tr("Rank whose lines are shown"));
    m_rank->addItem(tr("all ranks"), -1);
    m_search->setObjectName(QStringLiteral("logSearch"));
    m_search->setAccessibleName(tr("Search the log"));
    m_search->setPlaceholderText(tr("Search (regular expression, F3 finds the next)"));
    m_search->setClearButtonEnabled(true);
    m_follow->setObjectName(QStringLiteral("logFollow"));
    m_follow->setChecked(true);
    m_follow->setToolTip(tr("Stay at the end while lines arrive"));
    layout->addWidget(m_level);
    layout->addWidget(m_rank);
    layout->addWidget(m_search, 1);
    layout->addWidget(m_count);
    layout->addWidget(m_follow);
    connect(m_level, &QComboBox::currentIndexChanged, this, &LogPage::applyFilter);
    connect(m_rank, &QComboBox::currentIndexChanged, this, &LogPage::applyFilter);
    connect(m_search, &QLineEdit::textChanged, this, &LogPage::applyFilter);
    connect(m_search, &QLineEdit::returnPressed, this, &LogPage::findNext);
    for (QComboBox* box : { m_level, m_rank })
        connect(box, &QComboBox::activated, this, [this] { filtersChanged(FilterHistory::Change::Choice); });
    connect(m_search, &QLineEdit::textEdited, this, [this] { filtersChanged(FilterHistory::Change::Typing); });
    connect(m_follow, &QCheckBox::toggled, this, [this](bool on) {
        if (on)
            scrollToEnd();
    });
}

void LogPage::buildTable()
{
    const auto line = [this](std::size_t row) -> const LogLine& { return m_lines[row]; };
    std::vector<ColumnSpec> columns;
    columns.push_back({ tr("time"), {}, [line](std::size_t row) {
                           return line(row).wallMs == 0 ? QString() : QDateTime::fromMSecsSinceEpoch(line(row).wallMs).toString(QStringLiteral("MM-dd HH:mm:ss"));
                       },
        {}, [line](std::size_t row) { return QDateTime::fromMSecsSinceEpoch(line(row).wallMs).toString(Qt::ISODateWithMs); } });
    columns.push_back({ tr("level"), {}, [line](std::size_t row) { return levelWord(line(row)); }, {}, {} });
    columns.push_back({ tr("rank"), {}, [line](std::size_t row) { return line(row).isEvent ? QStringLiteral("-") : QString::number(line(row).rank); },
        [line](std::size_t row) { return static_cast<double>(line(row).rank); }, {} });
    columns.push_back({ tr("step"), tr("Click an event to look at its step"), [line](std::size_t row) { return line(row).step < 0 ? QString() : QString::number(line(row).step); },
        [line](std::size_t row) { return static_cast<double>(line(row).step); }, {} });
    columns.push_back({ tr("message"), {}, [line](std::size_t row) { return qs(line(row).text); }, {}, [line](std::size_t row) { return qs(line(row).text.substr(0, 4000)); } });
    m_model->setColumns(std::move(columns));
    styleTable(m_table, QStringLiteral("logTable"), tr("Events and lines of the log"));
    m_table->setModel(m_model);
    m_hint = new EmptyHint(m_table, {});
    m_table->setFont(theme().fixedFont());
    m_table->setItemDelegate(new LevelDelegate(theme(), m_lines, m_table));
    constexpr int kWidths[] = { 130, 90, 50, 70 };
    for (int i = 0; i < 4; ++i)
        m_table->setColumnWidth(i, kWidths[i]);
    connect(m_table, &QTableView::clicked, this, [this](const QModelIndex& index) {
        const std::int64_t step = m_lines[m_model->sourceRow(index.row())].step;
        if (step >= 0)
            run().setCurrentStep(step);
    });
    connect(m_table->selectionModel(), &QItemSelectionModel::currentRowChanged, this, &LogPage::showDetail);
    connect(m_table->verticalScrollBar(), &QScrollBar::actionTriggered, this, [this](int) {
        const QScrollBar* bar = m_table->verticalScrollBar();
        m_follow->setChecked(bar->sliderPosition() >= bar->maximum());
    });
}

// Long lines are cut in the table; the chosen one stands below it in full.
void LogPage::showDetail(const QModelIndex& index)
{
    constexpr std::size_t kMaximumDetail = 2000; // bytes; the tooltip and the file have more
    m_detail->setVisible(index.isValid());
    if (index.isValid())
        m_detail->setText(qs(m_lines[m_model->sourceRow(index.row())].text.substr(0, kMaximumDetail)));
}

void LogPage::activated()
{
    run().followLog(true);
    if (m_follow->isChecked())
        scrollToEnd();
}

void LogPage::deactivated() { run().followLog(false); }

void LogPage::focusFilter()
{
    m_search->setFocus();
    m_search->selectAll();
}

// The engine writes each event into its log as well: one of the two is enough.
void LogPage::dropMirrored(std::vector<LogLine>& lines)
{
    bool isNew = false;
    for (const LogLine& line : lines)
        if (line.isEvent)
            isNew = m_mirrors.insert(mirrorOf(line)).second || isNew;
    const auto isMirror = [this](const LogLine& line) { return !line.isEvent && m_mirrors.count(line.text) > 0; };
    lines.erase(std::remove_if(lines.begin(), lines.end(), isMirror), lines.end());
    if (isNew)
        m_lines.erase(std::remove_if(m_lines.begin(), m_lines.end(), isMirror), m_lines.end());
}

void LogPage::addLines(std::vector<LogLine> lines)
{
    dropMirrored(lines);
    // A line without a time belongs after the one before it.
    std::int64_t lastMs = 0;
    for (LogLine& line : lines) {
        if (line.wallMs == 0)
            line.wallMs = lastMs;
        lastMs = line.wallMs;
    }
    const auto isEarlier = [](const LogLine& a, const LogLine& b) { return a.wallMs < b.wallMs; };
    std::stable_sort(lines.begin(), lines.end(), isEarlier);
    const bool goesAtEnd = m_lines.empty() || lines.empty() || lines.front().wallMs >= m_lines.back().wallMs;
    const std::size_t added = lines.size();
    const auto middle = static_cast<std::ptrdiff_t>(m_lines.size());
    m_lines.insert(m_lines.end(), std::make_move_iterator(lines.begin()), std::make_move_iterator(lines.end()));
    if (!goesAtEnd) // the rest is in order already
        std::inplace_merge(m_lines.begin(), m_lines.begin() + middle, m_lines.end(), isEarlier);
    const bool isTooLong = m_lines.size() > kMaximumLines;
    if (isTooLong)
        m_lines.erase(m_lines.begin(), m_lines.end() - static_cast<std::ptrdiff_t>(kMaximumLines));
    if (goesAtEnd && !isTooLong && m_model->sourceRows() + added == m_lines.size())
        m_model->appendRows(added);
    else
        m_model->setRows(m_lines.size());
    refreshRanks();
    refreshFailure();
    refreshCount();
    if (m_follow->isChecked() && isVisible())
        scrollToEnd();
}

QVariantMap LogPage::filters() const
{
    return { { QStringLiteral("level"), m_level->currentIndex() }, { QStringLiteral("rank"), m_rank->currentIndex() }, { QStringLiteral("text"), m_search->text() } };
}

void LogPage::setFilters(const QVariantMap& filters)
{
    m_level->setCurrentIndex(filters[QStringLiteral("level")].toInt());
    m_rank->setCurrentIndex(std::min(filters[QStringLiteral("rank")].toInt(), m_rank->count() - 1));
    m_search->setText(filters[QStringLiteral("text")].toString());
}

void LogPage::refreshCount()
{
    m_count->setText(tr("%1 of %2 lines").arg(m_model->rowCount()).arg(m_lines.size()));
    m_hint->setHint(!run().isOpen() ? tr("Open a run to read its events and its log.")
            : m_lines.empty()       ? tr("This run has written nothing yet.")
                                    : tr("No line fits the filters."));
}

void LogPage::refreshRanks()
{
    std::set<std::int64_t> ranks;
    for (const LogLine& line : m_lines)
        if (!line.isEvent)
            ranks.insert(line.rank);
    if (static_cast<int>(ranks.size()) + 1 == m_rank->count())
        return;
    const QSignalBlocker block(m_rank);
    while (m_rank->count() > 1)
        m_rank->removeItem(1);
    for (const std::int64_t rank : ranks)
        m_rank->addItem(tr("rank %1").arg(rank), QVariant::fromValue<qlonglong>(rank));
}

void LogPage::applyFilter()
{
    const int level = m_level->currentIndex();
    const qlonglong rank = m_rank->currentData().toLongLong();
    QRegularExpression pattern(m_search->text(), QRegularExpression::CaseInsensitiveOption);
    if (!pattern.isValid())
        pattern.setPattern(QRegularExpression::escape(m_search->text()));
    const bool hasPattern = !m_search->text().isEmpty();
    if (level == 0 && rank < 0 && !hasPattern) {
        m_model->setFilter({});
    } else {
        m_model->setFilter([this, level, rank, pattern, hasPattern](std::size_t row) {
            const LogLine& line = m_lines[row];
            if ((level == 1 && line.level == store::EventLevel::Info) || (level == 2 && line.level != store::EventLevel::Error) || (level == 3 && !line.isEvent))
                return false;
            if (rank >= 0 && (line.isEvent || line.rank != rank))
                return false;
            return !hasPattern || pattern.match(qs(line.text)).hasMatch();
        });
    }
    refreshCount();
    if (m_follow->isChecked())
        scrollToEnd();
}

void LogPage::findNext()
{
    if (m_model->rowCount() == 0)
        return;
    const int next = (m_table->currentIndex().row() + 1) % m_model->rowCount();
    m_follow->setChecked(false);
    m_table->selectRow(next);
    m_table->scrollTo(m_model->index(next, 0), QAbstractItemView::PositionAtCenter);
}

void LogPage::refreshFailure()
{
    const FailureAdvice advice = adviseOn(run().header());
    m_failure->setVisible(!advice.cause.isEmpty());
    if (advice.cause.isEmpty())
        return;
    const RunHeader& header = run().header();
    QStringList facts;
    if (header.heartbeatAgeSeconds >= 0)
        facts << tr("Last heartbeat %1.").arg(ago(header.heartbeatAgeSeconds));
    if (!header.checkpoints.empty())
        facts << tr("Newest checkpoint: %1.").arg(qs(header.checkpoints.back()));
    else if (!header.hasDamagedCheckpoints)
        facts << tr("No checkpoint was written: it would begin at step 0.");
    QStringList lines { advice.cause, advice.advice };
    if (!facts.isEmpty())
        lines << facts.join(QLatin1Char(' '));
    m_failureText->setText(lines.join(QLatin1Char('\n')));
}

void LogPage::scrollToEnd() { m_table->scrollToBottom(); }

} // namespace midpoint::gui
