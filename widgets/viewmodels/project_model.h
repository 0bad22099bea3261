// SPDX-License-Identifier: GPL-3.0-or-later
// The project that is open: its runs, read on a thread of its own, and what the user noted about them.
#pragma once

#include "widgets/viewmodels/project_data.h"

#include <QObject>
#include <QStringList>
#include <QThread>

#include <functional>
#include <set>

namespace midpoint::gui {

class ProjectFeed;

class ProjectModel : public QObject {
    Q_OBJECT
public:
    explicit ProjectModel(QObject* parent = nullptr);
    ~ProjectModel() override;

    enum class Keeping { Notes, Nothing }; // Nothing: no project.db is made, as for a run that was copied from a server
    // A folder that holds runs/, configurations, or both.
    void open(const std::filesystem::path& folder, Keeping keeping = Keeping::Notes);
    void close();
    bool isOpen() const { return m_feed != nullptr; }
    const std::filesystem::path& folder() const { return m_folder; }
    std::filesystem::path runsFolder() const;
    std::vector<std::filesystem::path> configurations() const { return m_configurations; } // *.toml in the project

    const RunSummaries& runs() const { return *m_runs; }
    const RunSummary* run(const std::string& name) const;

    // Runs that are compared; shared by all screens.
    const std::set<std::string>& compared() const { return m_compared; }
    void setCompared(const std::string& name, bool on);
    void clearCompared();
    void askOverlay(const std::string& metric); // of the compared runs

    void changeNotes(const std::string& name, const std::function<void(RunNotes&)>& change);
    // Its folder and what is noted about it; a run that is going on, or a name that is taken, is refused.
    void renameRun(const std::filesystem::path& run, const std::string& name);
    // Small choices of the window for this project: columns, filters, layout.
    QString preference(const QString& key) const;
    void setPreference(const QString& key, const QString& value);
    void refreshNow();

Q_SIGNALS:
    void opened();
    void preferencesArrived(); // of the project just opened
    void closing();            // preferences may still be set
    void runsChanged(); // some run is new, gone, or other than before
    void comparedChanged();
    void overlayArrived(std::shared_ptr<const midpoint::gui::Overlay> overlay);
    void trouble(QString message);
    void refused(QString message); // what was just asked for cannot be done
    void renamed(std::filesystem::path from, std::filesystem::path to);

private:
    void retireFeed();
    void connectFeed();
    std::filesystem::path m_folder;
    std::vector<std::filesystem::path> m_configurations;
    QThread m_thread;
    ProjectFeed* m_feed = nullptr;
    std::unique_ptr<QObject> m_link; // receives what the feed sends; what is still on its way dies with it
    std::shared_ptr<const RunSummaries> m_runs;
    std::set<std::string> m_compared;
    std::map<QString, QString> m_preferences;
    std::int64_t m_nextRequest = 0;
};

// The folder that a project belongs to: projects/NAME is a part of the folder above projects/, whose runs/ holds its runs too,
// as with `midpoint train` started there. Any other folder stands for itself.
std::filesystem::path workspaceOf(const std::filesystem::path& folder);

// Where the runs of a folder lie: the folder itself if it holds run folders, otherwise its runs/.
std::filesystem::path runsFolderOf(const std::filesystem::path& folder);

} // namespace midpoint::gui
