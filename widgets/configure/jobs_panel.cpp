// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/configure/jobs_panel.h"

#include "backend/core/files.h"
#include "widgets/common/empty_hint.h"
#include "widgets/common/run_state_style.h"
#include "widgets/common/table_support.h"
#include "widgets/theme/theme.h"
#include "widgets/viewmodels/config_form.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/rows_model.h"
#include "widgets/viewmodels/run_control.h"

#include <QDateTime>
#include <QFormLayout>
#include <QGroupBox>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QScrollBar>
#include <QTableView>
#include <QTimer>
#include <QVBoxLayout>

#include <algorithm>

namespace midpoint::gui {

namespace {
constexpr int kPollMs = 1000;
constexpr int kLogLines = 2000;
} // namespace

JobsPanel::JobsPanel(const Theme& theme, JobList& jobs, const ConfigForm& form, std::filesystem::path program, QWidget* parent)
    : QWidget(parent)
    , m_theme(theme)
    , m_jobs(jobs)
    , m_form(form)
    , m_program(std::move(program))
    , m_table(new QTableView(this))
    , m_model(new RowsModel(this))
    , m_use(new QPushButton(tr("Use this predictor"), this))
    , m_stop(new QPushButton(tr("Stop the job"), this))
    , m_log(new QPlainTextEdit(this))
    , m_poll(new QTimer(this))
{
    setObjectName(QStringLiteral("jobsPanel"));
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 6, 0, 0);
    auto* forms = new QHBoxLayout;
    forms->setSpacing(10);
    for (const JobKind& kind : jobKinds())
        forms->addWidget(makeForm(kind), 1);
    layout->addLayout(forms);
    buildTable();
    layout->addWidget(m_table, 2);
    m_stop->setObjectName(QStringLiteral("stopJob"));
    m_stop->setToolTip(tr("Ask the chosen job to end; what it has not written yet is lost"));
    m_use->setObjectName(QStringLiteral("usePredictor"));
    m_use->setToolTip(tr("Put the predictor that this job has trained into the settings of the training run (selection.predictor_path)"));
    auto* line = new QHBoxLayout;
    auto* title = new QLabel(tr("Log of the chosen job"), this);
    title->setFont(theme.strongFont());
    line->addWidget(title, 1);
    line->addWidget(m_use);
    line->addWidget(m_stop);
    layout->addLayout(line);
    m_log->setObjectName(QStringLiteral("jobLog"));
    m_log->setAccessibleName(tr("Log of the chosen job"));
    m_log->setReadOnly(true);
    m_log->setPlaceholderText(tr("Choose a job in the table to read its log."));
    m_log->setFont(theme.fixedFont());
    m_log->setMaximumBlockCount(kLogLines);
    layout->addWidget(m_log, 2);
    connect(m_stop, &QPushButton::clicked, this, [this] {
        if (const JobRecord* job = selected())
            m_jobs.stop(*job);
    });
    connect(m_use, &QPushButton::clicked, this, [this] { Q_EMIT predictorChosen(finishedPredictor()); });
    m_poll->setInterval(kPollMs);
    connect(m_poll, &QTimer::timeout, &m_jobs, &JobList::refresh);
    connect(&m_jobs, &JobList::changed, this, &JobsPanel::refreshJobs);
    refreshJobs();
}

