// SPDX-License-Identifier: GPL-3.0-or-later
// A label of one line that ends in "…" where it does not fit; the whole text is its tooltip.
#pragma once

#include <QLabel>

namespace midpoint::gui {

class ElidedLabel : public QLabel {
    Q_OBJECT
public:
    explicit ElidedLabel(QWidget* parent = nullptr);
    QSize minimumSizeHint() const override;

protected:
    void paintEvent(QPaintEvent* event) override;
};

} // namespace midpoint::gui
