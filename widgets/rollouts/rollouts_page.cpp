// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/rollouts/rollouts_page.h"

#include "widgets/common/action_registry.h"
#include "widgets/common/prompt_menu.h"
#include "widgets/common/step_bar.h"
#include "widgets/common/table_support.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/rows_model.h"
#include "widgets/viewmodels/run_model.h"

#include <QCheckBox>
#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QSplitter>
#include <QStandardItemModel>
#include <QTableView>
#include <QTimer>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>
#include <cmath>
#include <set>

namespace midpoint::gui {

namespace {

constexpr int kSearchDelayMs = 250; // over all steps: after the last key
constexpr int kStepColumn = 6;

QString signOf(Verdict verdict)
{
    switch (verdict) {
    case Verdict::Correct: return QStringLiteral("✓");
    case Verdict::Wrong: return QStringLiteral("✗");
    case Verdict::Truncated: return QStringLiteral("…");
    default: return QStringLiteral("?");
    }
}

QString verdictWord(Verdict verdict) { return signOf(verdict) + QLatin1Char(' ') + QString::fromUtf8(nameOf(verdict)); }

} // namespace

RolloutsPage::RolloutsPage(Workbench& workbench, QWidget* parent)
    : StepPage(workbench, QStringLiteral("rolloutsPage"), parent)
    , m_verdict(new QComboBox(this))
    , m_origin(new QComboBox(this))
    , m_coloring(new QComboBox(this))
    , m_search(new QLineEdit(this))
    , m_allSteps(new QCheckBox(tr("all steps"), this))
    , m_promptChip(new QToolButton(this))
    , m_shownStep(new QLabel(this))
    , m_table(new QTableView(this))
    , m_model(new RowsModel(this))
    , m_legend(new TokenLegend(theme(), this))
    , m_tokenInfo(new QLabel(this))
    , m_nothing(new QLabel(this))
    , m_reader(new QWidget(this))
    , m_sideBySide(nullptr)
    , m_searchTimer(new QTimer(this))
{
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(8, 6, 8, 6);
    layout->setSpacing(4);
    auto* bar = new QHBoxLayout;
    buildToolbar(bar);
    layout->addLayout(bar);
    m_nothing->setObjectName(QStringLiteral("rolloutsNothing"));
    m_nothing->setAlignment(Qt::AlignCenter);
    m_nothing->setWordWrap(true);
    layout->addWidget(m_nothing, 1);
    auto* readerLayout = new QVBoxLayout(m_reader);
    readerLayout->setContentsMargins(0, 0, 0, 0);
    readerLayout->setSpacing(4);
    auto* split = new QSplitter(Qt::Horizontal, m_reader);
    split->setObjectName(QStringLiteral("rolloutsSplit"));
    buildTable();
    split->addWidget(m_table);
    auto* texts = new QSplitter(Qt::Horizontal, split);
    texts->setObjectName(QStringLiteral("rolloutsTexts"));
    m_left = makePane(QStringLiteral("rolloutLeft"));
    m_right = makePane(QStringLiteral("rolloutRight"));
    texts->addWidget(m_left.widget);
    texts->addWidget(m_right.widget);
    m_right.widget->hide();
    split->addWidget(texts);
    split->setStretchFactor(0, 2);
    split->setStretchFactor(1, 4);
    split->setSizes({ 440, 800 });
    readerLayout->addWidget(split, 1);
    m_tokenInfo->setObjectName(QStringLiteral("tokenInfo"));
    m_tokenInfo->setFont(theme().fixedFont());
    m_tokenInfo->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Fixed);
    m_tokenInfo->setText(tr("Point at a token to see its numbers."));
    readerLayout->addWidget(m_tokenInfo);
    layout->addWidget(m_reader, 1);
    m_searchTimer->setSingleShot(true);
    m_searchTimer->setInterval(kSearchDelayMs);
    connect(m_searchTimer, &QTimer::timeout, this, &RolloutsPage::ask);
    connect(&run(), &RunModel::opened, this, [this] {
        m_prompt.reset();
        show(nullptr);
    });
    connect(&run(), &RunModel::rolloutsArrived, this, &RolloutsPage::show);
    show(nullptr);
}

