// SPDX-License-Identifier: GPL-3.0-or-later
// Reads one run on a thread of its own: polls the database and the small files beside it, answers the screens' questions, and
// hands over immutable results by queued signals. It writes nothing. The window never waits for it.
#pragma once

#include "widgets/viewmodels/run_data.h"

#include <QObject>

#include <atomic>

class QTimer;

namespace midpoint::gui {

class RunFeed : public QObject {
    Q_OBJECT
public:
    static constexpr int kPollMs = 500;

    explicit RunFeed(std::filesystem::path path); // a run folder, or a database file
    ~RunFeed() override;

    // Nobody listens any more: long reading ends early. From any thread.
    void retire() { m_isRetired = true; }

    // The newest request of a kind wins: older ones that have not started are dropped.
    std::atomic<std::int64_t> newestDifficulty { 0 };
    std::atomic<std::int64_t> newestBuffer { 0 };
    std::atomic<std::int64_t> newestRollouts { 0 };

public Q_SLOTS:
    void start(); // on the reader thread
    void poll();
    void continueReading(); // after a delta that had more
    void readDifficulty(std::int64_t id, midpoint::gui::DifficultyRequest request);
    void readBuffer(std::int64_t id, std::int64_t step);
    void readRollouts(std::int64_t id, const midpoint::gui::RolloutRequest& request);
    void readPromptHistory(std::int64_t promptIndex);
    void readSystem();
    void followLog(bool on);
    void answerWhenIdle() { Q_EMIT idle(); } // requests are answered in their order, so all earlier ones are done

Q_SIGNALS:
    void idle();
    void headerRead(std::shared_ptr<const midpoint::gui::RunHeader> header);
    void factsRead(std::shared_ptr<const midpoint::gui::RunFacts> facts);
    void deltaRead(std::shared_ptr<const midpoint::gui::RunDelta> delta);
    void difficultyRead(std::shared_ptr<const midpoint::gui::DifficultyView> view);
    void bufferRead(std::shared_ptr<const midpoint::gui::BufferView> view);
    void rolloutsRead(std::shared_ptr<const midpoint::gui::RolloutView> view);
    void promptHistoryRead(std::shared_ptr<const midpoint::gui::PromptHistory> history);
    void systemRead(std::shared_ptr<const midpoint::gui::SystemView> view);
    void logRead(std::shared_ptr<const std::vector<midpoint::gui::LogLine>> lines, bool restarted);
    void trouble(QString message); // what is wrong, where, and what still works; empty: all is well again

private:
    struct LogTail {
        std::int64_t rank = 0;
        std::filesystem::path file;
        std::uintmax_t offset = 0;
        std::string rest; // an unfinished last line
    };
    enum class Trouble { Database, Folder };
    template <typename Work>
    void guarded(const QString& what, Work work) // turns errors into trouble()
    {
        try {
            work();
        } catch (const std::exception& error) {
            if (!m_isFileGone) // which has been said
                setTrouble(Trouble::Database, QStringLiteral("%1: %2").arg(what, QString::fromUtf8(error.what())));
        }
    }
    bool ensureReader();
    void findRollouts(RolloutView& view);
    void addTexts(store::StoredGroup& replayed);
    void readHeader();
    void readFacts();
    void readDelta();
    void readLog();
    void dateProgress(LogLine& line);
    void readRatios(BufferView& view);
    void updateLedger(std::int64_t throughStep);
    void setTrouble(Trouble source, const QString& message);
    QString readFolder(); // what could not be read of it
    void readCheckpoints(const std::filesystem::path& folder, QStringList& problems);

    std::filesystem::path m_path;
    std::atomic<bool> m_isRetired { false };
    bool m_isFolder = true;
    bool m_isStale = false;    // something was written that is not read yet
    bool m_isFileGone = false; // run.db of a run that has recorded or has ended
    QTimer* m_timer = nullptr;
    std::unique_ptr<store::RunReader> m_reader;
    std::unique_ptr<store::RolloutReader> m_rollouts;
    std::int64_t m_lastRow = 0;
    std::map<std::int64_t, std::string> m_metricNames;
    std::int64_t m_lastEvent = 0;
    std::int64_t m_lastTimedStep = -1;
    std::int64_t m_firstWallMs = 0;
    std::size_t m_promptsSent = 0;
    std::size_t m_ranksSent = 0;
    bool m_factsSent = false;
    store::RunProgress m_progress;
    std::vector<std::pair<std::int64_t, std::int64_t>> m_recentSteps; // step, wall ms
    std::vector<PromptStanding> m_ledger; // without predictions
    std::int64_t m_ledgerThrough = -1;
    bool m_followsLog = false;
    std::vector<LogTail> m_logTails;
    std::vector<store::StepTime> m_stepTimes; // as far as lines of progress asked for them
    QString m_databaseTrouble;
    QString m_folderTrouble;
    QStringList m_checkpointProblems; // of the last slow turn
    int m_slowCounter = 0;
    RunHeader m_header;
};

// settings of a resolved.toml, in file order: "section.key", value as TOML
std::vector<std::pair<std::string, std::string>> settingsOf(const std::string& resolvedText);
// "2026-01-31 12:00:00.123 warning message" split; lines of another form keep level Info and no time
LogLine parseLogLine(std::string text, std::int64_t rank);
// The step of a line of progress, "12/40  reward 0.52 ..."; -1 for any other line.
std::int64_t progressStep(const std::string& text);

} // namespace midpoint::gui
