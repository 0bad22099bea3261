// SPDX-License-Identifier: GPL-3.0-or-later
// A line across the window: a sign, a text that wraps, and buttons at its end.
#pragma once

#include "widgets/theme/theme.h"

#include <QFrame>
#include <QMap>

class QBoxLayout;
class QLabel;
class QToolButton;

namespace midpoint::gui {

class MessageStrip : public QFrame {
    Q_OBJECT
public:
    MessageStrip(const Theme& theme, const QString& name, QWidget* parent); // hidden until there is something to say
    void say(const QString& text, ColorRole role);                          // shows itself; empty: hides
    void addButton(QToolButton* button);
    QToolButton* addDismiss(const QString& name, const QString& help);      // hides the strip

private:
    const Theme& m_theme;
    QLabel* m_text;
    QBoxLayout* m_layout;
    ColorRole m_role = ColorRole::Text;
};

// What is wrong, where, and what still works. Each source has one message at a time, and takes it away when all is well again.
class TroubleStrip : public MessageStrip {
    Q_OBJECT
public:
    enum class Source { Action, Run, Project };
    TroubleStrip(const Theme& theme, QWidget* parent);
    void tell(Source source, const QString& message); // empty: all is well there

private:
    QMap<Source, QString> m_messages;
};

} // namespace midpoint::gui
