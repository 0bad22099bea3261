// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/shell/layout_keeper.h"

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

// Only these: what else can be typed or chosen belongs to a run or to a configuration.
const char* const kFilterNames[] = { "runFilter", "promptFilter", "rolloutSearch", "logSearch" };
const char* const kChoiceNames[] = { "difficultySet", "tokenColoring", "verdictFilter", "originFilter", "logLevel", "overlayQuantity" };
const char* const kNumberNames[] = { "difficultyWindow", "smoothingValue" };

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
    connect(&m_timer, &QTimer::timeout, this, [this] {
        if (m_project.isOpen())
            m_project.setPreference(kKey, QString::fromUtf8(QJsonDocument(present()).toJson(QJsonDocument::Compact)));
    });
    connect(&project, &ProjectModel::preferencesArrived, this, [this] {
        restore(QJsonDocument::fromJson(m_project.preference(kKey).toUtf8()).object());
    });
    connect(&project, &ProjectModel::closing, this, [this] {
        if (m_timer.isActive()) { // a change of the last second belongs to the project that is being left
            m_timer.stop();
            m_project.setPreference(kKey, QString::fromUtf8(QJsonDocument(present()).toJson(QJsonDocument::Compact)));
        }
    });
    watch();
}

void LayoutKeeper::changed()
{
    if (!m_isRestoring)
        m_timer.start();
}

void LayoutKeeper::watch()
{
    for (QSplitter* splitter : m_window->findChildren<QSplitter*>())
        connect(splitter, &QSplitter::splitterMoved, this, &LayoutKeeper::changed);
    for (QTableView* table : m_window->findChildren<QTableView*>()) {
        connect(table->horizontalHeader(), &QHeaderView::sectionResized, this, &LayoutKeeper::changed);
        connect(table->horizontalHeader(), &QHeaderView::sectionMoved, this, &LayoutKeeper::changed);
        connect(table->horizontalHeader(), &QHeaderView::sortIndicatorChanged, this, &LayoutKeeper::changed);
    }
    forEach<QLineEdit>(m_window, kFilterNames, [this](QLineEdit* edit) { connect(edit, &QLineEdit::textChanged, this, &LayoutKeeper::changed); });
    forEach<QComboBox>(m_window, kChoiceNames, [this](QComboBox* box) { connect(box, &QComboBox::currentIndexChanged, this, &LayoutKeeper::changed); });
    forEachNumber(m_window, [this](auto* box) { connect(box, &std::remove_pointer_t<decltype(box)>::valueChanged, this, &LayoutKeeper::changed); });
}

QJsonObject LayoutKeeper::present() const
{
    QJsonObject splitters;
    for (const QSplitter* splitter : m_window->findChildren<QSplitter*>())
        splitters[splitter->objectName()] = encoded(splitter->saveState());
    QJsonObject tables;
    for (const QTableView* table : m_window->findChildren<QTableView*>())
        tables[table->objectName()] = encoded(table->horizontalHeader()->saveState());
    QJsonObject filters;
    forEach<QLineEdit>(m_window, kFilterNames, [&](const QLineEdit* edit) { filters[edit->objectName()] = edit->text(); });
    QJsonObject choices;
    forEach<QComboBox>(m_window, kChoiceNames, [&](const QComboBox* box) { choices[box->objectName()] = box->currentIndex(); });
    QJsonObject numbers;
    forEachNumber(m_window, [&](const auto* box) { numbers[box->objectName()] = box->value(); });
    return { { kSplitters, splitters }, { kTables, tables }, { kFilters, filters }, { kChoices, choices }, { kNumbers, numbers } };
}

void LayoutKeeper::restore(const QJsonObject& layout)
{
    m_isRestoring = true;
    const QJsonObject splitters = layout[kSplitters].toObject();
    for (QSplitter* splitter : m_window->findChildren<QSplitter*>())
        if (splitters.contains(splitter->objectName()))
            splitter->restoreState(decoded(splitters[splitter->objectName()]));
    const QJsonObject tables = layout[kTables].toObject();
    for (QTableView* table : m_window->findChildren<QTableView*>())
        if (tables.contains(table->objectName()))
            table->horizontalHeader()->restoreState(decoded(tables[table->objectName()]));
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
    m_isRestoring = false;
}

} // namespace midpoint::gui
