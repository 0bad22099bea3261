// SPDX-License-Identifier: GPL-3.0-or-later
// Ctrl+K: one field that finds actions, runs, metrics and prompts by a few letters.
#pragma once

#include <QDialog>

#include <functional>
#include <vector>

class QLineEdit;
class QListWidget;

namespace midpoint::gui {

struct PaletteEntry {
    QString text;
    QString detail; // category and shortcut
    bool isEnabled = true;
    std::function<void()> run;
};

// How well the letters of `pattern` fit `text`: higher is better, negative: not at all. Starts of words count most.
int fuzzyScore(const QString& pattern, const QString& text);

class CommandPalette : public QDialog {
    Q_OBJECT
public:
    explicit CommandPalette(QWidget* parent);
    void open(std::vector<PaletteEntry> entries);

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    void filter(const QString& pattern);
    void runCurrent();

    static constexpr int kMaximumShown = 60;
    QLineEdit* m_edit;
    QListWidget* m_list;
    std::vector<PaletteEntry> m_entries;
};

} // namespace midpoint::gui
