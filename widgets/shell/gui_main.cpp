// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/shell/gui_main.h"

#include "backend/core/error.h"
#include "backend/launch/supervisor.h"
#include "widgets/shell/main_window.h"
#include "widgets/shell/screenshots.h"
#include "widgets/theme/theme.h"

#include <QApplication>
#include <QSize>

#include <cstdlib>
#include <iostream>

#include <sys/wait.h>
#include <unistd.h>

namespace midpoint::gui {

namespace {

namespace fs = std::filesystem;

struct Arguments {
    fs::path screenshots; // empty: an ordinary window
    QSize size;           // of the window in pictures; empty: its own
    fs::path path;        // project, run or configuration; may be empty
};

QSize parseSize(const std::string& text)
{
    const QStringList sides = QString::fromStdString(text).split(QLatin1Char('x'));
    const QSize size = sides.size() == 2 ? QSize(sides[0].toInt(), sides[1].toInt()) : QSize();
    if (size.isEmpty())
        throw Error(ErrorKind::Usage, "--size: expected WIDTHxHEIGHT such as 1100x700, found '" + text + "'");
    return size;
}

Arguments parse(int argc, char** argv)
{
    Arguments arguments;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        if (word == "--screenshots") {
            if (i + 1 >= argc)
                throw Error(ErrorKind::Usage, "--screenshots: expected a folder to write to");
            arguments.screenshots = argv[++i];
        } else if (word == "--size") {
            arguments.size = parseSize(i + 1 < argc ? argv[++i] : "");
        } else if (word.starts_with("--")) {
            throw Error(ErrorKind::Usage, "midpoint gui: unknown option '" + word + "'; known: --screenshots DIR, --size WIDTHxHEIGHT");
        } else if (arguments.path.empty()) {
            arguments.path = word;
        } else {
            throw Error(ErrorKind::Usage, "midpoint gui: expected one project or run, found also '" + word + "'");
        }
    }
    if (!arguments.screenshots.empty() && arguments.path.empty())
        throw Error(ErrorKind::Usage, "--screenshots: expected a run or project after the folder");
    return arguments;
}

// The folder with projects/: where the window was started, otherwise the one above the binary.
fs::path findWorkspace(const fs::path& program)
{
    std::error_code error;
    const fs::path here = fs::current_path(error);
    if (fs::is_directory(here / "projects", error))
        return here;
    for (fs::path folder = program.parent_path(); !folder.empty() && folder != folder.root_path(); folder = folder.parent_path())
        if (fs::is_directory(folder / "projects", error))
            return folder;
    return here;
}

// The scale of Qt is fixed when the application starts: the second one is rendered by a child process.
void renderAtDoubleScale(int argc, char** argv, const fs::path& program)
{
    const pid_t child = ::fork();
    if (child == 0) {
        ::setenv("QT_SCALE_FACTOR", "2", 1);
        std::vector<char*> words { const_cast<char*>(program.c_str()), const_cast<char*>("gui") };
        for (int i = 1; i < argc; ++i)
            words.push_back(argv[i]);
        words.push_back(nullptr);
        ::execv(program.c_str(), words.data());
        ::_exit(127);
    }
    int status = 0;
    if (child > 0)
        ::waitpid(child, &status, 0);
    if (child < 0 || status != 0)
        throw Error(ErrorKind::Resource, "the screens could not be rendered at scale 2");
}

// Qt ends a program that finds no display by abort(): that is no crash, and leaves no core file.
void refuseWithoutDisplay(QtMsgType type, const QMessageLogContext&, const QString& message)
{
    std::cerr << "midpoint gui: " << message.section(QLatin1Char('\n'), 0, 0).toStdString() << "\n";
    if (type != QtFatalMsg)
        return;
    std::cerr << "midpoint gui: no display can be used. Runs need none: see `midpoint --help`, and `midpoint gui --screenshots` for pictures.\n";
    ::_exit(exitCode(ErrorKind::Usage));
}

int run(int argc, char** argv)
{
    const Arguments arguments = parse(argc, argv);
    const bool isRendering = !arguments.screenshots.empty();
    const fs::path program = launch::executablePath();
    if (isRendering) {
        if (std::getenv("QT_SCALE_FACTOR") == nullptr)
            renderAtDoubleScale(argc, argv, program);
        ::setenv("QT_QPA_PLATFORM", "offscreen", 1);
    }
    const QtMessageHandler before = qInstallMessageHandler(refuseWithoutDisplay);
    QApplication application(argc, argv);
    qInstallMessageHandler(before);
    QApplication::setApplicationName(QStringLiteral("midpoint"));
    QApplication::setOrganizationName(QStringLiteral("midpoint"));
    QApplication::setApplicationDisplayName(QStringLiteral("Midpoint"));
    QApplication::setDesktopFileName(QStringLiteral("midpoint"));
    Theme theme(isRendering ? ThemeChoice::Light : ThemeChoice::System);
    MainWindow window(theme, { program, findWorkspace(program), !isRendering });
    if (isRendering) {
        if (!arguments.size.isEmpty())
            window.resize(arguments.size);
        const int written = renderScreens(window, theme, arguments.screenshots, arguments.path);
        std::cout << written << " screens written to " << arguments.screenshots.string() << "\n";
        return 0;
    }
    window.show();
    if (!arguments.path.empty())
        window.openPath(arguments.path);
    return QApplication::exec();
}

} // namespace

int guiMain(int argc, char** argv)
{
    try {
        return run(argc, argv);
    } catch (const Error& error) {
        std::cerr << "midpoint: " << error.what() << "\n";
        return exitCode(error.kind());
    } catch (const std::exception& error) {
        std::cerr << "midpoint: " << error.what() << "\n";
        return 1;
    }
}

} // namespace midpoint::gui
