// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/configure/setting_form.h"

#include "backend/config/value.h"
#include "widgets/theme/theme.h"
#include "widgets/viewmodels/config_form.h"
#include "widgets/viewmodels/format.h"

#include <QCheckBox>
#include <QComboBox>
#include <QFileDialog>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QScrollArea>
#include <QScrollBar>
#include <QTimer>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>

namespace midpoint::gui {

namespace {

constexpr int kNameWidth = 170;
constexpr int kEditWidth = 190;
constexpr int kMargin = 10;
constexpr int kSpacing = 6;
constexpr std::size_t kRowsAtFirst = 24; // about what is seen without scrolling
constexpr std::size_t kRowsPerTurn = 12;

// "max_prompt_tokens" as "Max prompt tokens"
QString readableName(const std::string& name)
{
    QString text = qs(name);
    text.replace(QLatin1Char('_'), QLatin1Char(' '));
    if (!text.isEmpty())
        text[0] = text[0].toUpper();
    return text;
}

// What the setting does, and in which unit where its name does not say so.
QString helpOf(const config::Setting& setting)
{
    const bool isNamed = setting.unit.empty() || setting.field().find(setting.unit == "s" ? "seconds" : setting.unit) != std::string::npos;
    return isNamed ? qs(setting.help) : QStringLiteral("%1  [%2]").arg(qs(setting.help), qs(setting.unit));
}

QString toolTipOf(const config::Setting& setting)
{
    QStringList names;
    for (const config::Alias& alias : setting.aliases)
        names << qs(alias.name);
    QString tip = QStringLiteral("%1\n%2\n%3").arg(qs(setting.key), qs(setting.help), SettingForm::tr("Expects %1.").arg(qs(config::expectation(setting))));
    if (!names.isEmpty())
        tip += QLatin1Char('\n') + SettingForm::tr("Also known as %1.").arg(names.join(QStringLiteral(", ")));
    return tip;
}

} // namespace

QWidget* SettingForm::Row::editor() const
{
    if (edit != nullptr)
        return edit;
    return choice != nullptr ? static_cast<QWidget*>(choice) : check;
}

SettingForm::SettingForm(const Theme& theme, ConfigForm& form, QWidget* parent)
    : QWidget(parent)
    , m_theme(theme)
    , m_form(form)
    , m_sections(new QListWidget(this))
    , m_scroll(new QScrollArea(this))
    , m_canvas(new QWidget)
    , m_column(new QVBoxLayout(m_canvas))
    , m_makeMore(new QTimer(this))
{
    m_sections->setObjectName(QStringLiteral("settingSections"));
    m_sections->setAccessibleName(tr("Groups of settings"));
    m_sections->setFixedWidth(130);
    m_scroll->setObjectName(QStringLiteral("settingForm"));
    m_scroll->setWidgetResizable(true);
    m_scroll->setFrameShape(QFrame::NoFrame);
    m_scroll->setFocusPolicy(Qt::NoFocus);
    m_scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff); // texts wrap
    m_scroll->setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOn);    // so that their width stays
    m_scroll->setWidget(m_canvas);
    m_scroll->viewport()->installEventFilter(this);
    m_column->setContentsMargins(kMargin, 0, kMargin, kMargin);
    m_column->setSpacing(2);
    m_column->addStretch(1);
    for (const config::Setting& setting : config::schema()) {
        const QString section = qs(setting.section());
        if (m_sections->count() > 0 && m_sections->item(m_sections->count() - 1)->data(Qt::UserRole) == section)
            continue;
        auto* item = new QListWidgetItem(readableName(setting.section()), m_sections);
        item->setData(Qt::UserRole, section);
    }
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(m_sections);
    layout->addWidget(m_scroll, 1);
    m_makeMore->setInterval(0);
    connect(m_makeMore, &QTimer::timeout, this, [this] { makeRows(kRowsPerTurn); });
    connect(m_sections, &QListWidget::currentItemChanged, this, [this](QListWidgetItem* item) {
        if (item != nullptr)
            goToSection(item->data(Qt::UserRole).toString().toStdString());
    });
    connect(&theme, &Theme::changed, this, &SettingForm::refresh);
}

