// SPDX-License-Identifier: GPL-3.0-or-later
// What happened last, and why did it stop? Events and text logs in one order of time; after a failure the cause, the last lines
// and what to do.
#pragma once

#include "widgets/common/page.h"
#include "widgets/viewmodels/run_data.h"

#include <memory>
#include <set>
#include <string>
#include <vector>

class QCheckBox;
class QComboBox;
class QFrame;
class QLabel;
class QLineEdit;
class QPushButton;
class QTableView;

class QBoxLayout;

namespace midpoint::gui {

class EmptyHint;
class RowsModel;

class LogPage : public Page {
    Q_OBJECT
public:
    LogPage(Workbench& workbench, QWidget* parent);
    void activated() override;
    void deactivated() override;
    void focusFilter() override;
    QVariantMap filters() const override;
    void setFilters(const QVariantMap& filters) override;
    void findNext();

private:
    void buildToolbar(QBoxLayout* layout);
    void buildFailureCard(QBoxLayout* layout);
    void buildTable();
    void addLines(std::vector<LogLine> lines);
    void dropMirrored(std::vector<LogLine>& lines);
    void applyFilter();
    void refreshCount();
    void refreshRanks();
    void showDetail(const QModelIndex& index);
    void refreshFailure();
    void scrollToEnd();

    static constexpr std::size_t kMaximumLines = 200'000; // in memory; the files keep all
    QComboBox* m_level;
    QComboBox* m_rank;
    QLineEdit* m_search;
    QCheckBox* m_follow;
    QLabel* m_count;
    QFrame* m_failure;
    QLabel* m_failureText;
    QPushButton* m_copyReport;
    QTableView* m_table;
    RowsModel* m_model;
    EmptyHint* m_hint = nullptr;
    QLabel* m_detail; // the chosen line in full
    std::set<std::string> m_mirrors; // the events as the text logs repeat them
    std::vector<LogLine> m_lines;
};

} // namespace midpoint::gui
