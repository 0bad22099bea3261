// SPDX-License-Identifier: GPL-3.0-or-later
// A row of key values: a name, a large number, and a line of context under it. Health is shape and word, never colour alone.
#pragma once

#include "widgets/theme/theme.h"

#include <QWidget>

#include <vector>

namespace midpoint::gui {

struct KeyValue {
    QString name;
    QString value;
    QString context; // trend, interval, reason for "n/a"
    QString tooltip;
    ColorRole role = ColorRole::Text;
    bool operator==(const KeyValue&) const = default;
};

class ValueStrip : public QWidget {
    Q_OBJECT
public:
    ValueStrip(const Theme& theme, const QString& name, QWidget* parent = nullptr);
    void setValues(std::vector<KeyValue> values);
    const std::vector<KeyValue>& values() const { return m_values; }
    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;

protected:
    void paintEvent(QPaintEvent* event) override;
    bool event(QEvent* event) override;

private:
    QFont valueFont() const;
    void growNeeds();
    std::vector<double> edges() const;

    const Theme& m_theme;
    std::vector<KeyValue> m_values;
    std::vector<double> m_needs; // of width, by value
};

} // namespace midpoint::gui