void RolloutsPage::buildToolbar(QBoxLayout* layout)
{
    m_verdict->setObjectName(QStringLiteral("verdictFilter"));
    m_verdict->setAccessibleName(tr("Show rollouts with this verdict"));
    m_verdict->setToolTip(m_verdict->accessibleName());
    m_verdict->addItem(tr("all verdicts"), -1);
    for (const Verdict verdict : { Verdict::Correct, Verdict::Wrong, Verdict::Unparseable, Verdict::Truncated })
        m_verdict->addItem(verdictWord(verdict), static_cast<int>(verdict));
    m_origin->setObjectName(QStringLiteral("originFilter"));
    m_origin->setAccessibleName(tr("Show fresh or replayed rollouts"));
    m_origin->setToolTip(m_origin->accessibleName());
    m_origin->addItems({ tr("fresh and replayed"), tr("fresh only"), tr("replayed only") });
    m_coloring->setObjectName(QStringLiteral("tokenColoring"));
    m_coloring->setAccessibleName(tr("Colour tokens by"));
    m_coloring->setToolTip(m_coloring->accessibleName());
    m_coloring->addItems({ tr("log-prob"), tr("advantage"), tr("ratio"), tr("entropy"), tr("no colour") });
    m_search->setObjectName(QStringLiteral("rolloutSearch"));
    m_search->setAccessibleName(tr("Search in the responses"));
    m_search->setPlaceholderText(tr("Search in the responses"));
    m_search->setClearButtonEnabled(true);
    m_search->setMinimumWidth(180);
    m_allSteps->setObjectName(QStringLiteral("rolloutsAllSteps"));
    m_allSteps->setToolTip(tr("Search the stored responses of all steps, not only those of the shown one"));
    m_promptChip->setObjectName(QStringLiteral("rolloutsPrompt"));
    m_promptChip->setToolTip(tr("Back to the rollouts of the shown step"));
    m_promptChip->setAccessibleName(m_promptChip->toolTip());
    m_promptChip->hide();
    m_sideBySide = workbench().actions.makeButton(QStringLiteral("rollouts.sideBySide"), this, true);
    layout->addWidget(new StepBar(workbench(), QStringLiteral("rolloutsStep"), this));
    layout->addWidget(m_promptChip);
    layout->addWidget(m_shownStep);
    layout->addWidget(m_verdict);
    layout->addWidget(m_origin);
    layout->addWidget(m_search, 1);
    layout->addWidget(m_allSteps);
    layout->addWidget(m_sideBySide);
    m_shownStep->setObjectName(QStringLiteral("rolloutsShownStep"));
    connect(m_verdict, &QComboBox::currentIndexChanged, this, &RolloutsPage::applyFilter);
    connect(m_origin, &QComboBox::currentIndexChanged, this, &RolloutsPage::applyFilter);
    connect(m_coloring, &QComboBox::currentIndexChanged, this, [this](int index) { setColoring(static_cast<TokenColoring>(index)); });
    connect(m_search, &QLineEdit::textChanged, this, [this] {
        if (m_allSteps->isChecked())
            m_searchTimer->start();
        else
            applyFilter();
    });
    connect(m_allSteps, &QCheckBox::toggled, this, &RolloutsPage::ask);
    connect(m_promptChip, &QToolButton::clicked, this, [this] { showPrompt(std::nullopt); });
    for (QComboBox* box : { m_verdict, m_origin })
        connect(box, &QComboBox::activated, this, [this] { filtersChanged(FilterHistory::Change::Choice); });
    connect(m_allSteps, &QCheckBox::clicked, this, [this] { filtersChanged(FilterHistory::Change::Choice); });
    connect(m_search, &QLineEdit::textEdited, this, [this] { filtersChanged(FilterHistory::Change::Typing); });
    connect(m_search, &QLineEdit::returnPressed, this, [this] { m_left.text->find(m_search->text(), 0); });
}

