// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/start/start_page.h"

#include "widgets/common/action_registry.h"
#include "widgets/runs/runs_delegate.h"
#include "widgets/theme/theme.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/project_model.h"

#include <QFileInfo>
#include <QHBoxLayout>
#include <QLabel>
#include <QListWidget>
#include <QPushButton>
#include <QVBoxLayout>

namespace midpoint::gui {

namespace {

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

StartPage::StartPage(Workbench& workbench, std::filesystem::path demoProject, QWidget* parent)
    : Page(workbench, QStringLiteral("startPage"), parent)
    , m_demo(std::move(demoProject))
    , m_recent(new QListWidget(this))
    , m_runs(new QListWidget(this))
    , m_runsTitle(headingLabel(tr("Runs of this project"), this))
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
    auto* lists = new QHBoxLayout;
    lists->setSpacing(20);
    auto* left = new QVBoxLayout;
    left->addWidget(headingLabel(tr("Opened before"), this));
    left->addWidget(m_recent, 1);
    auto* open = new QPushButton(tr("Open project or run…"), this);
    theme().setIcon(open, QStringLiteral("open"));
    open->setObjectName(QStringLiteral("openFolder"));
    open->setToolTip(tr("Open a project folder, a run folder, or a snapshot file; it may also be dropped here"));
    left->addWidget(open);
    auto* right = new QVBoxLayout;
    right->addWidget(m_runsTitle);
    right->addWidget(m_runs, 1);
    auto* newRun = new QPushButton(tr("New run…"), this);
    theme().setIcon(newRun, QStringLiteral("plus"));
    newRun->setObjectName(QStringLiteral("startNewRun"));
    newRun->setToolTip(tr("Configure a new run"));
    right->addWidget(newRun);
    lists->addLayout(left, 1);
    lists->addLayout(right, 1);
    column->addLayout(lists, 1);
    outer->addLayout(column, 6);
    outer->addStretch(1);
    m_recent->setObjectName(QStringLiteral("recentProjects"));
    m_recent->setAccessibleName(tr("Projects and runs opened before"));
    m_runs->setObjectName(QStringLiteral("projectRuns"));
    m_runs->setAccessibleName(tr("Runs of this project"));
    for (QListWidget* list : { m_recent, m_runs }) {
        list->setAlternatingRowColors(true);
        list->setSpacing(2);
        list->setTextElideMode(Qt::ElideMiddle);
        list->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
        connect(list, &QListWidget::itemActivated, this, [this](QListWidgetItem* item) {
            const QString path = item->data(Qt::UserRole).toString();
            if (!path.isEmpty())
                Q_EMIT openRequested(path.toStdString());
        });
    }
    connect(open, &QPushButton::clicked, this, &StartPage::browseRequested);
    connect(newRun, &QPushButton::clicked, this, [this] { Q_EMIT screenRequested(QStringLiteral("configure")); });
    connect(&workbench.project, &ProjectModel::runsChanged, this, &StartPage::refreshRuns);
    setRecent({});
    refreshRuns();
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
        const std::filesystem::path configuration = m_demo / file;
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
    project->setToolTip(qs(m_demo));
    connect(project, &QPushButton::clicked, this, [this] { Q_EMIT openRequested(m_demo); });
    buttons->addWidget(project);
    buttons->addStretch(1);
    layout->addLayout(buttons);
}

void StartPage::setRecent(const QStringList& paths)
{
    m_recent->clear();
    for (const QString& path : paths) {
        auto* item = new QListWidgetItem(QFileInfo(path).fileName() + QStringLiteral("   —   ") + path, m_recent);
        item->setData(Qt::UserRole, path);
        item->setToolTip(path);
    }
    if (paths.isEmpty()) {
        auto* item = new QListWidgetItem(tr("Nothing yet. Open a folder, or drop one on this window."), m_recent);
        item->setFlags(Qt::NoItemFlags);
    }
}

void StartPage::refreshRuns()
{
    m_runs->clear();
    for (const auto& run : workbench().project.runs()) {
        auto* item = new QListWidgetItem(tr("%1   %2   step %3 of %4").arg(stateText(run->state), qs(run->name)).arg(run->step).arg(run->totalSteps), m_runs);
        item->setData(Qt::UserRole, qs(run->path));
        item->setToolTip(qs(run->path));
    }
    if (workbench().project.runs().empty()) {
        auto* item = new QListWidgetItem(tr("No runs yet. Start the demo, or configure a new run."), m_runs);
        item->setFlags(Qt::NoItemFlags);
    }
}

} // namespace midpoint::gui
