// SPDX-License-Identifier: GPL-3.0-or-later
// Reads all runs of a project on a thread of its own: their states every few seconds, their summaries when their files change.
// Owns project.db.
#pragma once

#include "widgets/viewmodels/project_data.h"

#include <QObject>

#include <atomic>
#include <functional>

class QTimer;

namespace midpoint::gui {

struct OverlayRequest {
    std::string metric;
    std::vector<std::pair<std::string, std::filesystem::path>> runs; // name, folder
    std::map<std::string, int> colors;
};

class ProjectFeed : public QObject {
    Q_OBJECT
public:
    ProjectFeed(std::filesystem::path folder, bool keepsNotes);
    ~ProjectFeed() override;
    // Nobody listens any more: a scan that goes on ends early; what is to be saved is saved. From any thread.
    void retire() { m_isRetired = true; }
    std::atomic<std::int64_t> newestOverlay { 0 };

public Q_SLOTS:
    void start();
    void scan();
    void readOverlay(std::int64_t id, const midpoint::gui::OverlayRequest& request);
    void saveNotes(const std::string& run, const midpoint::gui::RunNotes& notes);
    void renameRun(const std::filesystem::path& run, const std::string& name);
    void savePreference(const std::string& key, const std::string& value);

Q_SIGNALS:
    void scanned(std::shared_ptr<const midpoint::gui::RunSummaries> runs);
    void configurationsFound(std::vector<std::filesystem::path> files);
    void preferencesRead(std::map<QString, QString> preferences);
    void overlayRead(std::shared_ptr<const midpoint::gui::Overlay> overlay);
    void trouble(QString message);
    void refused(QString message); // what was just asked for cannot be done
    void renamed(std::filesystem::path from, std::filesystem::path to);

private:
    struct Known {
        std::int64_t stamp = -1; // of the files that a summary is made from
        std::shared_ptr<const RunSummary> summary;
    };
    void openStore();
    void keep(const std::function<void(store::ProjectStore&)>& write);
    std::shared_ptr<const RunSummary> summarise(const std::filesystem::path& folder);
    void assignColors(std::map<std::string, RunNotes>& notes, const std::vector<std::string>& names);

    std::filesystem::path m_folder;
    std::atomic<bool> m_isRetired { false };
    bool m_keepsNotes;
    bool m_hasScanned = false;
    bool m_hasTrouble = false; // the last attempt to save failed
    QTimer* m_timer = nullptr;
    std::unique_ptr<store::ProjectStore> m_store;
    std::map<std::string, RunNotes> m_notes;
    std::map<std::string, Known> m_known;
};

// Run configurations of a folder: *.toml in it and in the projects/* below it.
std::vector<std::filesystem::path> findConfigurations(const std::filesystem::path& folder);
// What a configuration says of itself: its first comment line.
std::string aboutConfiguration(const std::filesystem::path& file);

} // namespace midpoint::gui