void RolloutsPage::buildTable()
{
    const auto group = [this](std::size_t row) -> const store::StoredGroup& { return m_view->groups[m_rows[row].group]; };
    const auto rollout = [this, group](std::size_t row) -> const store::StoredRollout& { return group(row).rollouts[m_rows[row].sample]; };
    std::vector<ColumnSpec> columns;
    columns.push_back({ tr("prompt"), tr("Position in the pool"), [group](std::size_t row) { return QString::number(group(row).promptIndex); },
        [group](std::size_t row) { return static_cast<double>(group(row).promptIndex); }, [this, group](std::size_t row) { return promptText(group(row)); } });
    columns.push_back({ tr("#"), tr("Number in its group"), [this](std::size_t row) { return QString::number(m_rows[row].sample + 1); },
        [this](std::size_t row) { return static_cast<double>(m_rows[row].sample); }, {} });
    columns.push_back({ tr("verdict"), {}, [rollout](std::size_t row) { return verdictWord(rollout(row).rollout.verdict); }, {}, {} });
    columns.push_back({ tr("reward"), {}, [rollout](std::size_t row) { return number(rollout(row).rollout.reward); },
        [rollout](std::size_t row) { return rollout(row).rollout.reward; }, [rollout](std::size_t row) { return fullPrecision(rollout(row).rollout.reward); } });
    columns.push_back({ tr("adv."), tr("Advantage"), [rollout](std::size_t row) { return std::isnan(rollout(row).advantage) ? QStringLiteral("-") : number(rollout(row).advantage); },
        [rollout](std::size_t row) { return rollout(row).advantage; }, [rollout](std::size_t row) { return fullPrecision(rollout(row).advantage); } });
    columns.push_back({ tr("tokens"), {}, [rollout](std::size_t row) { return QString::number(rollout(row).rollout.tokens.size()); },
        [rollout](std::size_t row) { return static_cast<double>(rollout(row).rollout.tokens.size()); }, {} });
    columns.push_back({ tr("step"), tr("Step in which it was trained on"), [group](std::size_t row) { return QString::number(group(row).step); },
        [group](std::size_t row) { return static_cast<double>(group(row).step); }, {} });
    columns.push_back({ tr("from"), tr("fresh, or replayed with its age in steps"),
        [group](std::size_t row) {
            const store::StoredGroup& g = group(row);
            return g.isReplayed ? tr("replay, age %1").arg(g.step - g.birthStep) : QString::fromUtf8(nameOf(g.purpose));
        },
        {}, {} });
    m_model->setColumns(std::move(columns));
    styleTable(m_table, QStringLiteral("rolloutTable"), tr("Rollouts of the step"));
    m_table->setModel(m_model);
    m_table->setSortingEnabled(true);
    m_table->sortByColumn(-1, Qt::AscendingOrder);
    constexpr int kWidths[] = { 62, 28, 96, 58, 58, 54, 58, 104 };
    for (int i = 0; i < static_cast<int>(std::size(kWidths)); ++i)
        m_table->setColumnWidth(i, kWidths[i]);
    m_table->setColumnHidden(kStepColumn, true);
    connect(m_table->selectionModel(), &QItemSelectionModel::selectionChanged, this, &RolloutsPage::showSelected);
    addPromptMenu(m_table, *this, [this, group](const QModelIndex& index) -> std::optional<std::int64_t> {
        const store::StoredGroup& chosen = group(m_model->sourceRow(index.row()));
        return chosen.purpose == Purpose::Evaluate ? std::nullopt : std::optional(chosen.promptIndex);
    });
}

RolloutsPage::Pane RolloutsPage::makePane(const QString& name)
{
    Pane pane;
    pane.widget = new QWidget(m_reader);
    pane.heading = new QLabel(pane.widget);
    pane.verdict = new QLabel(pane.widget);
    pane.text = new TokenView(theme(), name + QStringLiteral("Text"), pane.widget);
    pane.widget->setObjectName(name);
    pane.heading->setFont(theme().strongFont());
    for (QLabel* label : { pane.heading, pane.verdict }) {
        label->setWordWrap(true);
        label->setTextInteractionFlags(Qt::TextSelectableByMouse);
        label->setTextFormat(Qt::PlainText);
    }
    pane.heading->setObjectName(name + QStringLiteral("Heading"));
    pane.verdict->setObjectName(name + QStringLiteral("Verdict"));
    auto* layout = new QVBoxLayout(pane.widget);
    layout->setContentsMargins(8, 0, 0, 0);
    layout->setSpacing(3);
    if (name == QStringLiteral("rolloutLeft")) {
        auto* bar = new QHBoxLayout;
        bar->addWidget(new QLabel(tr("colour by"), pane.widget));
        bar->addWidget(m_coloring);
        bar->addWidget(m_legend);
        bar->addStretch(1);
        layout->addLayout(bar);
    }
    layout->addWidget(pane.heading);
    layout->addWidget(pane.text, 1);
    layout->addWidget(pane.verdict);
    connect(pane.text, &TokenView::hovered, this, [this](const QString& text) {
        m_tokenInfo->setText(text.isEmpty() ? tr("Point at a token to see its numbers.") : text);
    });
    return pane;
}

