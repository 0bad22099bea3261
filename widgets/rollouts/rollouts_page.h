// SPDX-License-Identifier: GPL-3.0-or-later
// What does the model write, and why did it get this reward? Groups of a stored step, the text of each rollout token by token,
// extracted and reference answer, verdict and reward parts; two rollouts side by side.
#pragma once

#include "widgets/common/page.h"
#include "widgets/rollouts/token_view.h"
#include "widgets/viewmodels/run_data.h"

#include <memory>

class QButtonGroup;
class QComboBox;
class QLabel;
class QLineEdit;
class QTableView;
class QToolButton;

class QBoxLayout;

namespace midpoint::gui {

class RowsModel;

class RolloutsPage : public Page {
    Q_OBJECT
public:
    RolloutsPage(Workbench& workbench, QWidget* parent);
    void activated() override;
    void focusFilter() override;
    void moveBy(int rows); // N and P
    void toggleSideBySide();
    void setColoring(TokenColoring coloring);

private:
    struct Row {
        std::size_t group = 0;
        std::size_t sample = 0;
    };
    struct Pane {
        QWidget* widget = nullptr;
        QLabel* heading = nullptr;
        QLabel* verdict = nullptr;
        TokenView* text = nullptr;
    };
    void buildToolbar(QBoxLayout* layout);
    void buildTable();
    Pane makePane(const QString& name);
    void ask();
    void show(std::shared_ptr<const RolloutView> view);
    void applyFilter();
    void selectInformative();
    void offerEntropy();
    void showSelected();
    void showIn(Pane& pane, const Row& row);
    TokenText textOf(const store::StoredGroup& group, const store::StoredRollout& rollout) const;
    QString promptText(const store::StoredGroup& group) const;

    QComboBox* m_verdict;
    QComboBox* m_origin;
    QComboBox* m_coloring;
    QLineEdit* m_search;
    QLabel* m_shownStep;
    QTableView* m_table;
    RowsModel* m_model;
    TokenLegend* m_legend;
    QLabel* m_tokenInfo;
    QLabel* m_nothing;
    QWidget* m_reader;
    Pane m_left;
    Pane m_right;
    QToolButton* m_sideBySide;
    std::vector<Row> m_rows;
    std::shared_ptr<const RolloutView> m_view;
};

} // namespace midpoint::gui
