// SPDX-License-Identifier: GPL-3.0-or-later
// What an empty table says instead of nothing: why it is empty and what fills it.
#pragma once

#include <QLabel>

class QAbstractItemView;

namespace midpoint::gui {

class EmptyHint : public QLabel {
    Q_OBJECT
public:
    EmptyHint(QAbstractItemView* view, const QString& text); // child of the view; the model must be set
    void setHint(const QString& text) { setText(text); }

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    void refresh();
    QAbstractItemView* m_view;
};

} // namespace midpoint::gui