bool RolloutsPage::dependsOnStep() const { return !m_view || !m_view->request.isOverAllSteps(); }

void RolloutsPage::focusFilter()
{
    m_search->setFocus();
    m_search->selectAll();
}

void RolloutsPage::ask()
{
    if (!run().isOpen())
        return;
    RolloutRequest request;
    request.step = run().currentStep();
    request.promptIndex = m_prompt;
    if (m_allSteps->isChecked())
        request.text = m_search->text().toStdString();
    run().askRollouts(request);
}

void RolloutsPage::showPrompt(std::optional<std::int64_t> promptIndex)
{
    m_prompt = promptIndex;
    filtersChanged(FilterHistory::Change::Choice);
    ask();
}

QVariantMap RolloutsPage::filters() const
{
    return { { QStringLiteral("verdict"), m_verdict->currentIndex() }, { QStringLiteral("origin"), m_origin->currentIndex() },
        { QStringLiteral("text"), m_search->text() }, { QStringLiteral("all steps"), m_allSteps->isChecked() },
        { QStringLiteral("prompt"), m_prompt ? QVariant::fromValue<qlonglong>(*m_prompt) : QVariant() } };
}

void RolloutsPage::setFilters(const QVariantMap& filters)
{
    m_verdict->setCurrentIndex(filters[QStringLiteral("verdict")].toInt());
    m_origin->setCurrentIndex(filters[QStringLiteral("origin")].toInt());
    m_search->setText(filters[QStringLiteral("text")].toString());
    m_allSteps->setChecked(filters[QStringLiteral("all steps")].toBool());
    const QVariant prompt = filters[QStringLiteral("prompt")];
    showPrompt(prompt.isValid() ? std::optional<std::int64_t>(prompt.toLongLong()) : std::nullopt);
}

void RolloutsPage::show(std::shared_ptr<const RolloutView> view)
{
    const bool isSame = m_view && view && m_view->request.promptIndex == view->request.promptIndex && m_view->request.text == view->request.text
        && (m_view->step == view->step || view->request.isOverAllSteps()) && m_view->groups.size() == view->groups.size();
    if (isSame) {
        m_view = std::move(view);
        return; // keep what is being read
    }
    m_view = std::move(view);
    const bool hasGroups = m_view && !m_view->groups.empty();
    m_reader->setVisible(hasGroups);
    m_nothing->setVisible(!hasGroups);
    m_nothing->setText(!run().isOpen()                    ? tr("Open a run to read what the model writes.")
            : m_view && !m_view->problem.isEmpty() ? m_view->problem
                                                 : tr("Reading…"));
    m_rows.clear();
    for (std::size_t g = 0; hasGroups && g < m_view->groups.size(); ++g)
        for (std::size_t sample = 0; sample < m_view->groups[g].rollouts.size(); ++sample)
            m_rows.push_back({ g, sample });
    showScope();
    offerEntropy();
    m_model->setRows(m_rows.size());
    applyFilter();
    selectInformative();
}

// Which rollouts these are: of one step, of one prompt, or found in all steps.
void RolloutsPage::showScope()
{
    const bool isOverAll = m_view && m_view->request.isOverAllSteps();
    m_table->setColumnHidden(kStepColumn, !isOverAll);
    const auto prompt = isOverAll ? m_view->request.promptIndex : std::nullopt;
    m_promptChip->setVisible(prompt.has_value());
    m_promptChip->setText(prompt ? tr("prompt %1 in all steps ✕").arg(*prompt) : QString());
    std::set<std::int64_t> steps;
    for (std::size_t i = 0; isOverAll && i < m_view->groups.size(); ++i)
        steps.insert(m_view->groups[i].step);
    const bool isLater = m_view && !m_view->groups.empty() && m_view->step != run().currentStep();
    m_shownStep->setText(!isOverAll ? (isLater ? tr("(newest stored: %1)").arg(m_view->step) : QString())
            : m_view->isCut         ? tr("(the newest %1 groups)").arg(m_view->groups.size())
                                    : tr("(groups: %1, steps: %2)").arg(m_view->groups.size()).arg(steps.size()));
}

