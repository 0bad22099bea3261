// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/shell/main_window.h"

#include "backend/core/text.h"
#include "backend/launch/run_folder.h"
#include "backend/store/time_to_target.h"
#include "widgets/benchmark/benchmark_page.h"
#include "widgets/buffer/buffer_page.h"
#include "widgets/common/action_registry.h"
#include "widgets/common/command_palette.h"
#include "widgets/common/message_strip.h"
#include "widgets/configure/configure_page.h"
#include "widgets/difficulty/difficulty_page.h"
#include "widgets/live/live_page.h"
#include "widgets/log/log_page.h"
#include "widgets/rollouts/rollouts_page.h"
#include "widgets/runs/runs_page.h"
#include "widgets/shell/layout_keeper.h"
#include "widgets/shell/run_header_bar.h"
#include "widgets/shell/run_notices.h"
#include "widgets/start/start_page.h"
#include "widgets/system/system_page.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/project_model.h"
#include "widgets/viewmodels/run_control.h"
#include "widgets/viewmodels/run_model.h"

#include <QCloseEvent>
#include <QDragEnterEvent>
#include <QFileDialog>
#include <QLabel>
#include <QMenuBar>
#include <QMimeData>
#include <QSettings>
#include <QStackedWidget>
#include <QStatusBar>
#include <QTimer>
#include <QToolButton>
#include <QVBoxLayout>

