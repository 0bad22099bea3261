// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/common/message_strip.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QToolButton>

namespace midpoint::gui {

MessageStrip::MessageStrip(const Theme& theme, const QString& name, QWidget* parent)
    : QFrame(parent)
    , m_theme(theme)
    , m_text(new QLabel(this))
    , m_layout(new QHBoxLayout(this))
{
    setObjectName(name);
    setFrameShape(QFrame::StyledPanel);
    m_text->setObjectName(name + QStringLiteral("Text"));
    m_text->setWordWrap(true);
    m_text->setTextFormat(Qt::PlainText);
    m_text->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_layout->setContentsMargins(10, 4, 6, 4);
    m_layout->addWidget(m_text, 1);
    connect(&theme, &Theme::changed, this, [this] { m_theme.setTextColor(m_text, m_role); });
    hide();
}

void MessageStrip::say(const QString& text, ColorRole role)
{
    m_role = role;
    m_text->setText(text);
    m_theme.setTextColor(m_text, role);
    setVisible(!text.isEmpty());
}

void MessageStrip::addButton(QToolButton* button) { m_layout->addWidget(button, 0, Qt::AlignTop); }

QToolButton* MessageStrip::addDismiss(const QString& name, const QString& help)
{
    auto* button = new QToolButton(this);
    button->setObjectName(name);
    button->setText(tr("Dismiss"));
    button->setToolTip(help);
    button->setAutoRaise(true);
    button->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    m_theme.setIcon(button, QStringLiteral("close"));
    connect(button, &QToolButton::clicked, this, &QWidget::hide);
    addButton(button);
    return button;
}

TroubleStrip::TroubleStrip(const Theme& theme, QWidget* parent)
    : MessageStrip(theme, QStringLiteral("troubleStrip"), parent)
{
    addDismiss(QStringLiteral("troubleDismiss"), tr("Hide this until something else goes wrong"));
}

void TroubleStrip::tell(Source source, const QString& message)
{
    if (m_messages.value(source) == message)
        return; // what was dismissed stays so
    m_messages[source] = message;
    QStringList lines;
    for (const QString& text : std::as_const(m_messages))
        if (!text.isEmpty())
            lines << QStringLiteral("✕ ") + text;
    say(lines.join(QLatin1Char('\n')), ColorRole::Alert);
}

} // namespace midpoint::gui