// Only runs that store the entropy of each token can be coloured by it.
void RolloutsPage::offerEntropy()
{
    constexpr int kEntropyItem = 3;
    const bool has = m_view && std::any_of(m_view->groups.begin(), m_view->groups.end(), [](const store::StoredGroup& group) {
        return std::any_of(group.rollouts.begin(), group.rollouts.end(), [](const store::StoredRollout& rollout) { return !rollout.entropies.empty(); });
    });
    auto* items = qobject_cast<QStandardItemModel*>(m_coloring->model());
    QStandardItem* item = items->item(kEntropyItem);
    item->setEnabled(has);
    item->setToolTip(has ? QString() : tr("This run has not stored the entropy of each token."));
    if (!has && m_coloring->currentIndex() == kEntropyItem)
        m_coloring->setCurrentIndex(0);
}

// A group with both verdicts says more than one in which all rollouts agree.
void RolloutsPage::selectInformative()
{
    for (std::size_t i = 0; m_view && i < m_rows.size(); ++i) {
        const auto& rollouts = m_view->groups[m_rows[i].group].rollouts;
        const auto right = std::count_if(rollouts.begin(), rollouts.end(), [](const store::StoredRollout& r) { return r.rollout.isSuccess(); });
        const int row = right > 0 && right < static_cast<std::ptrdiff_t>(rollouts.size()) ? m_model->rowOfSource(i) : -1;
        if (row < 0)
            continue;
        m_table->selectRow(row);
        m_table->scrollTo(m_model->index(row, 0), QAbstractItemView::PositionAtCenter);
        return;
    }
}

void RolloutsPage::applyFilter()
{
    const int verdict = m_verdict->currentData().toInt();
    const int origin = m_origin->currentIndex();
    const std::string needle = m_search->text().toStdString();
    if (verdict < 0 && origin == 0 && needle.empty()) {
        m_model->setFilter({});
    } else {
        m_model->setFilter([this, verdict, origin, needle](std::size_t row) {
            const store::StoredGroup& group = m_view->groups[m_rows[row].group];
            const Rollout& rollout = group.rollouts[m_rows[row].sample].rollout;
            if (verdict >= 0 && static_cast<int>(rollout.verdict) != verdict)
                return false;
            if ((origin == 1 && group.isReplayed) || (origin == 2 && !group.isReplayed))
                return false;
            return needle.empty() || qs(rollout.text).contains(qs(needle), Qt::CaseInsensitive);
        });
    }
    if (m_model->rowCount() > 0)
        m_table->selectRow(0);
    else
        showSelected();
}

void RolloutsPage::moveBy(int rows)
{
    if (m_model->rowCount() == 0)
        return;
    const int row = std::clamp(m_table->currentIndex().row() + rows, 0, m_model->rowCount() - 1);
    m_table->selectRow(row);
    m_table->scrollTo(m_model->index(row, 0));
}

void RolloutsPage::toggleSideBySide()
{
    m_right.widget->setVisible(!m_right.widget->isVisible());
    showSelected();
}

void RolloutsPage::setColoring(TokenColoring coloring)
{
    m_coloring->setCurrentIndex(static_cast<int>(coloring));
    m_left.text->setColoring(coloring);
    m_right.text->setColoring(coloring);
    m_legend->setColoring(coloring);
}

void RolloutsPage::showSelected()
{
    QModelIndexList selected = m_table->selectionModel()->selectedRows();
    std::sort(selected.begin(), selected.end());
    if (!m_view || selected.isEmpty()) {
        m_left.heading->setText(m_view && !m_rows.empty() ? tr("No rollout fits the filters.") : QString());
        m_left.verdict->clear();
        m_left.text->setText({});
        return;
    }
    showIn(m_left, m_rows[m_model->sourceRow(selected.first().row())]);
    if (!m_right.widget->isVisible())
        return;
    // The second selected row, or the next one of the table.
    const int second = selected.size() > 1 ? selected[1].row() : std::min(selected.first().row() + 1, m_model->rowCount() - 1);
    showIn(m_right, m_rows[m_model->sourceRow(second)]);
}

QString RolloutsPage::promptText(const store::StoredGroup& group) const
{
    const auto& prompts = run().facts().prompts;
    const auto index = static_cast<std::size_t>(group.promptIndex);
    return group.purpose != Purpose::Evaluate && index < prompts.size() ? qs(prompts[index].text) : tr("prompt %1 of the held-out set").arg(group.promptIndex);
}