QWidget* JobsPanel::makeForm(const JobKind& kind)
{
    const QString id = qs(kind.id);
    auto* box = new QGroupBox(QStringLiteral("%1  %2").arg(m_forms.size() + 1).arg(kind.title), this);
    auto* layout = new QVBoxLayout(box);
    auto* help = new QLabel(kind.help, box);
    help->setObjectName(QStringLiteral("job.%1.help").arg(id));
    help->setWordWrap(true);
    help->setFont(m_theme.smallFont());
    help->setMinimumHeight(3 * help->fontMetrics().height());
    help->setAlignment(Qt::AlignTop);
    layout->addWidget(help);
    auto* fields = new QFormLayout;
    Form form;
    form.kind = &kind;
    form.help = help;
    for (const JobField& field : kind.fields) {
        auto* edit = new QLineEdit(box);
        edit->setObjectName(QStringLiteral("job.%1.%2").arg(id, field.label));
        edit->setAccessibleName(tr("%1: %2").arg(kind.title, field.label));
        edit->setToolTip(field.help);
        const QString example = field.example.isEmpty() ? field.help : field.example;
        edit->setPlaceholderText(field.isRequired ? tr("needed: %1").arg(example) : example);
        fields->addRow(field.label, edit);
        form.edits.push_back(edit);
    }
    layout->addLayout(fields);
    layout->addStretch(1);
    form.command = new QLineEdit(box);
    form.command->setObjectName(QStringLiteral("job.%1.command").arg(id));
    form.command->setAccessibleName(tr("Command of the job %1").arg(kind.title));
    form.command->setToolTip(tr("The same job from a terminal or on a server"));
    form.command->setReadOnly(true);
    form.command->setPlaceholderText(tr("the command stands here"));
    form.command->setFont(m_theme.fixedFont());
    form.start = new QPushButton(tr("Start"), box);
    form.start->setObjectName(QStringLiteral("job.%1.start").arg(id));
    form.start->setAccessibleName(tr("Start the job %1").arg(kind.title));
    m_theme.setIcon(form.start, QStringLiteral("play"));
    auto* last = new QHBoxLayout;
    last->addWidget(form.command, 1);
    last->addWidget(form.start);
    layout->addLayout(last);
    for (QLineEdit* edit : form.edits)
        connect(edit, &QLineEdit::textChanged, this, [this, form] {
            refreshForm(form);
            watchInputs();
        });
    connect(form.start, &QPushButton::clicked, this, [this, form] {
        if (const auto command = jobCommand(*form.kind, valuesOf(form)))
            m_jobs.start(*form.kind, *command);
    });
    m_forms.push_back(form);
    refreshForm(form);
    return box;
}

std::vector<QString> JobsPanel::valuesOf(const Form& form)
{
    std::vector<QString> values;
    for (const QLineEdit* edit : form.edits)
        values.push_back(edit->text());
    return values;
}

void JobsPanel::watchInputs()
{
    std::vector<std::filesystem::path> files;
    for (const Form& form : m_forms)
        for (JobInput& input : jobInputs(*form.kind, valuesOf(form)))
            files.push_back(std::move(input.file));
    m_jobs.watch(std::move(files));
}

QString JobsPanel::waitsFor(const Form& form) const
{
    for (const JobInput& input : jobInputs(*form.kind, valuesOf(form))) {
        if (m_jobs.isBeingWritten(input.file))
            return tr("Waits for %1, which is being written.").arg(qs(input.file.filename()));
        if (!m_jobs.exists(input.file))
            return tr("Waits for %1, which job %2 writes.").arg(qs(input.file.filename())).arg(input.writtenBy);
    }
    return {};
}

void JobsPanel::refreshForm(const Form& form)
{
    const auto words = jobCommand(*form.kind, valuesOf(form));
    std::vector<std::string> command { m_program.string() };
    if (words)
        command.insert(command.end(), words->begin(), words->end());
    form.command->setText(words ? RunControl::asShellLine(command) : QString());
    form.command->setCursorPosition(0);
    const bool hasProject = !m_jobs.project().empty();
    const QString waiting = hasProject ? waitsFor(form) : QString();
    form.help->setText(waiting.isEmpty() ? form.kind->help : form.kind->help + QLatin1Char('\n') + waiting);
    form.start->setEnabled(words.has_value() && hasProject && waiting.isEmpty());
    form.start->setToolTip(!hasProject ? tr("Open a project first: its jobs/ folder keeps jobs and their logs.")
            : !words                   ? tr("Fill in what is needed first.")
            : !waiting.isEmpty()       ? waiting
                                       : tr("Start the job. It goes on when the window is closed."));
}

