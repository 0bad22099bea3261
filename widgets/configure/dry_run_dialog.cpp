// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/configure/dry_run_dialog.h"

#include "widgets/theme/theme.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/run_control.h"

#include <QDialogButtonBox>
#include <QLabel>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QProcess>
#include <QPushButton>
#include <QVBoxLayout>

namespace midpoint::gui {

DryRunDialog::DryRunDialog(const Theme& theme, const std::vector<std::string>& command, QWidget* parent)
    : QDialog(parent)
    , m_theme(theme)
    , m_state(new QLabel(tr("Running…"), this))
    , m_text(new QPlainTextEdit(this))
    , m_process(new QProcess(this))
{
    setObjectName(QStringLiteral("dryRunDialog"));
    setAttribute(Qt::WA_DeleteOnClose);
    setWindowTitle(tr("Dry run"));
    auto* line = new QLineEdit(RunControl::asShellLine(command), this);
    line->setObjectName(QStringLiteral("dryRunCommand"));
    line->setAccessibleName(tr("Command of the dry run"));
    line->setToolTip(tr("What runs in a child process; it starts no training"));
    line->setReadOnly(true);
    line->setFont(theme.fixedFont());
    line->setCursorPosition(0);
    m_state->setObjectName(QStringLiteral("dryRunState"));
    m_state->setFont(theme.strongFont());
    m_text->setObjectName(QStringLiteral("dryRunText"));
    m_text->setAccessibleName(tr("Output of the dry run"));
    m_text->setReadOnly(true);
    m_text->setFont(theme.fixedFont());
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close, this);
    auto* layout = new QVBoxLayout(this);
    layout->addWidget(line);
    layout->addWidget(m_state);
    layout->addWidget(m_text, 1);
    layout->addWidget(buttons);
    resize(860, 700);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::close);
    m_process->setProcessChannelMode(QProcess::MergedChannels);
    connect(m_process, &QProcess::readyRead, this, [this] { m_text->appendPlainText(QString::fromUtf8(m_process->readAll()).trimmed()); });
    connect(m_process, &QProcess::finished, this, [this](int code, QProcess::ExitStatus status) { showEnd(status == QProcess::NormalExit ? code : -1); });
    connect(m_process, &QProcess::errorOccurred, this, [this](QProcess::ProcessError error) {
        if (error == QProcess::FailedToStart) {
            m_text->appendPlainText(m_process->errorString());
            showEnd(-1);
        }
    });
    QStringList arguments;
    for (std::size_t i = 1; i < command.size(); ++i)
        arguments << qs(command[i]);
    m_process->start(qs(command.front()), arguments);
}

DryRunDialog::~DryRunDialog()
{
    m_process->disconnect(this);
    m_process->kill();
    m_process->waitForFinished();
}

void DryRunDialog::showEnd(int code)
{
    const QString rest = QString::fromUtf8(m_process->readAll()).trimmed();
    if (!rest.isEmpty())
        m_text->appendPlainText(rest);
    m_state->setText(code == 0 ? tr("✓ The configuration is complete. This is what would run:") : code < 0 ? tr("✕ The dry run could not be made.") : tr("✕ A start would end here, with exit code %1.").arg(code));
    m_theme.setTextColor(m_state, code == 0 ? ColorRole::Good : ColorRole::Alert);
    m_text->moveCursor(QTextCursor::Start);
}

} // namespace midpoint::gui