namespace midpoint::gui {

namespace {

constexpr int kMaximumRecent = 12;
constexpr int kSaidMs = 8000;
const QString kRecentKey = QStringLiteral("recent");

} // namespace

MainWindow::MainWindow(Theme& theme, WindowOptions options)
    : m_theme(theme)
    , m_options(std::move(options))
    , m_run(new RunModel(this))
    , m_project(new ProjectModel(this))
    , m_actions(new ActionRegistry(theme, this))
    , m_control(new RunControl(m_options.program, this))
    , m_workbench { theme, *m_run, *m_project, *m_actions }
{
    setObjectName(QStringLiteral("mainWindow"));
    setWindowTitle(tr("Midpoint"));
    setWindowIcon(QIcon(QStringLiteral(":/icons/midpoint.svg")));
    setAcceptDrops(true);
    setMinimumSize(1100, 700);
    resize(1440, 900);
    declareActions();
    buildPages();
    buildShell();
    buildMenus();
    connectModels();
    m_palette = new CommandPalette(this);
    m_layout = new LayoutKeeper(this, *m_project);
    // After the keeper has restored them, filters of another project or run are the first of their screens.
    connect(m_project, &ProjectModel::preferencesArrived, this, [this] {
        for (const auto& [name, page] : m_pages)
            page->forgetFilters();
    });
    connect(m_run, &RunModel::opened, this, [this] {
        for (Page* page : std::initializer_list<Page*> { m_difficulty, m_rollouts, m_log })
            page->forgetFilters();
    });
    if (m_options.remembersWindow) {
        QSettings settings;
        restoreGeometry(settings.value(QStringLiteral("geometry")).toByteArray());
        m_start->setRecent(settings.value(kRecentKey).toStringList());
        theme.setChoice(static_cast<ThemeChoice>(settings.value(QStringLiteral("theme"), 0).toInt()));
    }
    showScreen(QStringLiteral("start"));
}

MainWindow::~MainWindow()
{
    m_run->close(); // the reader threads end before the pages that listen to them
    m_project->close();
}

void MainWindow::buildPages()
{
    m_start = new StartPage(m_workbench, m_options.workspace, this);
    m_runsPage = new RunsPage(m_workbench, this);
    m_configure = new ConfigurePage(m_workbench, *m_control, this);
    m_live = new LivePage(m_workbench, this);
    m_difficulty = new DifficultyPage(m_workbench, this);
    m_buffer = new BufferPage(m_workbench, this);
    m_rollouts = new RolloutsPage(m_workbench, this);
    m_system = new SystemPage(m_workbench, this);
    m_log = new LogPage(m_workbench, this);
    m_benchmark = new BenchmarkPage(m_workbench, this);
}

QToolButton* MainWindow::addScreen(const QString& name, Page* page, const QString& actionId)
{
    m_stack->addWidget(page);
    m_pages[name] = page;
    m_screenOrder << name;
    connect(page, &Page::screenRequested, this, &MainWindow::showScreen);
    connect(page, &Page::promptRequested, this, &MainWindow::actOnPrompt);
    connect(page, &Page::statusMessage, this, &MainWindow::say);
    QToolButton* button = m_actions->makeButton(actionId, this);
    button->setObjectName(QStringLiteral("rail.") + name);
    button->setToolButtonStyle(Qt::ToolButtonTextUnderIcon);
    button->setIconSize(QSize(24, 24));
    button->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    return button;
}

void MainWindow::buildShell()
{
    m_stack = new QStackedWidget(this);
    m_stack->setObjectName(QStringLiteral("screens"));
    auto* rail = new QWidget(this);
    rail->setObjectName(QStringLiteral("rail"));
    rail->setBackgroundRole(QPalette::Button);
    rail->setAutoFillBackground(true);
    auto* railLayout = new QVBoxLayout(rail);
    railLayout->setContentsMargins(3, 6, 3, 6);
    railLayout->setSpacing(2);
    const std::pair<const char*, Page*> screens[] = { { "start", m_start }, { "runs", m_runsPage }, { "configure", m_configure }, { "live", m_live },
        { "difficulty", m_difficulty }, { "buffer", m_buffer }, { "rollouts", m_rollouts }, { "system", m_system }, { "log", m_log },
        { "benchmark", m_benchmark } };
    for (const auto& [name, page] : screens)
        railLayout->addWidget(addScreen(QString::fromUtf8(name), page, QStringLiteral("screen.") + QString::fromUtf8(name)));
    railLayout->addStretch(1);
    m_header = new RunHeaderBar(m_workbench, this);
    m_trouble = new TroubleStrip(m_theme, this);
    m_notices = new RunNotices(m_workbench, this);
    connect(m_notices, &RunNotices::openRequested, this, &MainWindow::openRun);
    m_alert = new MessageStrip(m_theme, QStringLiteral("alertStrip"), this);
    for (const char* id : { "alert.show", "alert.dismiss" })
        m_alert->addButton(m_actions->makeButton(QString::fromUtf8(id), m_alert, true));
    auto* main = new QWidget(this);
    auto* layout = new QVBoxLayout(main);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(m_header);
    layout->addWidget(m_trouble);
    layout->addWidget(m_notices);
    layout->addWidget(m_stack, 1);
    layout->addWidget(m_alert);
    auto* central = new QWidget(this);
    auto* row = new QHBoxLayout(central);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(0);
    row->addWidget(rail);
    row->addWidget(main, 1);
    setCentralWidget(central);
    m_status = new QLabel(this);
    m_status->setObjectName(QStringLiteral("statusText"));
    m_status->setTextFormat(Qt::PlainText);
    m_saidTimer = new QTimer(this);
    m_saidTimer->setSingleShot(true);
    m_saidTimer->setInterval(kSaidMs);
    connect(m_saidTimer, &QTimer::timeout, this, [this] { say({}); });
    m_status->setContentsMargins(6, 0, 6, 0);
    statusBar()->addWidget(m_status, 1);
    statusBar()->setSizeGripEnabled(false);
}

void MainWindow::connectModels()
{
    connect(m_run, &RunModel::headerChanged, this, &MainWindow::refreshStatus);
    connect(m_run, &RunModel::troubleChanged, this, [this](const QString& message) { m_trouble->tell(TroubleStrip::Source::Run, message); });
    connect(m_run, &RunModel::dataArrived, this, &MainWindow::refreshAlert);
    connect(m_run, &RunModel::opened, this, [this] {
        m_dismissedEvents = 0;
        refreshAlert();
    });
    connect(m_project, &ProjectModel::opened, this, &MainWindow::refreshStatus);
    connect(m_project, &ProjectModel::runsChanged, this, &MainWindow::refreshStatus);
    connect(m_project, &ProjectModel::trouble, this, [this](const QString& message) { m_trouble->tell(TroubleStrip::Source::Project, message); });
    connect(m_project, &ProjectModel::closing, this, [this] { m_trouble->tell(TroubleStrip::Source::Project, {}); });
    connect(m_project, &ProjectModel::refused, this, &MainWindow::showTrouble);
    connect(m_project, &ProjectModel::renamed, this, [this](const std::filesystem::path& from, const std::filesystem::path& to) {
        say(tr("%1 is called %2 now.").arg(qs(from.filename()), qs(to.filename())));
        if (m_run->path() != from)
            return;
        m_run->open(to);
        setWindowTitle(tr("%1 — Midpoint").arg(qs(to.filename())));
    });
    connect(m_start, &StartPage::openRequested, this, &MainWindow::openPath);
    connect(m_start, &StartPage::browseRequested, this, &MainWindow::browse);
    connect(m_start, &StartPage::demoRequested, this, &MainWindow::startDemo);
    connect(m_runsPage, &RunsPage::runActivated, this, &MainWindow::openRun);
    connect(m_runsPage, &RunsPage::resumeRequested, this, [this](const std::filesystem::path& run) { m_control->resume(run); });
    connect(m_runsPage, &RunsPage::cloneRequested, this, [this](const std::filesystem::path& run) {
        m_configure->loadFile(run / "resolved.toml");
        showScreen(QStringLiteral("configure"));
    });
    connect(m_benchmark, &BenchmarkPage::opened, this, [this](const std::filesystem::path& file) {
        rememberRecent(file);
        setWindowTitle(tr("%1 — Midpoint").arg(qs(file.parent_path().filename() / file.filename())));
    });
    connect(m_benchmark, &BenchmarkPage::refused, this, &MainWindow::showTrouble);
    connect(m_benchmark, &BenchmarkPage::runRequested, this, &MainWindow::openPath);
    connect(m_control, &RunControl::started, this, [this](const std::filesystem::path& run) {
        m_project->refreshNow();
        openRun(run);
        say(tr("%1 is starting. It goes on when this window is closed.").arg(qs(run.filename())));
    });
    connect(m_control, &RunControl::sent, this, [this](const std::filesystem::path&, const QString& what) {
        say(tr("Requested: %1. The engine answers between two phases.").arg(what));
        m_run->pollNow();
    });
    connect(m_control, &RunControl::failed, this, &MainWindow::showTrouble);
}

QStringList MainWindow::screenNames() const { return m_screenOrder; }
Page* MainWindow::currentPage() const { return static_cast<Page*>(m_stack->currentWidget()); }

QString MainWindow::currentScreen() const
{
    for (const auto& [name, page] : m_pages)
        if (page == m_stack->currentWidget())
            return name;
    return {};
}

void MainWindow::showScreen(const QString& name)
{
    const auto found = m_pages.find(name);
    if (found == m_pages.end())
        return;
    if (currentPage() != nullptr && currentPage() != found->second)
        currentPage()->deactivated();
    m_stack->setCurrentWidget(found->second);
    refreshStrips();
    m_actions->action(QStringLiteral("screen.") + name)->setChecked(true);
    found->second->activated();
}

void MainWindow::openPath(const std::filesystem::path& path)
{
    std::error_code error;
    const std::filesystem::path absolute = std::filesystem::absolute(path, error).lexically_normal();
    if (!std::filesystem::exists(absolute, error)) {
        showTrouble(tr("%1 is not there.").arg(qs(absolute)));
        return;
    }
    if (absolute.extension() == ".toml") {
        m_configure->loadFile(absolute);
        showScreen(QStringLiteral("configure"));
    } else if (const std::filesystem::path result = absolute / "results.db"; store::isTimeToTargetFile(absolute)) {
        openBenchmark(absolute);
    } else if (!launch::isRunFolder(absolute) && store::isTimeToTargetFile(result)) {
        openBenchmark(result);
    } else if (std::filesystem::is_regular_file(absolute, error) || (launch::isRunFolder(absolute) && !std::filesystem::is_directory(absolute / "runs", error))) {
        openRun(absolute);
    } else {
        openProject(workspaceOf(absolute));
    }
}

void MainWindow::openRun(const std::filesystem::path& path)
{
    // A run that lies in a project's runs/ brings its project along; one that was copied here leaves no file beside it.
    const std::filesystem::path parent = path.parent_path();
    if (m_project->runsFolder() != parent) {
        const bool isProject = parent.filename() == "runs";
        m_project->open(isProject ? parent.parent_path() : parent, isProject ? ProjectModel::Keeping::Notes : ProjectModel::Keeping::Nothing);
    }
    for (const auto source : { TroubleStrip::Source::Action, TroubleStrip::Source::Run })
        m_trouble->tell(source, {});
    m_run->open(path);
    refreshStrips();
    setWindowTitle(tr("%1 — Midpoint").arg(qs(path.filename())));
    rememberRecent(path);
    showScreen(QStringLiteral("live"));
}

void MainWindow::openProject(const std::filesystem::path& path)
{
    m_project->open(path);
    rememberRecent(path);
    showScreen(QStringLiteral("runs"));
}

void MainWindow::openBenchmark(const std::filesystem::path& file)
{
    m_trouble->tell(TroubleStrip::Source::Action, {});
    m_benchmark->open(file);
    showScreen(QStringLiteral("benchmark"));
}

void MainWindow::rememberRecent(const std::filesystem::path& path)
{
    if (!m_options.remembersWindow)
        return;
    QSettings settings;
    QStringList recent = settings.value(kRecentKey).toStringList();
    recent.removeAll(qs(path));
    recent.prepend(qs(path));
    recent = recent.mid(0, kMaximumRecent);
    settings.setValue(kRecentKey, recent);
    m_start->setRecent(recent);
}

void MainWindow::browse()
{
    const QString path = QFileDialog::getExistingDirectory(this, tr("Open project or run"));
    if (!path.isEmpty())
        openPath(path.toStdString());
}

void MainWindow::startDemo(const std::filesystem::path& configuration)
{
    if (!m_project->isOpen() || m_project->folder() != m_options.workspace)
        m_project->open(m_options.workspace);
    const std::string name = concat("demo-", configuration.stem().string());
    startRun(configuration, {}, RunControl::freeRunFolder(m_options.workspace / "runs", name));
}

void MainWindow::startRun(const std::filesystem::path& config, const std::vector<std::string>& overrides, const std::filesystem::path& run)
{
    m_control->start(config, overrides, run);
}

void MainWindow::showTrouble(const QString& message) { m_trouble->tell(TroubleStrip::Source::Action, message); }

// The strip of the run and its alerts stand where the run is looked at, not above lists of many runs or a new configuration.
void MainWindow::refreshStrips()
{
    const QString screen = currentScreen();
    m_isRunScreen = screen != QStringLiteral("start") && screen != QStringLiteral("runs") && screen != QStringLiteral("configure")
        && screen != QStringLiteral("benchmark");
    m_header->setVisible(m_isRunScreen && m_run->isOpen());
    refreshAlert();
}

void MainWindow::refreshAlert()
{
    const auto& events = m_run->events();
    const store::Event* newest = nullptr;
    int count = 0;
    for (std::size_t i = std::min(m_dismissedEvents, events.size()); i < events.size(); ++i)
        if (events[i].level != store::EventLevel::Info) {
            newest = &events[i];
            ++count;
        }
    if (newest == nullptr || !m_isRunScreen) {
        m_alert->hide();
        return;
    }
    const bool isError = newest->level == store::EventLevel::Error;
    m_alert->say(tr("%1 step %2: %3 (rule %4)%5")
                     .arg(isError ? QStringLiteral("✕") : QStringLiteral("!"))
                     .arg(newest->step)
                     .arg(qs(newest->message), qs(newest->rule), count > 1 ? tr("   and %1 more").arg(count - 1) : QString()),
        isError ? ColorRole::Alert : ColorRole::Warning);
}

// What has just happened stands in the place of the project's line for a while.
void MainWindow::say(const QString& text)
{
    m_said = text;
    if (!text.isEmpty())
        m_saidTimer->start();
    refreshStatus();
}

void MainWindow::refreshStatus()
{
    if (!m_said.isEmpty()) {
        m_status->setText(m_said);
        return;
    }
    QStringList parts;
    if (m_project->isOpen()) {
        int active = 0;
        for (const auto& run : m_project->runs())
            active += launch::isActive(run->state.kind) ? 1 : 0;
        parts << tr("project %1").arg(qs(m_project->folder())) << tr("runs %1, active %2").arg(m_project->runs().size()).arg(active);
    } else {
        parts << tr("no project open");
    }
    if (m_run->isOpen())
        parts << tr("metrics %1, rollouts %2").arg(bytes(static_cast<double>(m_run->header().databaseBytes)), bytes(static_cast<double>(m_run->header().rolloutBytes)));
    if (m_run->isOpen() && !m_run->isLoaded() && m_run->header().step > 0)
        parts << tr("loading…");
    m_status->setText(parts.join(QStringLiteral("     ")));
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event)
{
    if (event->mimeData()->hasUrls())
        event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent* event)
{
    const QList<QUrl> urls = event->mimeData()->urls();
    if (!urls.isEmpty() && urls.first().isLocalFile())
        openPath(urls.first().toLocalFile().toStdString());
}

void MainWindow::closeEvent(QCloseEvent* event)
{
    if (m_options.remembersWindow)
        QSettings().setValue(QStringLiteral("geometry"), saveGeometry());
    event->accept(); // runs go on: they are processes of their own
}

} // namespace midpoint::gui