void SettingForm::showEvent(QShowEvent* event)
{
    QWidget::showEvent(event);
    if (!m_rows.empty())
        return;
    makeRows(kRowsAtFirst);
    m_makeMore->start();
}

bool SettingForm::eventFilter(QObject* watched, QEvent* event)
{
    if (watched == m_scroll->viewport() && event->type() == QEvent::Resize)
        for (const Row& row : m_rows)
            fit(row);
    return QWidget::eventFilter(watched, event);
}

// Texts that wrap two layouts deep get the height of another width when they are many: each is told its own.
void SettingForm::fit(const Row& row) const
{
    const int besideName = m_scroll->viewport()->width() - 2 * kMargin - kNameWidth - kSpacing;
    const int besideEditor = besideName - kEditWidth - row.reset->sizeHint().width() - 2 * kSpacing;
    if (besideEditor <= 0)
        return; // not laid out yet
    for (const auto& [label, width] : { std::pair(row.mark, besideEditor), std::pair(row.problem, besideName) }) {
        QSizePolicy policy = label->sizePolicy();
        policy.setHeightForWidth(false);
        label->setSizePolicy(policy);
        label->setMinimumHeight(0); // which the height for a width is never below
        label->setFixedHeight(std::max(label->heightForWidth(width), 0)); // -1 for no text
    }
}

void SettingForm::makeRows(std::size_t count)
{
    const Problems problems = problemsByKey();
    const std::size_t end = std::min(m_rows.size() + count, config::schema().size());
    m_canvas->setUpdatesEnabled(false);
    while (m_rows.size() < end) {
        const config::Setting& setting = config::schema()[m_rows.size()];
        if (m_headings.count(setting.section()) == 0)
            makeHeading(setting.section());
        m_rows.push_back(makeRow(setting));
        Row& row = m_rows.back();
        m_column->insertWidget(m_column->count() - 1, row.widget);
        refreshRow(row, problems);
        if (m_rows.size() > 1) // in the order of the form, wherever the editor was made
            setTabOrder(m_rows[m_rows.size() - 2].reset, row.editor());
        setTabOrder(row.editor(), row.reset);
    }
    m_canvas->setUpdatesEnabled(true);
    if (m_rows.size() == config::schema().size())
        m_makeMore->stop();
    applyFilter();
}

void SettingForm::makeAllRows() { makeRows(config::schema().size()); }

void SettingForm::makeHeading(const std::string& section)
{
    auto* heading = new QLabel(readableName(section), m_canvas);
    QFont font = heading->font();
    font.setWeight(QFont::DemiBold);
    font.setPointSizeF(font.pointSizeF() + 2);
    heading->setFont(font);
    heading->setContentsMargins(0, 10, 0, 2);
    m_column->insertWidget(m_column->count() - 1, heading);
    m_headings[section] = heading;
}

QWidget* SettingForm::makeEditor(Row& row)
{
    const config::Setting& setting = *row.setting;
    const std::string key = setting.key;
    if (setting.type == config::ValueType::Boolean) {
        row.check = new QCheckBox(row.widget);
        connect(row.check, &QCheckBox::clicked, this, [this, key](bool on) { m_form.set(key, on ? "true" : "false"); });
        return row.check;
    }
    if (!setting.range.choices.empty() && setting.type == config::ValueType::Text) {
        row.choice = new QComboBox(row.widget);
        for (const std::string& choice : setting.range.choices)
            row.choice->addItem(qs(choice));
        connect(row.choice, &QComboBox::textActivated, this, [this, key](const QString& text) { m_form.set(key, text.toStdString()); });
        return row.choice;
    }
    row.edit = new QLineEdit(row.widget);
    connect(row.edit, &QLineEdit::textEdited, this, [this, key](const QString& text) { m_form.set(key, text.toStdString()); });
    addBrowsing(*row.edit, setting);
    return row.edit;
}

