// SPDX-License-Identifier: GPL-3.0-or-later
// The legend of a plot: line samples with names and values in a row that wraps; what does not fit is elided, never clipped.
#pragma once

#include <QColor>
#include <QString>
#include <QWidget>

#include <vector>

class QPainter;

namespace midpoint::gui {

class Theme;

enum class LegendShape { Line, Disc, Diamond, Square, None };

struct LegendEntry {
    QString name;
    QString value; // under the crosshair, or the last one; may be empty
    QColor color;
    Qt::PenStyle dash = Qt::SolidLine;
    LegendShape shape = LegendShape::Line;
    QString remark = {}; // behind the value where there is room, such as the value before smoothing
    bool operator==(const LegendEntry&) const = default;
};

class LegendRow : public QWidget {
    Q_OBJECT
public:
    explicit LegendRow(const Theme& theme, QWidget* parent = nullptr);
    void setEntries(std::vector<LegendEntry> entries);
    const std::vector<LegendEntry>& entries() const { return m_entries; }
    void draw(QPainter& painter, int width) const; // from the painter's origin: also into an exported picture
    bool hasHeightForWidth() const override { return true; }
    int heightForWidth(int width) const override;
    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;

protected:
    void paintEvent(QPaintEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;

private:
    struct Place {
        QRect sample;
        QRect text;
        QString label;
    };
    enum class Detail { Names, Values, Remarks };
    static QString labelOf(const LegendEntry& entry, Detail detail);
    std::vector<Place> layoutFor(int width) const; // with as much detail as fits into few rows
    std::vector<Place> layoutFor(int width, Detail detail) const;

    const Theme& m_theme;
    std::vector<LegendEntry> m_entries;
};

} // namespace midpoint::gui
