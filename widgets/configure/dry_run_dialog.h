// SPDX-License-Identifier: GPL-3.0-or-later
// `midpoint train CONFIG --dry-run` in a child process: exactly what a start would do first, and what it says.
#pragma once

#include <QDialog>

#include <string>
#include <vector>

class QLabel;
class QPlainTextEdit;
class QProcess;

namespace midpoint::gui {

class Theme;

class DryRunDialog : public QDialog {
    Q_OBJECT
public:
    DryRunDialog(const Theme& theme, const std::vector<std::string>& command, QWidget* parent);
    ~DryRunDialog() override;

private:
    void showEnd(int code);

    const Theme& m_theme;
    QLabel* m_state;
    QPlainTextEdit* m_text;
    QProcess* m_process;
};

} // namespace midpoint::gui
