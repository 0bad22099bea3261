// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/shell/screenshots.h"

#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"
#include "widgets/common/action_registry.h"
#include "widgets/plot/plot_tile.h"
#include "widgets/shell/main_window.h"
#include "widgets/theme/theme.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/project_model.h"
#include "widgets/viewmodels/run_model.h"

#include <QApplication>
#include <QElapsedTimer>
#include <QEventLoop>
#include <QPixmap>
#include <QTimer>

namespace midpoint::gui {

namespace {

constexpr int kLoadingMs = 60'000; // the longest wait for a large run
constexpr int kAskMs = 260; // longer than any screen waits before it asks the reader thread
constexpr int kAnswerMs = 10'000;
constexpr int kRedrawMs = 40;
const QString kJobs = QStringLiteral("jobs"); // the other half of Configure

void letWork(int milliseconds)
{
    QEventLoop loop;
    QTimer::singleShot(milliseconds, &loop, &QEventLoop::quit);
    loop.exec();
}

void waitForReader(RunModel& run)
{
    if (!run.isOpen())
        return;
    QEventLoop loop;
    QObject::connect(&run, &RunModel::readerIdle, &loop, &QEventLoop::quit);
    QTimer::singleShot(kAnswerMs, &loop, &QEventLoop::quit);
    run.askIdle();
    loop.exec();
}

} // namespace

int renderScreens(MainWindow& window, Theme& theme, const std::filesystem::path& target, const std::filesystem::path& run)
{
    createFolders(target);
    window.show();
    window.openPath(run);
    Workbench& workbench = window.workbench();
    QElapsedTimer clock;
    clock.start();
    const bool isRun = workbench.run.isOpen();
    while (clock.elapsed() < kLoadingMs) {
        letWork(200);
        const bool hasRead = !isRun || workbench.run.isLoaded() || (clock.elapsed() > 2000 && workbench.run.header().step == 0);
        if (hasRead && clock.elapsed() > 600)
            break;
    }
    constexpr std::size_t kCompared = 4;
    for (const auto& summary : workbench.project.runs())
        if (workbench.project.compared().size() < kCompared)
            workbench.project.setCompared(summary->name, true);
    const QString scale = QString::number(window.devicePixelRatioF());
    int written = 0;
    for (const auto& [choice, name] : { std::pair(ThemeChoice::Light, QStringLiteral("light")), std::pair(ThemeChoice::Dark, QStringLiteral("dark")) }) {
        theme.setChoice(choice);
        for (const QString& screen : window.screenNames() + QStringList { kJobs }) {
            if (screen == kJobs)
                window.actions().action(QStringLiteral("project.jobs"))->trigger();
            else if (screen == QStringLiteral("configure"))
                window.actions().action(QStringLiteral("project.newRun"))->trigger();
            else
                window.showScreen(screen);
            letWork(kAskMs);
            waitForReader(workbench.run); // what the screen asked for
            letWork(kRedrawMs);
            waitForReader(workbench.run); // what the answer made it ask for
            letWork(kRedrawMs);
            for (int pass = 0; pass < 2; ++pass) { // legends that have just got their entries move the plots below them
                for (PlotTile* tile : window.findChildren<PlotTile*>())
                    tile->settle();
                letWork(kRedrawMs);
            }
            const std::filesystem::path file = target / QStringLiteral("%1-%2@%3x.png").arg(screen, name, scale).toStdString();
            if (!window.grab().save(qs(file)))
                throw Error(ErrorKind::Io, concat("cannot write '", file.string(), "'"));
            ++written;
        }
    }
    return written;
}

} // namespace midpoint::gui
