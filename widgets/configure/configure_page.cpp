// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/configure/configure_page.h"

#include "backend/core/error.h"
#include "backend/core/files.h"
#include "widgets/common/action_registry.h"
#include "widgets/configure/device_picker.h"
#include "widgets/configure/jobs_panel.h"
#include "widgets/configure/setting_form.h"
#include "widgets/theme/theme.h"
#include "widgets/viewmodels/device_query.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/job_list.h"
#include "widgets/viewmodels/metric_names.h"
#include "widgets/viewmodels/project_model.h"
#include "widgets/viewmodels/run_control.h"

#include <QApplication>
#include <QCheckBox>
#include <QClipboard>
#include <QComboBox>
#include <QFileDialog>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QMessageBox>
#include <QPushButton>
#include <QTabWidget>
#include <QTimer>
#include <QToolButton>
#include <QVBoxLayout>

namespace midpoint::gui {

ConfigurePage::ConfigurePage(Workbench& workbench, RunControl& control, QWidget* parent)
    : Page(workbench, QStringLiteral("configurePage"), parent)
    , m_control(control)
    , m_form(new ConfigForm(this))
    , m_base(new QComboBox(this))
    , m_filter(new QLineEdit(this))
    , m_onlyChanged(new QCheckBox(tr("only changed"), this))
    , m_settings(new SettingForm(theme(), *m_form, this))
    , m_problems(new QListWidget(this))
    , m_estimate(new QLabel(this))
    , m_devices(new QLabel(this))
    , m_devicePicker(new DevicePicker(this))
    , m_runName(new QLineEdit(this))
    , m_command(new QLineEdit(this))
    , m_start(new QPushButton(tr("Start run"), this))
    , m_deviceQuery(new DeviceQuery(this))
    , m_jobs(new JobList(control.program(), this))
    , m_tabs(new QTabWidget(this))
    , m_draftTimer(new QTimer(this))
{
    auto* outer = new QVBoxLayout(this);
    outer->setContentsMargins(8, 6, 8, 6);
    auto* runPane = new QWidget(this);
    auto* layout = new QVBoxLayout(runPane);
    layout->setContentsMargins(0, 6, 0, 0);
    layout->setSpacing(6);
    auto* bar = new QHBoxLayout;
    buildToolbar(bar);
    layout->addLayout(bar);
    auto* middle = new QHBoxLayout;
    buildForm(middle);
    layout->addLayout(middle, 1);
    buildFooter(layout);
    m_jobsPanel = new JobsPanel(theme(), *m_jobs, *m_form, control.program(), this);
    m_tabs->setObjectName(QStringLiteral("configureTabs"));
    m_tabs->setAccessibleName(tr("A training run, or jobs that make a predictor"));
    m_tabs->setDocumentMode(true);
    m_tabs->addTab(runPane, tr("Training run"));
    m_tabs->addTab(m_jobsPanel, tr("Predictor: embed, label, train"));
    outer->addWidget(m_tabs);
    connect(m_form, &ConfigForm::changed, this, [this] {
        refreshSettings();
        refreshFooter();
    });
    connect(m_form, &ConfigForm::checked, this, [this] {
        m_devicePicker->showChosen(m_form->report().read.loaded.config.run.devices);
        if (m_jobs->project() != projectFolder())
            m_jobs->setProject(projectFolder());
        m_jobsPanel->prefill();
        refreshSettings();
        refreshProblems();
        refreshFooter();
    });
    connect(&workbench.project, &ProjectModel::opened, this, [this] {
        if (m_jobs->project() != projectFolder())
            m_jobs->setProject(projectFolder());
        // A bare preset names no model and no data: the project's own configurations are the better start.
        const auto files = this->workbench().project.configurations();
        if (!files.empty() && m_form->file().empty() && m_form->changes().empty())
            m_form->loadFile(files.front());
        refreshBases();
    });
    connect(m_devicePicker, &DevicePicker::chosen, this, [this](const std::vector<std::string>& devices) { m_form->set("run.devices", config::toPlainText(config::Value(devices))); });
    connect(m_jobsPanel, &JobsPanel::predictorChosen, this, [this](const std::filesystem::path& file) {
        showRunForm();
        m_form->set("selection.predictor_path", file.string());
        goTo("selection.predictor_path");
    });
    connect(m_jobs, &JobList::failed, this, &Page::statusMessage);
    connect(m_jobs, &JobList::started, this, [this](const std::filesystem::path& job) { Q_EMIT statusMessage(tr("%1 is starting. It goes on when this window is closed.").arg(qs(job.filename()))); });
    connect(&theme(), &Theme::changed, this, &ConfigurePage::refreshProblems);
    connect(m_deviceQuery, &DeviceQuery::answered, this, [this](const QStringList& devices) {
        m_devices->setText(devices.size() > 1 ? tr("Devices, one rank each:") : tr("Devices: the processor; this machine has no GPU that can be used."));
        m_devicePicker->setDevices(devices);
        m_devicePicker->showChosen(m_form->report().read.loaded.config.run.devices);
    });
    connect(m_deviceQuery, &DeviceQuery::failed, this, [this](const QString& reason) {
        m_devices->setText(tr("Devices: unknown, %1 cannot be asked: %2").arg(qs(m_control.program()), reason));
    });
    connectDraft();
    refreshBases();
    m_form->loadPreset(m_form->preset());
}

void ConfigurePage::buildToolbar(QBoxLayout* layout)
{
    m_base->setObjectName(QStringLiteral("configurationBase"));
    m_base->setAccessibleName(tr("Configuration to start from"));
    m_base->setToolTip(tr("A configuration of the project, or a preset"));
    m_base->setMinimumWidth(240);
    auto* load = new QPushButton(tr("Load…"), this);
    load->setObjectName(QStringLiteral("loadConfiguration"));
    load->setToolTip(tr("Start from another configuration file"));
    auto* save = new QPushButton(tr("Save as…"), this);
    save->setObjectName(QStringLiteral("saveConfiguration"));
    save->setToolTip(tr("Write all settings to a configuration file"));
    m_filter->setObjectName(QStringLiteral("settingFilter"));
    m_filter->setAccessibleName(tr("Search settings"));
    m_filter->setPlaceholderText(tr("Search settings: name, help, or the name used elsewhere (alpha, mu, num_generations)"));
    m_filter->setClearButtonEnabled(true);
    m_onlyChanged->setObjectName(QStringLiteral("onlyChanged"));
    m_onlyChanged->setToolTip(tr("Show only the settings changed from the base"));
    layout->addWidget(new QLabel(tr("based on"), this));
    layout->addWidget(m_base);
    layout->addWidget(load);
    layout->addWidget(save);
    layout->addWidget(m_filter, 1);
    layout->addWidget(m_onlyChanged);
    layout->addWidget(workbench().actions.makeButton(QStringLiteral("view.undo"), this));
    connect(m_base, &QComboBox::activated, this, [this] {
        const QString chosen = m_base->currentData().toString();
        if (chosen.startsWith(QStringLiteral("preset:")))
            m_form->loadPreset(chosen.mid(7).toStdString());
        else
            loadFile(chosen.toStdString());
    });
    connect(load, &QPushButton::clicked, this, [this] {
        const QString file = QFileDialog::getOpenFileName(this, tr("Load configuration"), {}, tr("Configuration (*.toml)"));
        if (!file.isEmpty())
            loadFile(file.toStdString());
    });
    connect(save, &QPushButton::clicked, this, &ConfigurePage::saveAs);
    connect(m_filter, &QLineEdit::textChanged, this, &ConfigurePage::filterSettings);
    connect(m_onlyChanged, &QCheckBox::toggled, this, &ConfigurePage::filterSettings);
}

void ConfigurePage::buildForm(QBoxLayout* layout)
{
    layout->addWidget(m_settings, 3);
    auto* side = new QVBoxLayout;
    auto* title = new QLabel(tr("Check"), this);
    title->setFont(theme().strongFont());
    m_problems->setObjectName(QStringLiteral("problemList"));
    m_problems->setAccessibleName(tr("Errors and warnings; choose one to go to its setting"));
    m_problems->setWordWrap(true);
    m_problems->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    m_estimate->setObjectName(QStringLiteral("memoryEstimate"));
    m_devices->setObjectName(QStringLiteral("deviceList"));
    for (QLabel* label : { m_estimate, m_devices }) {
        label->setWordWrap(true);
        label->setTextFormat(Qt::PlainText);
        label->setAlignment(Qt::AlignTop);
    }
    side->addWidget(title);
    side->addWidget(m_problems, 1);
    side->addWidget(m_estimate);
    side->addWidget(m_devices);
    side->addWidget(m_devicePicker);
    layout->addLayout(side, 1);
    connect(m_problems, &QListWidget::itemClicked, this, [this](QListWidgetItem* item) { goTo(item->data(Qt::UserRole).toString().toStdString()); });
    connect(m_problems, &QListWidget::itemActivated, this, [this](QListWidgetItem* item) { goTo(item->data(Qt::UserRole).toString().toStdString()); });
}

void ConfigurePage::buildFooter(QBoxLayout* layout)
{
    m_runName->setObjectName(QStringLiteral("newRunName"));
    m_runName->setAccessibleName(tr("Name of the run"));
    m_runName->setToolTip(tr("Folder of the run below runs/"));
    m_runName->setMaximumWidth(220);
    m_command->setObjectName(QStringLiteral("commandLine"));
    m_command->setAccessibleName(tr("The command that starts this run"));
    m_command->setToolTip(tr("The same run from a terminal or on a server"));
    m_command->setReadOnly(true);
    m_command->setFont(theme().fixedFont());
    auto* copy = new QToolButton(this);
    copy->setObjectName(QStringLiteral("copyCommand"));
    theme().setIcon(copy, QStringLiteral("copy"));
    copy->setToolTip(tr("Copy the command"));
    copy->setAccessibleName(copy->toolTip());
    copy->setAutoRaise(true);
    auto* dry = new QPushButton(tr("Dry run"), this);
    dry->setObjectName(QStringLiteral("dryRun"));
    dry->setToolTip(tr("Show the resolved configuration, start nothing"));
    m_start->setObjectName(QStringLiteral("startRun"));
    theme().setIcon(m_start, QStringLiteral("play"));
    auto* line = new QHBoxLayout;
    line->addWidget(new QLabel(tr("run name"), this));
    line->addWidget(m_runName);
    line->addWidget(m_command, 1);
    line->addWidget(copy);
    line->addWidget(dry);
    line->addWidget(m_start);
    layout->addLayout(line);
    connect(copy, &QToolButton::clicked, this, [this] { QApplication::clipboard()->setText(m_command->text()); });
    connect(dry, &QPushButton::clicked, this, &ConfigurePage::dryRun);
    connect(m_start, &QPushButton::clicked, this, &ConfigurePage::startRun);
    connect(m_runName, &QLineEdit::textEdited, this, [this](const QString& text) {
        m_nameIsOwn = !text.isEmpty();
        refreshFooter();
    });
}

void ConfigurePage::activated()
{
    refreshFooter();
    if (m_devices->text().isEmpty())
        m_devices->setText(tr("Looking for devices…"));
    m_deviceQuery->ask(m_control.program());
}

void ConfigurePage::focusFilter()
{
    m_filter->setFocus();
    m_filter->selectAll();
}

void ConfigurePage::loadFile(const std::filesystem::path& file)
{
    showRunForm();
    m_nameIsOwn = false;
    m_form->loadFile(file);
    refreshBases();
}

void ConfigurePage::refreshSettings()
{
    m_settings->refresh();
    m_onlyChanged->setText(tr("only changed (%1)").arg(m_form->changes().size()));
}

void ConfigurePage::filterSettings() { m_settings->setFilter(m_filter->text().trimmed(), m_onlyChanged->isChecked()); }

void ConfigurePage::goTo(const std::string& key)
{
    m_filter->clear();
    m_onlyChanged->setChecked(false);
    m_settings->goTo(key);
}

void ConfigurePage::refreshBases()
{
    m_base->clear();
    bool isListed = m_form->file().empty();
    for (const std::filesystem::path& file : workbench().project.configurations()) {
        m_base->addItem(qs(file.lexically_relative(workbench().project.folder())), qs(file));
        isListed = isListed || file == m_form->file();
    }
    if (!isListed)
        m_base->addItem(qs(m_form->file()), qs(m_form->file()));
    for (const std::string& preset : config::presetNames())
        m_base->addItem(tr("preset %1").arg(qs(preset)), QStringLiteral("preset:") + qs(preset));
    const QString present = m_form->file().empty() ? QStringLiteral("preset:") + qs(m_form->preset()) : qs(m_form->file());
    m_base->setCurrentIndex(m_base->findData(present));
    refreshFooter();
}

void ConfigurePage::refreshProblems()
{
    m_problems->clear();
    const auto add = [this](const config::Problem& problem, bool isError) {
        const QString where = problem.key.empty() ? qs(problem.where) : qs(problem.key);
        auto* item = new QListWidgetItem(QStringLiteral("%1 %2%3").arg(isError ? QStringLiteral("✕") : QStringLiteral("!"), where.isEmpty() ? QString() : where + QStringLiteral(": "), qs(problem.message)), m_problems);
        item->setForeground(theme().color(isError ? ColorRole::Alert : ColorRole::Warning));
        item->setData(Qt::UserRole, qs(problem.key));
        item->setToolTip(qs(config::describe(problem)));
    };
    const auto problems = m_form->problems();
    for (const config::Problem& problem : problems)
        add(problem, true);
    for (const config::Problem& warning : m_form->warnings())
        add(warning, false);
    if (m_problems->count() == 0) {
        auto* item = new QListWidgetItem(tr("✓ No errors, no warnings."), m_problems);
        item->setForeground(theme().color(ColorRole::Good));
    }
    const auto memory = estimateMemory(m_form->report());
    QString text = memory ? tr("Estimate of memory per rank: weights %1 + gradients and optimizer %2 + key-value cache up to %3 = %4, without activations.")
                                .arg(bytes(memory->weightsBytes), bytes(memory->optimizerBytes), bytes(memory->cacheBytes), bytes(memory->totalBytes()))
                          : tr("Estimate of memory: needs the model's config.json.");
    // Time: what the newest run of this project with the same model took.
    const auto same = [this](const RunSummary& run) {
        const auto model = run.settings.find("model.path");
        return model != run.settings.end() && qs(model->second).remove(QLatin1Char('"')) == qs(m_form->report().read.loaded.config.model.path);
    };
    QString timeText = tr("Estimate of time: no earlier run with this model to judge from.");
    for (const auto& run : workbench().project.runs()) {
        const auto seconds = run->last.find(metric_names::kStepSeconds);
        if (same(*run) && seconds != run->last.end()) {
            const auto steps = static_cast<double>(m_form->report().read.loaded.config.run.steps);
            timeText = tr("Estimate of time: about %1 for %2 steps, by the last step of %3.").arg(duration(seconds->second * steps)).arg(steps).arg(qs(run->name));
        }
    }
    m_estimate->setText(text + QLatin1Char('\n') + timeText);
}

// The project that is open, otherwise the one that the configuration lies in; empty if there is none.
std::filesystem::path ConfigurePage::projectFolder() const
{
    const ProjectModel& project = workbench().project;
    if (project.isOpen())
        return project.folder();
    return m_form->file().empty() ? std::filesystem::path() : workspaceOf(m_form->file().parent_path());
}

std::filesystem::path ConfigurePage::runFolder() const
{
    const std::filesystem::path project = projectFolder();
    const std::filesystem::path base = project.empty() ? std::filesystem::current_path() : project;
    const std::filesystem::path runs = base.filename() == "runs" ? base : base / "runs";
    if (m_nameIsOwn)
        return runs / m_runName->text().toStdString();
    const std::string name = m_form->report().read.loaded.config.run.name;
    return RunControl::freeRunFolder(runs, name.empty() ? "run" : name);
}

std::filesystem::path ConfigurePage::configurationFile() const { return m_form->file().empty() ? runFolder() / "config.toml" : m_form->file(); }

void ConfigurePage::refreshFooter()
{
    const std::filesystem::path folder = runFolder();
    if (!m_nameIsOwn)
        m_runName->setText(qs(folder.filename()));
    m_command->setText(RunControl::asShellLine(RunControl::trainCommand(m_control.program(), configurationFile(), m_form->overrides(), folder)));
    m_command->setCursorPosition(0);
    const auto problems = m_form->problems();
    std::error_code error;
    const bool isTaken = std::filesystem::exists(folder, error);
    m_start->setEnabled(m_form->isValid() && !isTaken);
    m_start->setToolTip(!problems.empty() ? tr("Mend first: %1").arg(qs(config::describe(problems.front())))
            : isTaken                     ? tr("A run of this name is there already.")
                                          : tr("Start the run (Ctrl+Return). It goes on when the window is closed."));
}

void ConfigurePage::saveAs()
{
    const QString file = QFileDialog::getSaveFileName(this, tr("Save configuration"), qs(workbench().project.folder() / (m_runName->text().toStdString() + ".toml")), tr("Configuration (*.toml)"));
    if (file.isEmpty())
        return;
    try {
        writeFileAtomically(file.toStdString(), m_form->toToml());
        loadFile(file.toStdString());
    } catch (const std::exception& error) {
        QMessageBox::warning(this, tr("Save configuration"), QString::fromUtf8(error.what()));
    }
}

void ConfigurePage::startRun()
{
    if (!m_start->isEnabled())
        return;
    const std::filesystem::path folder = runFolder();
    if (!m_form->file().empty()) {
        m_control.start(m_form->file(), m_form->overrides(), folder);
    } else {
        // A preset without a file: the run's own configuration is the file that starts it.
        try {
            createFolders(folder);
            writeFileAtomically(folder / "config.toml", m_form->toToml());
            m_control.start(folder / "config.toml", {}, folder);
        } catch (const std::exception& error) {
            QMessageBox::warning(this, tr("Start run"), QString::fromUtf8(error.what()));
        }
    }
    m_nameIsOwn = false;
}

} // namespace midpoint::gui
