// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/common/action_registry.h"

#include "backend/core/error.h"
#include "widgets/theme/theme.h"

#include <QToolButton>
#include <QWidget>

namespace midpoint::gui {

ActionRegistry::ActionRegistry(const Theme& theme, QWidget* window)
    : QObject(window)
    , m_theme(theme)
    , m_window(window)
{
    connect(&theme, &Theme::changed, this, &ActionRegistry::refreshIcons);
}

QAction* ActionRegistry::make(const ActionSpec& spec)
{
    for ([[maybe_unused]] const QAction* other : m_actions)
        MIDPOINT_ASSERT(other->objectName() != spec.id, "an action is declared once");
    auto* action = new QAction(spec.text, this);
    action->setObjectName(spec.id);
    action->setShortcuts(spec.keys);
    action->setShortcutContext(Qt::WindowShortcut);
    action->setCheckable(spec.isCheckable);
    action->setData(QStringList { spec.category, spec.icon });
    action->setStatusTip(spec.help);
    action->setToolTip(tooltipOf(action));
    if (!spec.icon.isEmpty())
        action->setIcon(m_theme.icon(spec.icon));
    m_window->addAction(action);
    m_actions.push_back(action);
    return action;
}

QAction* ActionRegistry::add(const ActionSpec& spec, std::function<void()> run)
{
    QAction* action = make(spec);
    connect(action, &QAction::triggered, this, [run = std::move(run)] { run(); });
    return action;
}

QAction* ActionRegistry::add(const ActionSpec& spec, std::function<void(bool)> run)
{
    QAction* action = make(spec);
    connect(action, &QAction::triggered, this, [run = std::move(run)](bool on) { run(on); });
    return action;
}

QAction* ActionRegistry::action(const QString& id) const
{
    for (QAction* action : m_actions)
        if (action->objectName() == id)
            return action;
    throw Error(ErrorKind::Internal, "the window has no action '" + id.toStdString() + "'");
}

QString ActionRegistry::categoryOf(const QAction* action) const { return action->data().toStringList().value(0); }

void ActionRegistry::refreshIcons()
{
    for (QAction* action : m_actions) {
        const QString icon = action->data().toStringList().value(1);
        if (!icon.isEmpty())
            action->setIcon(m_theme.icon(icon));
    }
}

QToolButton* ActionRegistry::makeButton(const QString& id, QWidget* parent, bool showText) const
{
    auto* button = new QToolButton(parent);
    button->setDefaultAction(action(id));
    button->setObjectName(id + QStringLiteral(".button"));
    button->setAutoRaise(true);
    button->setToolButtonStyle(showText ? Qt::ToolButtonTextBesideIcon : Qt::ToolButtonIconOnly);
    return button;
}

QString tooltipOf(const QAction* action)
{
    QString text = action->text();
    text.remove(QLatin1Char('&'));
    if (!action->statusTip().isEmpty())
        text += QStringLiteral(": ") + action->statusTip();
    if (!action->shortcut().isEmpty())
        text += QStringLiteral(" (") + action->shortcut().toString(QKeySequence::NativeText) + QLatin1Char(')');
    return text;
}

} // namespace midpoint::gui
