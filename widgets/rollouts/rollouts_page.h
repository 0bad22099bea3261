// SPDX-License-Identifier: GPL-3.0-or-later
// What does the model write, and why did it get this reward? Groups of a stored step, the text of each rollout token by token,
// extracted and reference answer, verdict and reward parts; two rollouts side by side.
#pragma once

#include "widgets/common/step_page.h"
#include "widgets/rollouts/token_view.h"
#include "widgets/viewmodels/run_data.h"

#include <memory>
#include <optional>

class QBoxLayout;
class QCheckBox;
class QComboBox;
class QLabel;
class QLineEdit;
class QTableView;
class QTimer;
class QToolButton;

namespace midpoint::gui {

class RowsModel;

class RolloutsPage : public StepPage {
    Q_OBJECT
public:
    RolloutsPage(Workbench& workbench, QWidget* parent);
    void focusFilter() override;
    QVariantMap filters() const override;
    void setFilters(const QVariantMap& filters) override;
    void moveBy(int rows); // N and P
    void toggleSideBySide();
    void setColoring(TokenColoring coloring);
    void showPrompt(std::optional<std::int64_t> promptIndex); // its rollouts of all steps; nullopt: those of the current step

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
    void ask() override;
    bool dependsOnStep() const override;
    void show(std::shared_ptr<const RolloutView> view);
    void applyFilter();
    void selectInformative();
    void offerEntropy();
    void showSelected();
    void showIn(Pane& pane, const Row& row);
    TokenText textOf(const store::StoredGroup& group, const store::StoredRollout& rollout) const;
    QString promptText(const store::StoredGroup& group) const;

    void showScope();

    QComboBox* m_verdict;
    QComboBox* m_origin;
    QComboBox* m_coloring;
    QLineEdit* m_search;
    QCheckBox* m_allSteps;
    QToolButton* m_promptChip;
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
    QTimer* m_searchTimer;
    std::optional<std::int64_t> m_prompt; // whose rollouts of all steps are shown
    std::vector<Row> m_rows;
    std::shared_ptr<const RolloutView> m_view;
};

} // namespace midpoint::gui