TokenText RolloutsPage::textOf(const store::StoredGroup& group, const store::StoredRollout& rollout) const
{
    TokenText text;
    text.prompt = promptText(group);
    const Rollout& r = rollout.rollout;
    const double clipLow = 1.0 - [this] { const QString v = qs(run().setting("policy.clip_low")); return v.isEmpty() ? 0.2 : v.toDouble(); }();
    const double clipHigh = 1.0 + [this] { const QString v = qs(run().setting("policy.clip_high")); return v.isEmpty() ? 0.2 : v.toDouble(); }();
    std::int32_t start = 0;
    const bool hasEnds = rollout.tokenEnds.size() == r.tokens.size();
    for (std::size_t i = 0; i < r.tokens.size(); ++i) {
        TokenPiece piece;
        piece.id = r.tokens[i];
        if (hasEnds) {
            const std::int32_t end = std::clamp<std::int32_t>(rollout.tokenEnds[i], start, static_cast<std::int32_t>(r.text.size()));
            piece.text = qs(r.text.substr(static_cast<std::size_t>(start), static_cast<std::size_t>(end - start)));
            start = end;
        }
        if (i < r.logprobs.size())
            piece.logprob = static_cast<double>(r.logprobs[i]);
        if (i < rollout.trainerLogprobs.size()) {
            piece.trainerLogprob = static_cast<double>(rollout.trainerLogprobs[i]);
            piece.ratio = std::exp(piece.trainerLogprob - piece.logprob);
        }
        if (i < rollout.entropies.size())
            piece.entropy = static_cast<double>(rollout.entropies[i]);
        piece.advantage = rollout.advantage;
        piece.isClipped = (piece.advantage > 0 && piece.ratio > clipHigh) || (piece.advantage < 0 && piece.ratio < clipLow);
        text.pieces.push_back(std::move(piece));
    }
    const bool isKept = !r.text.empty() || r.tokens.empty();
    if (!hasEnds || !isKept) { // a run that did not store where tokens end: the text as one piece
        text.pieces.clear();
        TokenPiece whole;
        whole.text = isKept ? qs(r.text) : tr("[The replay buffer keeps no texts, and this response was not among those stored in step %1.]").arg(group.birthStep);
        whole.advantage = rollout.advantage;
        text.pieces.push_back(std::move(whole));
    }
    return text;
}

void RolloutsPage::showIn(Pane& pane, const Row& row)
{
    const store::StoredGroup& group = m_view->groups[row.group];
    const store::StoredRollout& stored = group.rollouts[row.sample];
    const Rollout& r = stored.rollout;
    std::size_t right = 0;
    for (const store::StoredRollout& other : group.rollouts)
        right += other.rollout.isSuccess() ? 1 : 0;
    pane.heading->setText(tr("Prompt %1, rollout %2 of %3 — %4 of %3 right%5")
                              .arg(group.promptIndex)
                              .arg(row.sample + 1)
                              .arg(group.rollouts.size())
                              .arg(right)
                              .arg(group.isReplayed ? tr(" — replayed, age %1").arg(group.step - group.birthStep) : QString()));
    const auto& prompts = run().facts().prompts;
    const auto index = static_cast<std::size_t>(group.promptIndex);
    const QString reference = group.purpose != Purpose::Evaluate && index < prompts.size() ? qs(prompts[index].answer) : QStringLiteral("-");
    QStringList parts;
    for (const auto& [name, value] : r.rewardParts)
        parts << QStringLiteral("%1 %2").arg(qs(name), number(value));
    const QString reward = parts.isEmpty() ? number(r.reward) : QStringLiteral("%1 = %2").arg(parts.join(QStringLiteral(" + ")), number(r.reward));
    pane.verdict->setText(tr("%1   answer: %2   reference: %3   rule: %4   reward: %5   advantage: %6   ended by: %7")
                              .arg(verdictWord(r.verdict), r.extracted.empty() ? QStringLiteral("-") : qs(r.extracted), reference,
                                  r.rule.empty() ? QStringLiteral("-") : qs(r.rule), reward,
                                  std::isnan(stored.advantage) ? QStringLiteral("-") : number(stored.advantage), QString::fromUtf8(nameOf(r.finish))));
    pane.text->setText(textOf(group, stored));
}

} // namespace midpoint::gui
