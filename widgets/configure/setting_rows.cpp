// SPDX-License-Identifier: GPL-3.0-or-later
// The rows of the Configure form: one per setting of the schema, with its editor, its help or what it was changed from, and what
// is wrong with it.
#include "widgets/configure/configure_page.h"

#include "widgets/theme/theme.h"
#include "widgets/viewmodels/format.h"

#include <QCheckBox>
#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QScrollArea>
#include <QToolButton>
#include <QVBoxLayout>

namespace midpoint::gui {

namespace {

constexpr int kNameWidth = 190;
constexpr int kEditWidth = 230;

} // namespace

QString readableName(const std::string& name)
{
    QString text = qs(name);
    text.replace(QLatin1Char('_'), QLatin1Char(' '));
    if (!text.isEmpty())
        text[0] = text[0].toUpper();
    return text;
}

ConfigurePage::Row ConfigurePage::makeRow(const config::Setting& setting, QWidget* parent)
{
    Row row;
    row.setting = &setting;
    row.widget = new QWidget(parent);
    row.widget->setObjectName(QStringLiteral("row.") + qs(setting.key));
    QString help = qs(setting.help);
    QStringList names;
    for (const config::Alias& alias : setting.aliases)
        names << qs(alias.name);
    QString tip = QStringLiteral("%1\n%2\n%3").arg(qs(setting.key), help, tr("Expects %1.").arg(qs(config::expectation(setting))));
    if (!names.isEmpty())
        tip += QLatin1Char('\n') + tr("Also known as %1.").arg(names.join(QStringLiteral(", ")));
    row.widget->setToolTip(tip);
    row.name = new QLabel(readableName(setting.field()), row.widget);
    row.name->setFixedWidth(kNameWidth);
    row.mark = new QLabel(row.widget);
    row.mark->setWordWrap(true);
    row.mark->setTextFormat(Qt::PlainText);
    row.mark->setFont(theme().smallFont());
    row.problem = new QLabel(row.widget);
    row.problem->setWordWrap(true);
    row.problem->setTextFormat(Qt::PlainText);
    row.problem->hide();
    row.reset = new QToolButton(row.widget);
    row.reset->setObjectName(QStringLiteral("reset.") + qs(setting.key));
    theme().setIcon(row.reset, QStringLiteral("reset"));
    row.reset->setAutoRaise(true);
    row.reset->setToolTip(tr("Back to the base's value"));
    row.reset->setAccessibleName(tr("Reset %1").arg(qs(setting.key)));
    const std::string key = setting.key;
    QWidget* editor = nullptr;
    if (setting.type == config::ValueType::Boolean) {
        editor = row.check = new QCheckBox(row.widget);
        connect(row.check, &QCheckBox::clicked, this, [this, key](bool on) { m_form->set(key, on ? "true" : "false"); });
    } else if (!setting.range.choices.empty() && setting.type == config::ValueType::Text) {
        editor = row.choice = new QComboBox(row.widget);
        for (const std::string& choice : setting.range.choices)
            row.choice->addItem(qs(choice));
        connect(row.choice, &QComboBox::textActivated, this, [this, key](const QString& text) { m_form->set(key, text.toStdString()); });
    } else {
        editor = row.edit = new QLineEdit(row.widget);
        connect(row.edit, &QLineEdit::textEdited, this, [this, key](const QString& text) { m_form->set(key, text.toStdString()); });
    }
    editor->setObjectName(QStringLiteral("edit.") + qs(setting.key));
    editor->setAccessibleName(qs(setting.key));
    editor->setToolTip(tip);
    editor->setFixedWidth(kEditWidth);
    row.name->setBuddy(editor);
    auto* line = new QHBoxLayout;
    line->addWidget(row.name);
    line->addWidget(editor);
    line->addWidget(row.reset);
    line->addWidget(row.mark, 1);
    auto* layout = new QVBoxLayout(row.widget);
    layout->setContentsMargins(0, 1, 0, 1);
    layout->setSpacing(0);
    layout->addLayout(line);
    auto* problemLine = new QHBoxLayout;
    problemLine->setContentsMargins(kNameWidth + line->spacing(), 0, 0, 3);
    problemLine->addWidget(row.problem);
    layout->addLayout(problemLine);
    connect(row.reset, &QToolButton::clicked, this, [this, key] { m_form->reset(key); });
    return row;
}

void ConfigurePage::refreshRows()
{
    std::map<std::string, QString> problems;
    for (const config::Problem& problem : m_form->problems())
        problems[problem.key] += (problems[problem.key].isEmpty() ? QString() : QStringLiteral("\n")) + qs(problem.message);
    for (Row& row : m_rows) {
        const std::string& key = row.setting->key;
        const QString value = qs(m_form->value(key));
        if (row.edit != nullptr && row.edit->text() != value)
            row.edit->setText(value);
        if (row.choice != nullptr)
            row.choice->setCurrentIndex(row.choice->findText(value));
        if (row.check != nullptr)
            row.check->setChecked(value == QStringLiteral("true"));
        const bool isChanged = m_form->isChanged(key);
        const auto base = m_form->report().base.find(key);
        const QString unit = row.setting->unit.empty() ? QString() : QStringLiteral("%1   ").arg(qs(row.setting->unit));
        row.mark->setText(isChanged ? unit + tr("changed from %1").arg(base == m_form->report().base.end() ? QString() : qs(base->second)) : unit + qs(row.setting->help));
        theme().setTextColor(row.mark, isChanged ? ColorRole::Accent : ColorRole::Secondary);
        row.reset->setEnabled(isChanged);
        const auto problem = problems.find(key);
        row.problem->setVisible(problem != problems.end());
        if (problem != problems.end()) {
            row.problem->setText(QStringLiteral("✕ ") + problem->second);
            theme().setTextColor(row.problem, ColorRole::Alert);
        }
    }
    applyFilter();
}

void ConfigurePage::applyFilter()
{
    const QString text = m_filter->text().trimmed();
    std::map<std::string, bool> hasRows;
    for (const Row& row : m_rows) {
        bool fits = !m_onlyChanged->isChecked() || m_form->isChanged(row.setting->key);
        if (fits && !text.isEmpty())
            fits = row.widget->toolTip().contains(text, Qt::CaseInsensitive) || row.name->text().contains(text, Qt::CaseInsensitive);
        row.widget->setVisible(fits);
        hasRows[row.setting->section()] = hasRows[row.setting->section()] || fits;
    }
    for (const auto& [section, heading] : m_headings)
        heading->setVisible(hasRows[section]);
    m_onlyChanged->setText(tr("only changed (%1)").arg(m_form->changes().size()));
}

void ConfigurePage::goTo(const std::string& key)
{
    for (const Row& row : m_rows)
        if (row.setting->key == key) {
            m_filter->clear();
            m_onlyChanged->setChecked(false);
            m_scroll->ensureWidgetVisible(row.widget, 0, 120);
            QWidget* editor = row.edit != nullptr ? static_cast<QWidget*>(row.edit) : row.choice != nullptr ? static_cast<QWidget*>(row.choice) : row.check;
            editor->setFocus();
        }
}

} // namespace midpoint::gui