void JobsPanel::buildTable()
{
    const auto row = [this](std::size_t i) -> const JobRecord& { return m_rows[i]; };
    std::vector<ColumnSpec> columns;
    columns.push_back({ tr("job"), {}, [row](std::size_t i) { return qs(row(i).path.filename()); }, {}, [row](std::size_t i) { return RunControl::asShellLine(row(i).command); } });
    columns.push_back({ tr("state"), {}, [row](std::size_t i) { return stateText(row(i).state); }, {}, [row](std::size_t i) { return qs(launch::describe(row(i).state)); } });
    columns.push_back({ tr("progress"), {}, [row](std::size_t i) { return row(i).progress ? percent(*row(i).progress) : QStringLiteral("-"); },
        [row](std::size_t i) { return row(i).progress.value_or(std::numeric_limits<double>::quiet_NaN()); }, {} });
    columns.push_back({ tr("started"), {}, [row](std::size_t i) { return QDateTime::fromMSecsSinceEpoch(row(i).startedMs).toString(QStringLiteral("yyyy-MM-dd HH:mm:ss")); },
        [row](std::size_t i) { return static_cast<double>(row(i).startedMs); }, {} });
    columns.push_back({ tr("last line of its log"), {}, [row](std::size_t i) { return qs(row(i).lastLine); }, {}, [row](std::size_t i) { return qs(row(i).lastLine); } });
    m_model->setColumns(std::move(columns));
    styleTable(m_table, QStringLiteral("jobTable"), tr("Jobs of the project"));
    m_table->setModel(m_model);
    m_table->setSelectionMode(QAbstractItemView::SingleSelection);
    constexpr int kWidths[] = { 120, 120, 80, 160 };
    for (int i = 0; i < 4; ++i)
        m_table->setColumnWidth(i, kWidths[i]);
    new EmptyHint(m_table, tr("No jobs yet. Without a predictor of your own, choose another selection.belief, or a project that brings one."));
    connect(m_table->selectionModel(), &QItemSelectionModel::currentRowChanged, this, &JobsPanel::showLog);
}

const JobRecord* JobsPanel::selected() const
{
    const QModelIndex index = m_table->currentIndex();
    return index.isValid() ? &m_rows[m_model->sourceRow(index.row())] : nullptr;
}

void JobsPanel::refreshJobs()
{
    const JobRecord* chosen = selected();
    const std::filesystem::path path = chosen == nullptr ? std::filesystem::path() : chosen->path;
    const bool isSameCount = m_rows.size() == m_jobs.jobs().size();
    m_rows = m_jobs.jobs();
    if (isSameCount)
        m_model->refreshTexts();
    else
        m_model->setRows(m_rows.size());
    for (std::size_t i = 0; i < m_rows.size() && !m_table->currentIndex().isValid(); ++i)
        if (m_rows[i].path == path)
            m_table->selectRow(static_cast<int>(i)); // newer jobs stand above it now
    if (!m_table->currentIndex().isValid() && !m_rows.empty())
        m_table->selectRow(0);
    showLog();
    for (const Form& form : m_forms)
        refreshForm(form);
}

std::filesystem::path JobsPanel::finishedPredictor() const
{
    const JobRecord* job = selected();
    if (job == nullptr || job->kind != "train" || job->state.kind != launch::RunStateKind::Finished)
        return {};
    return jobOutput(*job);
}

void JobsPanel::showLog()
{
    const JobRecord* job = selected();
    m_use->setEnabled(!finishedPredictor().empty());
    m_stop->setEnabled(job != nullptr && launch::isActive(job->state.kind));
    const QString text = job == nullptr ? QString() : qs(job->logTail);
    if (text == m_log->toPlainText())
        return;
    m_log->setPlainText(text);
    m_log->verticalScrollBar()->setValue(m_log->verticalScrollBar()->maximum());
}

void JobsPanel::prefill()
{
    const auto fill = [this](std::size_t form, std::size_t field, const QString& text) {
        if (m_forms[form].edits[field]->text().isEmpty())
            m_forms[form].edits[field]->setText(text);
    };
    const config::RunConfig& settings = m_form.report().read.loaded.config;
    QStringList files;
    for (const auto& file : settings.data.trainFiles)
        files << qs(file);
    const QString model = qs(settings.model.path);
    const QString folder = qs(m_jobs.project() / "predictor");
    fill(0, 0, model);
    fill(0, 1, files.join(QLatin1Char(';')));
    fill(1, 0, model);
    fill(1, 1, files.join(QLatin1Char(';')));
    fill(1, 2, QStringLiteral("4"));
    if (m_jobs.project().empty())
        return;
    fill(0, 3, folder + QStringLiteral("/embeddings.safetensors"));
    fill(1, 4, folder + QStringLiteral("/labels.jsonl"));
    fill(2, 0, folder + QStringLiteral("/embeddings.safetensors"));
    fill(2, 1, folder + QStringLiteral("/labels.jsonl"));
    fill(2, 5, folder + QStringLiteral("/predictor.safetensors"));
}

void JobsPanel::showEvent(QShowEvent* event)
{
    QWidget::showEvent(event);
    prefill();
    m_jobs.refresh();
    m_poll->start();
}

void JobsPanel::hideEvent(QHideEvent* event)
{
    QWidget::hideEvent(event);
    m_poll->stop();
}

} // namespace midpoint::gui
