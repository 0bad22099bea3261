// SPDX-License-Identifier: GPL-3.0-or-later
// What the Configure screen does beside its form: the draft that is kept with the project, and the dry run.
#include "widgets/configure/configure_page.h"

#include "backend/core/error.h"
#include "backend/core/files.h"
#include "widgets/configure/dry_run_dialog.h"
#include "widgets/configure/jobs_panel.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/project_model.h"
#include "widgets/viewmodels/run_control.h"

#include <QDir>
#include <QJsonDocument>
#include <QJsonObject>
#include <QMessageBox>
#include <QTabWidget>
#include <QTemporaryFile>
#include <QTimer>

namespace midpoint::gui {

namespace {
constexpr int kSaveAfterMs = 1000;
const QString kDraftKey = QStringLiteral("configure.draft");
} // namespace

void ConfigurePage::showRunForm() { m_tabs->setCurrentIndex(0); }
void ConfigurePage::showJobs() { m_tabs->setCurrentWidget(m_jobsPanel); }

void ConfigurePage::connectDraft()
{
    m_draftTimer->setSingleShot(true);
    m_draftTimer->setInterval(kSaveAfterMs);
    connect(m_draftTimer, &QTimer::timeout, this, &ConfigurePage::saveDraft);
    connect(m_form, &ConfigForm::changed, m_draftTimer, qOverload<>(&QTimer::start));
    connect(&workbench().project, &ProjectModel::preferencesArrived, this, &ConfigurePage::restoreDraft);
    connect(&workbench().project, &ProjectModel::closing, this, [this] {
        if (m_draftTimer->isActive())
            saveDraft();
    });
}

void ConfigurePage::saveDraft()
{
    m_draftTimer->stop();
    QJsonObject changes;
    for (const auto& [key, text] : m_form->changes())
        changes[qs(key)] = qs(text);
    const QJsonObject draft { { QStringLiteral("file"), qs(m_form->file()) }, { QStringLiteral("preset"), qs(m_form->preset()) }, { QStringLiteral("changes"), changes } };
    workbench().project.setPreference(kDraftKey, QString::fromUtf8(QJsonDocument(draft).toJson(QJsonDocument::Compact)));
}

// What is being edited right now is newer than any draft.
void ConfigurePage::restoreDraft()
{
    const QJsonObject draft = QJsonDocument::fromJson(workbench().project.preference(kDraftKey).toUtf8()).object();
    if (draft.isEmpty() || !m_form->changes().empty())
        return;
    const std::filesystem::path file = draft[QStringLiteral("file")].toString().toStdString();
    std::error_code error;
    if (!file.empty() && !std::filesystem::exists(file, error))
        return; // its base is gone: the changes would mean something else
    std::map<std::string, std::string> changes;
    const QJsonObject saved = draft[QStringLiteral("changes")].toObject();
    for (auto it = saved.begin(); it != saved.end(); ++it)
        changes[it.key().toStdString()] = it.value().toString().toStdString();
    m_form->restore(file, draft[QStringLiteral("preset")].toString().toStdString(), std::move(changes));
    m_draftTimer->stop(); // it is what was saved
    refreshBases();
}

void ConfigurePage::dryRun()
{
    std::vector<std::string> command { m_control.program().string(), "train" };
    QTemporaryFile* text = nullptr;
    if (!m_form->file().empty()) {
        command.push_back(m_form->file().string());
        for (const std::string& change : m_form->overrides())
            command.push_back(change);
    } else { // a preset has no file yet
        text = new QTemporaryFile(QDir::tempPath() + QStringLiteral("/midpoint-XXXXXX.toml"));
        if (!text->open() || text->write(QByteArray::fromStdString(m_form->toToml())) < 0 || !text->flush()) {
            QMessageBox::warning(this, tr("Dry run"), tr("%1 cannot be written: %2").arg(text->fileName(), text->errorString()));
            delete text;
            return;
        }
        command.push_back(text->fileName().toStdString());
    }
    command.push_back("--dry-run");
    auto* dialog = new DryRunDialog(theme(), command, this);
    if (text != nullptr)
        text->setParent(dialog); // removed with it
    dialog->show();
}

} // namespace midpoint::gui
