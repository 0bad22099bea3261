// SPDX-License-Identifier: GPL-3.0-or-later
// The jobs that make a difficulty predictor, in the order in which they are needed: what each asks for, its exact command, and
// below them all jobs of the project with their state, progress and log.
#pragma once

#include "widgets/viewmodels/job_list.h"

#include <QWidget>

#include <vector>

class QLabel;
class QLineEdit;
class QPlainTextEdit;
class QPushButton;
class QTableView;
class QTimer;

namespace midpoint::gui {

class ConfigForm;
class RowsModel;
class Theme;

class JobsPanel : public QWidget {
    Q_OBJECT
public:
    JobsPanel(const Theme& theme, JobList& jobs, const ConfigForm& form, std::filesystem::path program, QWidget* parent);
    void prefill(); // empty fields, from the configuration that is being edited

Q_SIGNALS:
    void predictorChosen(std::filesystem::path file); // to be used by training runs

protected:
    void showEvent(QShowEvent* event) override;
    void hideEvent(QHideEvent* event) override;

private:
    struct Form {
        const JobKind* kind = nullptr;
        QLabel* help = nullptr; // and what the job waits for
        std::vector<QLineEdit*> edits;
        QLineEdit* command = nullptr;
        QPushButton* start = nullptr;
    };
    QWidget* makeForm(const JobKind& kind);
    void buildTable();
    void refreshForm(const Form& form);
    void watchInputs();
    QString waitsFor(const Form& form) const; // a file that an earlier job has not written; empty: nothing
    void refreshJobs();
    void showLog();
    std::filesystem::path finishedPredictor() const; // of the chosen job; empty: it has made none
    const JobRecord* selected() const;
    static std::vector<QString> valuesOf(const Form& form);

    const Theme& m_theme;
    JobList& m_jobs;
    const ConfigForm& m_form;
    std::filesystem::path m_program;
    std::vector<Form> m_forms;
    QTableView* m_table;
    RowsModel* m_model;
    QPushButton* m_use;
    QPushButton* m_stop;
    QPlainTextEdit* m_log;
    QTimer* m_poll;
    std::vector<JobRecord> m_rows;
};

} // namespace midpoint::gui
