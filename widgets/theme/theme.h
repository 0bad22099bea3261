// SPDX-License-Identifier: GPL-3.0-or-later
// The only place that knows colours: a light and a dark palette of our own, six hues that colour-blind people can tell apart,
// colour maps, and icons drawn in the palette's colours. Everything else asks for a role.
#pragma once

#include <QColor>
#include <QFont>
#include <QIcon>
#include <QObject>
#include <QPalette>
#include <QPen>

#include <array>

class QAbstractButton;

namespace midpoint::gui {

enum class ThemeChoice { System, Light, Dark };

enum class ColorRole { Window, Plot, Text, Secondary, Grid, Accent, Good, Warning, Alert, Band };

class Theme : public QObject {
    Q_OBJECT
public:
    static constexpr int kSeriesCount = 6; // a seventh hue would be confused by protanopes: dash patterns follow instead

    explicit Theme(ThemeChoice choice, QObject* parent = nullptr);

    ThemeChoice choice() const { return m_choice; }
    bool isDark() const { return m_isDark; }
    void setChoice(ThemeChoice choice); // applies the palette to the application

    QColor color(ColorRole role) const;
    QColor series(int index) const;              // hue index modulo six
    static Qt::PenStyle seriesDash(int index);   // solid, dashed, dotted: after every six
    QColor sequential(double share) const;       // 0..1, dark blue to yellow: difficulty, age, -log-prob, counts
    QColor diverging(double value) const;        // -1..1, blue - neutral - orange, centred at 0
    QIcon icon(const QString& name) const;       // resources/icons/<name>.svg in the text colour
    QIcon icon(const QString& name, ColorRole role) const;
    void setIcon(QAbstractButton* button, const QString& name) const; // follows the palette when it changes
    void setTextColor(QWidget* label, ColorRole role) const;          // until it is set again
    QFont fixedFont() const;
    QFont smallFont() const;
    QFont strongFont() const;  // of the titles of plots and panels
    QFont headingFont() const;
    QPalette palette() const;

Q_SIGNALS:
    void changed();

private:
    void apply();

    ThemeChoice m_choice;
    bool m_isDark = false;
    bool m_systemIsDark = false;
};

} // namespace midpoint::gui
