// SPDX-License-Identifier: GPL-3.0-or-later
// Paints what text cannot in the runs table: the run's colour, the state in its shape and colour, the small curve of the reward.
#pragma once

#include "widgets/viewmodels/project_data.h"

#include <QStyledItemDelegate>

#include <functional>
#include <vector>

namespace midpoint::gui {

class Theme;

class RunsDelegate : public QStyledItemDelegate {
    Q_OBJECT
public:
    using RunsAt = std::function<std::vector<const RunSummary*>(std::size_t row)>; // several: a group of seeds
    using IsCompared = std::function<bool(const std::string&)>;
    RunsDelegate(const Theme& theme, RunsAt runsAt, IsCompared isCompared, QObject* parent);
    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;

    static constexpr int kColorColumn = 0;
    static constexpr int kStateColumn = 2;
    static constexpr int kSparkColumn = 4;

private:
    const Theme& m_theme;
    RunsAt m_runsAt;
    IsCompared m_isCompared;
};

} // namespace midpoint::gui
