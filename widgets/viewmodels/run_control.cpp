// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/viewmodels/run_control.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/launch/supervisor.h"
#include "widgets/viewmodels/format.h"

#include <QRegularExpression>

namespace midpoint::gui {

RunControl::RunControl(std::filesystem::path program, QObject* parent)
    : QObject(parent)
    , m_program(std::move(program))
{
}

void RunControl::inBackground(std::function<void()> work, std::function<void()> then)
{
    m_background.run([this, work = std::move(work), then = std::move(then)]() -> std::function<void()> {
        try {
            work();
            return then;
        } catch (const std::exception& error) {
            return [this, problem = QString::fromUtf8(error.what())] { Q_EMIT failed(problem); };
        }
    });
}

void RunControl::send(const std::filesystem::path& run, const launch::Command& command)
{
    inBackground([run, command] { launch::sendCommand(launch::RunFolder::open(run), command); },
        [this, run, command] { Q_EMIT sent(run, qs(launch::describe(command))); });
}

void RunControl::launchRun(const std::vector<std::string>& command, const std::filesystem::path& run)
{
    inBackground(
        [command, run] {
            const launch::RunFolder folder = launch::RunFolder::create(run);
            if (launch::lockHolder(folder))
                throw Error(ErrorKind::Resource, concat("the run '", run.string(), "' is going on already"));
            launch::startDetached(command, folder.path() / "log" / "supervisor.log");
        },
        [this, run] { Q_EMIT started(run); });
}

std::vector<std::string> RunControl::trainCommand(const std::filesystem::path& program, const std::filesystem::path& config,
    const std::vector<std::string>& overrides, const std::filesystem::path& run)
{
    std::vector<std::string> command { program.string(), "train", config.string() };
    command.insert(command.end(), overrides.begin(), overrides.end());
    command.insert(command.end(), { "--run-dir", run.string() });
    return command;
}

QString RunControl::asShellLine(const std::vector<std::string>& command)
{
    static const QRegularExpression plain(QStringLiteral("^[A-Za-z0-9_./=:,+@-]+$"));
    QStringList words;
    for (const std::string& word : command) {
        QString text = qs(word);
        if (!plain.match(text).hasMatch())
            text = QLatin1Char('\'') + text.replace(QLatin1Char('\''), QStringLiteral("'\\''")) + QLatin1Char('\'');
        words << text;
    }
    return words.join(QLatin1Char(' '));
}

std::filesystem::path RunControl::freeRunFolder(const std::filesystem::path& runs, const std::string& name)
{
    std::error_code error;
    std::filesystem::path folder = runs / name;
    for (int number = 2; std::filesystem::exists(folder, error); ++number)
        folder = runs / concat(name, "-", number);
    return folder;
}

void RunControl::start(const std::filesystem::path& config, const std::vector<std::string>& overrides, const std::filesystem::path& run)
{
    launchRun(trainCommand(m_program, config, overrides, run), run);
}

void RunControl::resume(const std::filesystem::path& run)
{
    // The resolved configuration holds every value and absolute paths, so it does not matter where the first one lay.
    std::error_code error;
    const std::filesystem::path resolved = run / "resolved.toml";
    std::vector<std::string> command = trainCommand(m_program, std::filesystem::exists(resolved, error) ? resolved : run / "config.toml", {}, run);
    command.insert(command.end(), { "--resume", "auto" });
    launchRun(command, run);
}

} // namespace midpoint::gui
