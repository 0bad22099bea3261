// SPDX-License-Identifier: GPL-3.0-or-later
// Starts runs and sends commands to them, off the window's thread. A run is a detached process: the window holds no pipe to it.
#pragma once

#include "backend/launch/commands.h"
#include "widgets/viewmodels/background.h"

#include <QObject>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace midpoint::gui {

class RunControl : public QObject {
    Q_OBJECT
public:
    // `program`: the midpoint binary that is started.
    RunControl(std::filesystem::path program, QObject* parent = nullptr);

    void send(const std::filesystem::path& run, const launch::Command& command);
    // midpoint train CONFIG key=value ... --run-dir RUN; the run's folder is made if it is not there.
    void start(const std::filesystem::path& config, const std::vector<std::string>& overrides, const std::filesystem::path& run);
    void resume(const std::filesystem::path& run);
    const std::filesystem::path& program() const { return m_program; }

    static std::vector<std::string> trainCommand(const std::filesystem::path& program, const std::filesystem::path& config,
        const std::vector<std::string>& overrides, const std::filesystem::path& run);
    static QString asShellLine(const std::vector<std::string>& command); // quoted where needed
    // runs/<name>, or runs/<name>-2, ... : the first that does not exist
    static std::filesystem::path freeRunFolder(const std::filesystem::path& runs, const std::string& name);

Q_SIGNALS:
    void sent(std::filesystem::path run, QString what);
    void started(std::filesystem::path run);
    void failed(QString message);

private:
    void inBackground(std::function<void()> work, std::function<void()> then);
    void launchRun(const std::vector<std::string>& command, const std::filesystem::path& run);

    std::filesystem::path m_program;
    Background m_background { this };
};

} // namespace midpoint::gui