// Paths need not be typed: the icon in their field opens a dialog.
void SettingForm::addBrowsing(QLineEdit& edit, const config::Setting& setting)
{
    if (setting.range.path != config::PathKind::File && setting.range.path != config::PathKind::Folder)
        return;
    const bool isFolder = setting.range.path == config::PathKind::Folder;
    const bool isList = setting.type == config::ValueType::TextList;
    QAction* browse = edit.addAction(m_theme.icon(QStringLiteral("open"), ColorRole::Secondary), QLineEdit::TrailingPosition);
    browse->setObjectName(QStringLiteral("browse.") + qs(setting.key));
    browse->setToolTip(tr("Choose %1").arg(isFolder ? tr("a folder") : isList ? tr("files") : tr("a file")));
    connect(&m_theme, &Theme::changed, browse, [this, browse] { browse->setIcon(m_theme.icon(QStringLiteral("open"), ColorRole::Secondary)); });
    connect(browse, &QAction::triggered, this, [this, key = setting.key, isFolder, isList] {
        const QString title = qs(key);
        const QStringList chosen = isFolder ? QStringList { QFileDialog::getExistingDirectory(this, title) }
            : isList                        ? QFileDialog::getOpenFileNames(this, title, {}, tr("Prompt sets (*.jsonl *.parquet);;All files (*)"))
                                            : QStringList { QFileDialog::getOpenFileName(this, title) };
        std::vector<std::string> paths;
        for (const QString& path : chosen)
            if (!path.isEmpty())
                paths.push_back(path.toStdString());
        if (!paths.empty())
            m_form.set(key, isList ? config::toToml(paths) : paths.front());
    });
}

SettingForm::Row SettingForm::makeRow(const config::Setting& setting)
{
    Row row;
    row.setting = &setting;
    row.widget = new QWidget(m_canvas);
    row.widget->setObjectName(QStringLiteral("row.") + qs(setting.key));
    row.widget->setToolTip(toolTipOf(setting));
    row.name = new QLabel(readableName(setting.field()), row.widget);
    row.name->setFixedWidth(kNameWidth);
    row.mark = new QLabel(row.widget);
    row.mark->setFont(m_theme.smallFont());
    row.problem = new QLabel(row.widget);
    row.problem->hide();
    for (QLabel* label : { row.mark, row.problem }) {
        label->setWordWrap(true);
        label->setTextFormat(Qt::PlainText);
    }
    QWidget* editor = makeEditor(row);
    editor->setObjectName(QStringLiteral("edit.") + qs(setting.key));
    editor->setAccessibleName(qs(setting.key));
    editor->setToolTip(row.widget->toolTip());
    editor->setFixedWidth(kEditWidth);
    row.name->setBuddy(editor);
    row.reset = new QToolButton(row.widget);
    row.reset->setObjectName(QStringLiteral("reset.") + qs(setting.key));
    m_theme.setIcon(row.reset, QStringLiteral("reset"));
    row.reset->setAutoRaise(true);
    row.reset->setToolTip(tr("Back to the base's value"));
    row.reset->setAccessibleName(tr("Reset %1").arg(qs(setting.key)));
    connect(row.reset, &QToolButton::clicked, this, [this, key = setting.key] { m_form.reset(key); });
    auto* line = new QHBoxLayout;
    line->setSpacing(kSpacing);
    line->addWidget(row.name);
    line->addWidget(editor);
    line->addWidget(row.reset);
    line->addWidget(row.mark, 1);
    auto* problemLine = new QHBoxLayout;
    problemLine->setContentsMargins(kNameWidth + kSpacing, 0, 0, 3);
    problemLine->addWidget(row.problem);
    auto* layout = new QVBoxLayout(row.widget);
    layout->setContentsMargins(0, 1, 0, 1);
    layout->setSpacing(0);
    layout->addLayout(line);
    layout->addLayout(problemLine);
    return row;
}

SettingForm::Problems SettingForm::problemsByKey() const
{
    Problems problems;
    for (const config::Problem& problem : m_form.problems()) {
        QString& text = problems[problem.key];
        text += (text.isEmpty() ? QString() : QStringLiteral("\n")) + qs(problem.message);
    }
    return problems;
}

