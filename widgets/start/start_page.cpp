// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/start/start_page.h"

#include "backend/core/error.h"
#include "backend/launch/held_runs.h"
#include "backend/launch/run_folder.h"
#include "widgets/common/action_registry.h"
#include "widgets/common/empty_hint.h"
#include "widgets/common/run_state_style.h"
#include "widgets/theme/theme.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/project_feed.h"
#include "widgets/viewmodels/project_model.h"

#include <QFileInfo>
#include <QHBoxLayout>
#include <QLabel>
#include <QListWidget>
#include <QPushButton>
#include <QTimer>
#include <QVBoxLayout>

#include <algorithm>

namespace midpoint::gui {

namespace {

constexpr int kActiveMs = 5000; // runs come and go slowly

QLabel* headingLabel(const QString& text, QWidget* parent)
{
    auto* label = new QLabel(text, parent);
    QFont font = label->font();
    font.setWeight(QFont::DemiBold);
    font.setPointSizeF(font.pointSizeF() + 2);
    label->setFont(font);
    return label;
}

} // namespace

StartPage::StartPage(Workbench& workbench, std::filesystem::path workspace, QWidget* parent)
    : Page(workbench, QStringLiteral("startPage"), parent)
    , m_workspace(std::move(workspace))
    , m_activeTimer(new QTimer(this))
    , m_projects(new QListWidget(this))
    , m_recent(new QListWidget(this))
    , m_runs(new QListWidget(this))
    , m_runsTitle(headingLabel(tr("Runs"), this))
{
    auto* outer = new QHBoxLayout(this);
    outer->addStretch(1);
    auto* column = new QVBoxLayout;
    column->setContentsMargins(24, 30, 24, 24);
    column->setSpacing(10);
    auto* title = new QLabel(tr("Midpoint"), this);
    QFont titleFont = theme().headingFont();
    titleFont.setPointSizeF(titleFont.pointSizeF() + 8);
    title->setFont(titleFont);
    auto* subtitle = new QLabel(tr("Fine-tune language models by reinforcement learning, on the prompts they solve about half of the time."), this);
    subtitle->setWordWrap(true);
    column->addWidget(title);
    column->addWidget(subtitle);
    column->addSpacing(12);
    buildDemo(column);
    column->addSpacing(12);
    buildLists(column);
    outer->addLayout(column, 14);
    outer->addStretch(1);
    connect(&workbench.project, &ProjectModel::runsChanged, this, &StartPage::refreshRuns);
    m_activeTimer->setInterval(kActiveMs);
    connect(m_activeTimer, &QTimer::timeout, this, &StartPage::findActive);
    setRecent({});
    refreshRuns();
}

void StartPage::buildLists(QVBoxLayout* layout)
{
    const auto addButton = [this](const QString& text, const QString& icon, const QString& name, const QString& tip) {
        auto* button = new QPushButton(text, this);
        theme().setIcon(button, icon);
        button->setObjectName(name);
        button->setToolTip(tip);
        return button;
    };
    auto* open = addButton(tr("Open project or run…"), QStringLiteral("open"), QStringLiteral("openFolder"),
        tr("Open a project folder or a run folder; it may also be dropped here, and so may a snapshot or the results.db of a benchmark"));
    auto* newRun = addButton(tr("New run…"), QStringLiteral("plus"), QStringLiteral("startNewRun"), tr("Configure a new run"));
    auto* openRuns = addButton(tr("All runs…"), QStringLiteral("runs"), QStringLiteral("showRuns"), tr("The table of all runs, and comparing them"));
    auto* lists = new QHBoxLayout;
    lists->setSpacing(20);
    const auto addList = [&](QLabel* heading, QListWidget* list, QPushButton* button) {
        auto* column = new QVBoxLayout;
        column->addWidget(heading);
        column->addWidget(list, 1);
        column->addWidget(button);
        lists->addLayout(column, list == m_projects ? 3 : 2); // configurations say what they are
        list->setAlternatingRowColors(true);
        list->setSpacing(2);
        list->setTextElideMode(Qt::ElideMiddle);
        list->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
        const auto choose = [this](QListWidgetItem* item) {
            const QString path = item->data(Qt::UserRole).toString();
            if (!path.isEmpty())
                Q_EMIT openRequested(path.toStdString());
        };
        connect(list, &QListWidget::itemActivated, this, choose); // Enter, double click
        connect(list, &QListWidget::itemClicked, this, choose);
    };
    addList(headingLabel(tr("Ready to run"), this), m_projects, newRun);
    addList(m_runsTitle, m_runs, openRuns);
    addList(headingLabel(tr("Opened before"), this), m_recent, open);
    layout->addLayout(lists, 1);
    m_projects->setObjectName(QStringLiteral("projectConfigurations"));
    m_projects->setAccessibleName(tr("Configurations that are ready to run"));
    m_projects->setTextElideMode(Qt::ElideRight);
    m_projects->setWordWrap(true); // what a configuration says of itself is read in full
    m_projects->setResizeMode(QListView::Adjust);
    m_recent->setObjectName(QStringLiteral("recentProjects"));
    m_recent->setAccessibleName(tr("Projects and runs opened before"));
    m_runs->setObjectName(QStringLiteral("projectRuns"));
    m_runs->setAccessibleName(tr("Runs that go on on this machine, and those of the project"));
    new EmptyHint(m_projects, tr("No configurations in %1.").arg(qs(m_workspace / "projects")));
    new EmptyHint(m_runs, tr("No runs yet. Start the demo, or configure a new run."));
    new EmptyHint(m_recent, tr("Nothing yet. Open a folder, or drop one on this window."));
    connect(open, &QPushButton::clicked, this, &StartPage::browseRequested);
    connect(newRun, &QPushButton::clicked, this, [this] { Q_EMIT screenRequested(QStringLiteral("configure")); });
    connect(openRuns, &QPushButton::clicked, this, [this] { Q_EMIT screenRequested(QStringLiteral("runs")); });
}

void StartPage::activated()
{
    findProjects();
    findActive();
    m_activeTimer->start();
}

void StartPage::deactivated() { m_activeTimer->stop(); }

void StartPage::findActive()
{
    m_background.run([this]() -> std::function<void()> {
        std::vector<std::pair<std::filesystem::path, launch::RunState>> found;
        try {
            for (const std::filesystem::path& run : launch::runsHeldOnThisMachine())
                found.emplace_back(run, launch::observeState(launch::RunFolder::open(run)));
        } catch (const Error&) {
            return [] { }; // a run's folder went meanwhile: the next look is soon
        }
        return [this, found = std::move(found)]() mutable {
            if (found == m_active)
                return;
            m_active = std::move(found);
            refreshRuns();
        };
    });
}

// What lies in projects/, each with what it says of itself; read on a thread of the pool.
void StartPage::findProjects()
{
    m_background.run([this, workspace = m_workspace]() -> std::function<void()> {
        std::vector<std::pair<std::filesystem::path, QString>> found;
        for (const std::filesystem::path& file : findConfigurations(workspace))
            found.emplace_back(file, qs(aboutConfiguration(file)));
        return [this, workspace, found = std::move(found)] {
            m_projects->clear();
            for (const auto& [file, about] : found) {
                const QString name = qs((file.parent_path().filename() / file.stem()).string());
                auto* item = new QListWidgetItem(about.isEmpty() ? name : name + QLatin1Char('\n') + about, m_projects);
                item->setData(Qt::UserRole, qs(file));
                item->setToolTip(about.isEmpty() ? qs(file) : qs(file) + QLatin1Char('\n') + about);
            }
        };
    });
}

void StartPage::buildDemo(QVBoxLayout* layout)
{
    auto* row = new QHBoxLayout;
    row->addWidget(headingLabel(tr("See it learn"), this));
    row->addStretch(1);
    layout->addLayout(row);
    auto* text = new QLabel(tr("A tiny model learns to run small programs, on this machine's processor, in minutes. Start the same task twice and compare."), this);
    text->setWordWrap(true);
    layout->addWidget(text);
    auto* buttons = new QHBoxLayout;
    const auto add = [&](const QString& name, const QString& label, const QString& tip, const char* file) {
        auto* button = new QPushButton(label, this);
        theme().setIcon(button, QStringLiteral("play"));
        button->setObjectName(name);
        button->setToolTip(tip);
        std::error_code error;
        const std::filesystem::path configuration = m_workspace / "projects" / "arithmetic" / file;
        const bool isThere = std::filesystem::exists(configuration, error);
        button->setEnabled(isThere);
        if (!isThere)
            button->setToolTip(tr("%1 is missing").arg(qs(configuration)));
        connect(button, &QPushButton::clicked, this, [this, configuration] { Q_EMIT demoRequested(configuration); });
        buttons->addWidget(button);
    };
    add(QStringLiteral("startDemo"), tr("Start the demo"), tr("Difficulty-targeted selection with rollout replay"), "dots-rr.toml");
    add(QStringLiteral("startBaseline"), tr("Start its baseline"), tr("Plain GRPO on the same task"), "grpo.toml");
    auto* project = new QPushButton(tr("Open the demo project"), this);
    theme().setIcon(project, QStringLiteral("open"));
    project->setObjectName(QStringLiteral("openDemo"));
    project->setToolTip(tr("All runs below %1").arg(qs(m_workspace)));
    connect(project, &QPushButton::clicked, this, [this] { Q_EMIT openRequested(m_workspace); });
    buttons->addWidget(project);
    buttons->addStretch(1);
    layout->addLayout(buttons);
}

void StartPage::setRecent(const QStringList& paths)
{
    m_recent->clear();
    for (const QString& path : paths) {
        auto* item = new QListWidgetItem(QFileInfo(path).fileName() + QLatin1Char('\n') + path, m_recent);
        item->setData(Qt::UserRole, path);
        item->setToolTip(path);
    }
}

void StartPage::refreshRuns()
{
    constexpr std::size_t kMaximumShown = 40; // the table on the Runs screen has them all
    RunSummaries newest = workbench().project.runs();
    std::stable_sort(newest.begin(), newest.end(), [](const auto& a, const auto& b) { return a->startedMs > b->startedMs; });
    newest.resize(std::min(newest.size(), kMaximumShown));
    m_runs->clear();
    const auto add = [this](const QString& text, const std::filesystem::path& path) {
        auto* item = new QListWidgetItem(text, m_runs);
        item->setData(Qt::UserRole, qs(path));
        item->setToolTip(qs(path));
    };
    for (const auto& [path, state] : m_active)
        if (path.parent_path() != workbench().project.runsFolder())
            add(tr("%1\n%2   in %3").arg(qs(path.filename()), stateText(state), qs(path.parent_path())), path);
    for (const auto& run : newest)
        add(tr("%1\n%2   step %3 of %4").arg(qs(run->name), stateText(run->state)).arg(run->step).arg(run->totalSteps), run->path);
}

} // namespace midpoint::gui
