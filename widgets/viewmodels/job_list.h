// SPDX-License-Identifier: GPL-3.0-or-later
// Jobs that make a difficulty predictor: embed questions, label them with success rates, train, judge. A job is a folder below the
// project's jobs/ with the command it runs; its state is derived from lock and exit record like a run's, its progress is the last
// line of its log. It goes on when the window is closed.
#pragma once

#include "backend/launch/run_state.h"
#include "widgets/viewmodels/background.h"

#include <QObject>
#include <QString>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace midpoint::gui {

// One value that a job asks for.
struct JobField {
    std::string option;        // "--data"; empty: the positional word
    QString label;
    QString help;
    bool isRequired = true;
    bool isList = false;       // several values, separated by ;
    QString example = {};      // in the empty field; short enough for a narrow window
    int writtenBy = 0;         // number of the job that writes this file; 0: the user brings it
};

struct JobKind {
    std::string id; // "embed"
    QString title;
    QString help;
    std::vector<std::string> command; // "predictor", "embed"
    std::vector<JobField> fields;
    std::string output; // option that names the file it writes
};

const std::vector<JobKind>& jobKinds();
// The words after `midpoint`; `values` by position of the field. Nothing if a required value is missing.
std::optional<std::vector<std::string>> jobCommand(const JobKind& kind, const std::vector<QString>& values);
// Files among the values that an earlier job has to write first.
struct JobInput {
    std::filesystem::path file;
    int writtenBy = 0;
};
std::vector<JobInput> jobInputs(const JobKind& kind, const std::vector<QString>& values);

struct JobRecord {
    std::filesystem::path path;
    std::string kind;
    std::vector<std::string> command;
    launch::RunState state;
    std::string logTail;             // the end of its log
    std::string lastLine;            // of it: progress, or why the job failed
    std::optional<double> progress;  // 0..1
    std::int64_t startedMs = 0;
};

// The file that a job writes for others, absolute; empty for a command that names none.
std::filesystem::path jobOutput(const JobRecord& job);
std::optional<double> progressShare(const std::string& line); // of "12/40  ..."
std::vector<JobRecord> readJobs(const std::filesystem::path& project); // newest first; what cannot be read is passed over

class JobList : public QObject {
    Q_OBJECT
public:
    JobList(std::filesystem::path program, QObject* parent);

    void setProject(const std::filesystem::path& project);
    const std::filesystem::path& project() const { return m_project; }
    const std::vector<JobRecord>& jobs() const { return *m_jobs; }
    void refresh();                                                    // in the background
    void watch(std::vector<std::filesystem::path> files); // refresh() looks for them too
    bool exists(const std::filesystem::path& file) const { return m_existing.count(file) > 0; } // a watched one, at the last look
    bool isBeingWritten(const std::filesystem::path& file) const; // by a job that is going on: what lies there is about to be replaced
    void start(const JobKind& kind, std::vector<std::string> command);
    void stop(const JobRecord& job);

Q_SIGNALS:
    void changed();
    void started(std::filesystem::path job);
    void failed(QString reason);

private:
    std::filesystem::path m_program;
    std::filesystem::path m_project;
    std::shared_ptr<const std::vector<JobRecord>> m_jobs;
    std::vector<std::filesystem::path> m_watched;
    std::set<std::filesystem::path> m_existing;
    std::int64_t m_request = 0;
    Background m_background { this };
};

} // namespace midpoint::gui
