// SPDX-License-Identifier: GPL-3.0-or-later
// Is this run valid, will it fit, and what exactly will start? A form made from the settings table, problems as they are typed,
// estimates, the exact command line, and the button that starts it.
#pragma once

#include "widgets/common/page.h"
#include "widgets/viewmodels/config_form.h"

#include <filesystem>

class QBoxLayout;
class QCheckBox;
class QComboBox;
class QLabel;
class QLineEdit;
class QListWidget;
class QPushButton;
class QTabWidget;
class QTimer;

namespace midpoint::gui {

class DevicePicker;
class DeviceQuery;
class JobList;
class JobsPanel;
class RunControl;
class SettingForm;

class ConfigurePage : public Page {
    Q_OBJECT
public:
    ConfigurePage(Workbench& workbench, RunControl& control, QWidget* parent);
    void activated() override;
    void focusFilter() override;
    void loadFile(const std::filesystem::path& file);
    void startRun();
    void showRunForm();
    void showJobs();
    void undo() { m_form->undo(); }
    void redo() { m_form->redo(); }
    ConfigForm& form() { return *m_form; }

private:
    void buildToolbar(QBoxLayout* layout);
    void buildForm(QBoxLayout* layout);
    void buildFooter(QBoxLayout* layout);
    void refreshBases();
    void refreshSettings();
    void refreshProblems();
    void refreshFooter();
    void filterSettings();
    void goTo(const std::string& key);
    void saveAs();
    void dryRun();
    void connectDraft();
    void saveDraft();
    void restoreDraft();
    std::filesystem::path projectFolder() const;
    std::filesystem::path runFolder() const;
    std::filesystem::path configurationFile() const; // the file that the command names

    RunControl& m_control;
    ConfigForm* m_form;
    QComboBox* m_base;
    QLineEdit* m_filter;
    QCheckBox* m_onlyChanged;
    SettingForm* m_settings;
    QListWidget* m_problems;
    QLabel* m_estimate;
    QLabel* m_devices;
    DevicePicker* m_devicePicker;
    QLineEdit* m_runName;
    QLineEdit* m_command;
    QPushButton* m_start;
    DeviceQuery* m_deviceQuery;
    JobList* m_jobs;
    JobsPanel* m_jobsPanel = nullptr;
    QTabWidget* m_tabs;
    QTimer* m_draftTimer;
    bool m_nameIsOwn = false;
};

} // namespace midpoint::gui