void SettingForm::refresh()
{
    const Problems problems = problemsByKey();
    for (Row& row : m_rows)
        refreshRow(row, problems);
    markSections(problems);
    applyFilter();
}

// A group with something wrong says so in the list, where it is seen without scrolling.
void SettingForm::markSections(const Problems& problems)
{
    std::map<std::string, int> wrong;
    for (const auto& [key, text] : problems)
        ++wrong[key.substr(0, key.find('.'))];
    for (int i = 0; i < m_sections->count(); ++i) {
        QListWidgetItem* item = m_sections->item(i);
        const std::string section = item->data(Qt::UserRole).toString().toStdString();
        const int count = wrong[section];
        item->setText(count == 0 ? readableName(section) : QStringLiteral("%1  ✕ %2").arg(readableName(section)).arg(count));
        item->setForeground(m_theme.color(count == 0 ? ColorRole::Text : ColorRole::Alert));
    }
}

void SettingForm::refreshRow(Row& row, const Problems& problems)
{
    const std::string& key = row.setting->key;
    const QString value = qs(m_form.value(key));
    if (row.edit != nullptr && row.edit->text() != value)
        row.edit->setText(value);
    if (row.choice != nullptr)
        row.choice->setCurrentIndex(row.choice->findText(value));
    if (row.check != nullptr)
        row.check->setChecked(value == QStringLiteral("true"));
    const bool isChanged = m_form.isChanged(key);
    const auto base = m_form.report().base.find(key);
    row.mark->setText(isChanged ? tr("changed from %1").arg(base == m_form.report().base.end() ? QString() : qs(base->second)) : helpOf(*row.setting));
    m_theme.setTextColor(row.mark, isChanged ? ColorRole::Accent : ColorRole::Secondary);
    row.reset->setEnabled(isChanged);
    const auto problem = problems.find(key);
    row.problem->setVisible(problem != problems.end());
    row.problem->setText(problem == problems.end() ? QString() : QStringLiteral("✕ ") + problem->second);
    m_theme.setTextColor(row.problem, ColorRole::Alert);
    fit(row);
}

void SettingForm::setFilter(const QString& text, bool onlyChanged)
{
    m_filter = text;
    m_onlyChanged = onlyChanged;
    applyFilter();
}

bool SettingForm::passesFilter(const config::Setting& setting) const
{
    if (m_onlyChanged && !m_form.isChanged(setting.key))
        return false;
    return m_filter.isEmpty() || toolTipOf(setting).contains(m_filter, Qt::CaseInsensitive) || readableName(setting.field()).contains(m_filter, Qt::CaseInsensitive);
}

void SettingForm::applyFilter()
{
    std::map<std::string, bool> hasRows;
    for (const Row& row : m_rows) {
        const bool fits = passesFilter(*row.setting);
        row.widget->setVisible(fits);
        hasRows[row.setting->section()] = hasRows[row.setting->section()] || fits;
    }
    for (const auto& [section, heading] : m_headings)
        heading->setVisible(hasRows[section]);
}

// Where a row lies is known when the layout has been told of those that are new or have just passed the filter.
void SettingForm::goTo(const std::string& key)
{
    makeAllRows();
    const auto found = std::find_if(m_rows.begin(), m_rows.end(), [&](const Row& row) { return row.setting->key == key; });
    if (found == m_rows.end())
        return;
    QMetaObject::invokeMethod(this, [this, row = *found] {
        m_scroll->ensureWidgetVisible(row.widget, 0, 120);
        row.editor()->setFocus();
    }, Qt::QueuedConnection);
}

void SettingForm::goToSection(const std::string& section)
{
    makeAllRows();
    const auto heading = m_headings.find(section);
    if (heading != m_headings.end())
        QMetaObject::invokeMethod(this, [this, label = heading->second] { m_scroll->verticalScrollBar()->setValue(label->y()); }, Qt::QueuedConnection);
}

} // namespace midpoint::gui
