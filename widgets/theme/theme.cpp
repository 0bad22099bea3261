// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/theme/theme.h"

#include "widgets/theme/app_style.h"
#include "widgets/theme/themed_icon.h"

#include <QAbstractButton>
#include <QApplication>
#include <QFile>
#include <QFontDatabase>

#include <algorithm>
#include <cmath>

// Outside any namespace, as Q_INIT_RESOURCE asks: the resources of a static library are not registered by themselves.
static void initialiseResources() { Q_INIT_RESOURCE(midpoint); }

namespace midpoint::gui {

namespace {

struct Shades {
    const char* window;
    const char* base;
    const char* text;
    const char* secondary;
    const char* grid;
    const char* accent;
    const char* good;
    const char* warning;
    const char* alert;
    const char* button;
    std::array<const char*, Theme::kSeriesCount> series;
};

// Contrasts to the background were measured: text 17.1 / 13.2, secondary 6.0 / 7.1, accent 5.2 / 7.1.
constexpr Shades kLight = { "#FBFBFC", "#FFFFFF", "#1B1C1E", "#5F6368", "#D7DADF", "#0072B2", "#00735C", "#9A6700", "#B93A00",
    "#F0F1F4", { "#0072B2", "#D55E00", "#00735C", "#A6478C", "#333333", "#E0A100" } };
constexpr Shades kDark = { "#26282C", "#1E1F22", "#E6E6E6", "#A6ABB3", "#3A3D42", "#56B4E9", "#1FB58F", "#E69F00", "#FF8A5C",
    "#33363B", { "#56B4E9", "#E69F00", "#1FB58F", "#E28AC0", "#E6E6E6", "#F0E442" } };

const Shades& shades(bool isDark) { return isDark ? kDark : kLight; }

QColor mix(const QColor& a, const QColor& b, double share)
{
    const auto channel = [share](int from, int to) { return static_cast<int>(std::lround(from + (to - from) * share)); };
    return QColor(channel(a.red(), b.red()), channel(a.green(), b.green()), channel(a.blue(), b.blue()));
}

template <std::size_t N>
QColor interpolate(const std::array<QColor, N>& stops, double share)
{
    if (!std::isfinite(share))
        share = 0.0;
    const double position = std::clamp(share, 0.0, 1.0) * static_cast<double>(N - 1);
    const auto index = std::min(static_cast<std::size_t>(position), N - 2);
    return mix(stops[index], stops[index + 1], position - static_cast<double>(index));
}

} // namespace

Theme::Theme(ThemeChoice choice, QObject* parent)
    : QObject(parent)
    , m_choice(choice)
{
    initialiseResources();
    const QPalette system = QApplication::palette();
    m_systemIsDark = system.color(QPalette::Window).lightness() < system.color(QPalette::WindowText).lightness();
    QApplication::setStyle(new AppStyle); // which the application then owns
    apply();
}

void Theme::setChoice(ThemeChoice choice)
{
    m_choice = choice;
    apply();
    Q_EMIT changed();
}

void Theme::apply()
{
    m_isDark = m_choice == ThemeChoice::Dark || (m_choice == ThemeChoice::System && m_systemIsDark);
    QApplication::setPalette(palette());
}

QColor Theme::color(ColorRole role) const
{
    const Shades& s = shades(m_isDark);
    switch (role) {
    case ColorRole::Window: return QColor(s.window);
    case ColorRole::Plot: return QColor(s.base);
    case ColorRole::Text: return QColor(s.text);
    case ColorRole::Secondary: return QColor(s.secondary);
    case ColorRole::Grid: return QColor(s.grid);
    case ColorRole::Accent: return QColor(s.accent);
    case ColorRole::Good: return QColor(s.good);
    case ColorRole::Warning: return QColor(s.warning);
    case ColorRole::Alert: return QColor(s.alert);
    case ColorRole::Band: {
        QColor band(s.accent);
        band.setAlpha(m_isDark ? 46 : 30);
        return band;
    }
    }
    return QColor(s.text);
}

QColor Theme::series(int index) const
{
    return QColor(shades(m_isDark).series[static_cast<std::size_t>(std::abs(index) % kSeriesCount)]);
}

Qt::PenStyle Theme::seriesDash(int index)
{
    constexpr std::array<Qt::PenStyle, 3> kDashes = { Qt::SolidLine, Qt::DashLine, Qt::DotLine };
    return kDashes[static_cast<std::size_t>(std::abs(index) / kSeriesCount % 3)];
}

QColor Theme::sequential(double share) const
{
    // Cividis, sampled: lightness grows in one direction only, and protanopes and deuteranopes see nearly the same.
    static const std::array<QColor, 6> stops = { QColor(0x00, 0x22, 0x4E), QColor(0x35, 0x45, 0x6C), QColor(0x66, 0x69, 0x70),
        QColor(0x94, 0x8E, 0x77), QColor(0xC8, 0xB8, 0x66), QColor(0xFE, 0xE8, 0x38) };
    constexpr double kDarkest = 0.22; // on a dark background: its first shades would not be seen
    return interpolate(stops, m_isDark ? kDarkest + (1.0 - kDarkest) * share : share);
}

QColor Theme::diverging(double value) const
{
    const std::array<QColor, 3> stops = { QColor(m_isDark ? "#56B4E9" : "#0072B2"), QColor(shades(m_isDark).base),
        QColor(m_isDark ? "#E69F00" : "#D55E00") };
    return interpolate(stops, (value + 1.0) / 2.0);
}

QIcon Theme::icon(const QString& name) const { return icon(name, ColorRole::Text); }

QIcon Theme::icon(const QString& name, ColorRole role) const
{
    QFile file(QStringLiteral(":/icons/%1.svg").arg(name));
    if (!file.open(QIODevice::ReadOnly))
        return {};
    return QIcon(new ThemedIcon(file.readAll(), color(role), mix(color(ColorRole::Secondary), color(ColorRole::Window), 0.5)));
}

void Theme::setIcon(QAbstractButton* button, const QString& name) const
{
    button->setIcon(icon(name));
    connect(this, &Theme::changed, button, [this, button, name] { button->setIcon(icon(name)); });
}

void Theme::setTextColor(QWidget* label, ColorRole role) const
{
    QPalette palette = label->palette();
    palette.setColor(QPalette::WindowText, color(role));
    label->setPalette(palette);
}

QFont Theme::fixedFont() const
{
    QFont font = QFontDatabase::systemFont(QFontDatabase::FixedFont);
    font.setPointSizeF(QApplication::font().pointSizeF());
    return font;
}

QFont Theme::smallFont() const
{
    QFont font = QApplication::font();
    font.setPointSizeF(font.pointSizeF() - 1.0);
    return font;
}

QFont Theme::strongFont() const
{
    QFont font = QApplication::font();
    font.setWeight(QFont::DemiBold);
    return font;
}

QFont Theme::headingFont() const
{
    QFont font = QApplication::font();
    font.setPointSizeF(font.pointSizeF() + 6.0);
    font.setWeight(QFont::DemiBold);
    return font;
}

QPalette Theme::palette() const
{
    const Shades& s = shades(m_isDark);
    const QColor window(s.window);
    const QColor base(s.base);
    const QColor text(s.text);
    const QColor button(s.button);
    const QColor disabled = mix(text, window, 0.55);
    QPalette palette;
    palette.setColor(QPalette::Window, window);
    palette.setColor(QPalette::WindowText, text);
    palette.setColor(QPalette::Base, base);
    palette.setColor(QPalette::AlternateBase, mix(base, text, 0.035));
    palette.setColor(QPalette::Text, text);
    palette.setColor(QPalette::Button, button);
    palette.setColor(QPalette::ButtonText, text);
    palette.setColor(QPalette::BrightText, QColor(s.alert));
    palette.setColor(QPalette::ToolTipBase, button);
    palette.setColor(QPalette::ToolTipText, text);
    palette.setColor(QPalette::PlaceholderText, QColor(s.secondary));
    palette.setColor(QPalette::Link, QColor(s.accent));
    palette.setColor(QPalette::LinkVisited, QColor(s.accent));
    palette.setColor(QPalette::Highlight, QColor(s.accent));
    palette.setColor(QPalette::HighlightedText, m_isDark ? QColor("#101113") : QColor("#FFFFFF"));
    palette.setColor(QPalette::Light, mix(button, m_isDark ? text : QColor(Qt::white), 0.15));
    palette.setColor(QPalette::Midlight, mix(button, text, 0.05));
    palette.setColor(QPalette::Mid, mix(button, text, 0.18));
    palette.setColor(QPalette::Dark, mix(button, m_isDark ? QColor(Qt::black) : text, 0.3));
    palette.setColor(QPalette::Shadow, mix(button, QColor(Qt::black), 0.6));
    for (const auto role : { QPalette::WindowText, QPalette::Text, QPalette::ButtonText, QPalette::HighlightedText })
        palette.setColor(QPalette::Disabled, role, disabled);
    palette.setColor(QPalette::Disabled, QPalette::Highlight, mix(window, text, 0.2));
    return palette;
}

} // namespace midpoint::gui
