// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/shell/layout_keeper.h"

#include "widgets/common/table_support.h"
#include "widgets/live/live_page.h"
#include "widgets/viewmodels/project_model.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QHeaderView>
#include <QJsonDocument>
#include <QLineEdit>
#include <QSpinBox>
#include <QSplitter>
#include <QTableView>

namespace midpoint::gui {

namespace {

const QString kKey = QStringLiteral("layout");
const QString kFilters = QStringLiteral("filters");
const QString kChoices = QStringLiteral("choices");
const QString kNumbers = QStringLiteral("numbers");
const QString kSplitters = QStringLiteral("splitters");
const QString kTables = QStringLiteral("tables");
const QString kChecks = QStringLiteral("checks");
const QString kPlots = QStringLiteral("plots");
const QString kColumns = QStringLiteral("columns");
const QString kState = QStringLiteral("state");

// Only these: what else can be typed or chosen belongs to a run or to a configuration.
const char* const kFilterNames[] = { "runFilter", "promptFilter", "rolloutSearch", "logSearch" };
const char* const kChoiceNames[] = { "difficultySet", "tokenColoring", "verdictFilter", "originFilter", "logLevel", "overlayQuantity", "bufferShares" };
const char* const kNumberNames[] = { "difficultyWindow", "smoothingValue" };
const char* const kCheckNames[] = { "rewardBand", "allSettings", "groupSeeds" };

template <typename T, std::size_t N, typename Use>
void forEach(QWidget* window, const char* const (&names)[N], Use use)
{
    for (const char* name : names)
        if (T* widget = window->findChild<T*>(QString::fromUtf8(name)))
            use(widget);
}

template <typename Use>
void forEachNumber(QWidget* window, Use use)
{
    forEach<QSpinBox>(window, kNumberNames, use);
    forEach<QDoubleSpinBox>(window, kNumberNames, use);
}

// Widths belong to these columns: a version, or a choice, with others must not take them by their places.
QString columnsOf(const QTableView& table)
{
    QStringList titles;
    for (int column = 0; table.model() != nullptr && column < table.model()->columnCount(); ++column)
        titles << table.model()->headerData(column, Qt::Horizontal).toString();
    return titles.join(QLatin1Char('\n'));
}

QString encoded(const QByteArray& bytes) { return QString::fromLatin1(bytes.toBase64()); }
QByteArray decoded(const QJsonValue& value) { return QByteArray::fromBase64(value.toString().toLatin1()); }

} // namespace

LayoutKeeper::LayoutKeeper(QWidget* window, ProjectModel& project)
    : QObject(window)
    , m_window(window)
    , m_project(project)
{
    m_timer.setSingleShot(true);
    m_timer.setInterval(kSaveAfterMs);
    connect(&m_timer, &QTimer::timeout, this, &LayoutKeeper::settle);
    connect(&project, &ProjectModel::preferencesArrived, this, [this] {
        restore(QJsonDocument::fromJson(m_project.preference(kKey).toUtf8()).object());
        for (QTableView* table : m_window->findChildren<QTableView*>()) {
            m_toWiden.insert(table);
            widen(table);
        }
        m_states.assign(1, present()); // what was changed in another project is not undone here
        m_place = 0;
        m_isEcho = true;
        m_timer.start();
    });
    connect(&project, &ProjectModel::closing, this, [this] {
        if (m_timer.isActive()) { // a change of the last second belongs to the project that is being left
            m_timer.stop();
            save(present());
        }
    });
    watch();
    m_states.assign(1, present());
}

void LayoutKeeper::save(const QJsonObject& layout)
{
    if (m_project.isOpen())
        m_project.setPreference(kKey, QString::fromUtf8(QJsonDocument(layout).toJson(QJsonDocument::Compact)));
}

void LayoutKeeper::settle()
{
    constexpr std::size_t kMaximumSteps = 100;
    m_timer.stop();
    const QJsonObject layout = present();
    save(layout);
    if (m_isEcho) { // columns that share out what is left do so later
        m_isEcho = false;
        m_states[m_place] = layout;
    }
    if (layout == m_states[m_place])
        return;
    m_states.resize(m_place + 1); // what was undone before is left
    m_states.push_back(layout);
    if (m_states.size() > kMaximumSteps)
        m_states.erase(m_states.begin());
    m_place = m_states.size() - 1;
}

void LayoutKeeper::show(const QJsonObject& layout)
{
    restore(layout);
    save(layout);
    m_isEcho = true;
    m_timer.start();
}

bool LayoutKeeper::undo()
{
    if (m_timer.isActive() && !m_isEcho)
        settle(); // a change of the last second is the one to undo
    if (m_place == 0)
        return false;
    show(m_states[--m_place]);
    return true;
}

bool LayoutKeeper::redo()
{
    if (m_timer.isActive() && !m_isEcho)
        settle();
    if (m_place + 1 >= m_states.size())
        return false;
    show(m_states[++m_place]);
    return true;
}

void LayoutKeeper::changed()
{
    if (!m_isRestoring)
        m_timer.start();
}

// Widths may be those of another version, font or run: in a project that was just opened numbers are legible whatever they were.
void LayoutKeeper::widen(QTableView* table)
{
    if (m_toWiden.count(table) == 0)
        return;
    if (table->model()->rowCount() > 0)
        m_toWiden.erase(table);
    m_isRestoring = true;
    widenNumbers(*table);
    m_isRestoring = false;
    if (!m_timer.isActive()) { // a change by hand that waits there is a step of its own
        m_isEcho = true;
        m_timer.start();
    }
}

void LayoutKeeper::watch()
{
    for (QSplitter* splitter : m_window->findChildren<QSplitter*>())
        connect(splitter, &QSplitter::splitterMoved, this, &LayoutKeeper::changed);
    for (QTableView* table : m_window->findChildren<QTableView*>()) {
        connect(table->horizontalHeader(), &QHeaderView::sectionResized, this, &LayoutKeeper::changed);
        connect(table->horizontalHeader(), &QHeaderView::sectionMoved, this, &LayoutKeeper::changed);
        connect(table->horizontalHeader(), &QHeaderView::sortIndicatorChanged, this, &LayoutKeeper::changed);
        connect(table->model(), &QAbstractItemModel::modelReset, this, [this, table] { widen(table); });
        connect(table->model(), &QAbstractItemModel::rowsInserted, this, [this, table] { widen(table); });
    }
    forEach<QLineEdit>(m_window, kFilterNames, [this](QLineEdit* edit) { connect(edit, &QLineEdit::textChanged, this, &LayoutKeeper::changed); });
    forEach<QComboBox>(m_window, kChoiceNames, [this](QComboBox* box) { connect(box, &QComboBox::currentIndexChanged, this, &LayoutKeeper::changed); });
    forEach<QCheckBox>(m_window, kCheckNames, [this](QCheckBox* box) { connect(box, &QCheckBox::toggled, this, &LayoutKeeper::changed); });
    connect(m_window->findChild<LivePage*>(), &LivePage::plotChoiceChanged, this, &LayoutKeeper::changed);
    forEachNumber(m_window, [this](auto* box) { connect(box, &std::remove_pointer_t<decltype(box)>::valueChanged, this, &LayoutKeeper::changed); });
}

QJsonObject LayoutKeeper::present() const
{
    QJsonObject splitters;
    for (const QSplitter* splitter : m_window->findChildren<QSplitter*>())
        splitters[splitter->objectName()] = encoded(splitter->saveState());
    QJsonObject tables;
    for (const QTableView* table : m_window->findChildren<QTableView*>())
        tables[table->objectName()] = QJsonObject { { kColumns, columnsOf(*table) }, { kState, encoded(table->horizontalHeader()->saveState()) } };
    QJsonObject filters;
    forEach<QLineEdit>(m_window, kFilterNames, [&](const QLineEdit* edit) { filters[edit->objectName()] = edit->text(); });
    QJsonObject choices;
    forEach<QComboBox>(m_window, kChoiceNames, [&](const QComboBox* box) { choices[box->objectName()] = box->currentIndex(); });
    QJsonObject numbers;
    forEachNumber(m_window, [&](const auto* box) { numbers[box->objectName()] = box->value(); });
    QJsonObject checks;
    forEach<QCheckBox>(m_window, kCheckNames, [&](const QCheckBox* box) { checks[box->objectName()] = box->isChecked(); });
    return { { kSplitters, splitters }, { kTables, tables }, { kFilters, filters }, { kChoices, choices }, { kNumbers, numbers }, { kChecks, checks },
        { kPlots, m_window->findChild<LivePage*>()->plotChoice() } };
}

void LayoutKeeper::restore(const QJsonObject& layout)
{
    m_isRestoring = true;
    const QJsonObject splitters = layout[kSplitters].toObject();
    for (QSplitter* splitter : m_window->findChildren<QSplitter*>())
        if (splitters.contains(splitter->objectName()))
            splitter->restoreState(decoded(splitters[splitter->objectName()]));
    const QJsonObject tables = layout[kTables].toObject();
    for (QTableView* table : m_window->findChildren<QTableView*>()) {
        const QJsonObject saved = tables[table->objectName()].toObject();
        if (saved[kColumns].toString() == columnsOf(*table))
            table->horizontalHeader()->restoreState(decoded(saved[kState]));
    }
    const QJsonObject filters = layout[kFilters].toObject();
    // A project without a layout of its own keeps widths and choices, but not what was searched for in another one.
    forEach<QLineEdit>(m_window, kFilterNames, [&](QLineEdit* edit) { edit->setText(filters[edit->objectName()].toString()); });
    const QJsonObject choices = layout[kChoices].toObject();
    forEach<QComboBox>(m_window, kChoiceNames, [&](QComboBox* box) {
        const int index = choices[box->objectName()].toInt(-1);
        if (index >= 0 && index < box->count())
            box->setCurrentIndex(index);
    });
    const QJsonObject numbers = layout[kNumbers].toObject();
    forEachNumber(m_window, [&](auto* box) {
        if (numbers.contains(box->objectName()))
            box->setValue(static_cast<decltype(box->value())>(numbers[box->objectName()].toDouble()));
    });
    const QJsonObject checks = layout[kChecks].toObject();
    forEach<QCheckBox>(m_window, kCheckNames, [&](QCheckBox* box) { box->setChecked(checks[box->objectName()].toBool(box->isChecked())); });
    if (layout.contains(kPlots))
        m_window->findChild<LivePage*>()->choosePlots(layout[kPlots].toString());
    m_isRestoring = false;
}

} // namespace midpoint::gui
