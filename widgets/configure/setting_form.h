// SPDX-License-Identifier: GPL-3.0-or-later
// The settings of the schema as a form: one row each with its editor, its help or what it was changed from, and what is wrong with
// it, below a heading for each section. Rows are made when the form is first seen, some in each turn of the event loop: a thousand
// widgets at once would hold up the window.
#pragma once

#include <QWidget>

#include <map>
#include <string>
#include <vector>

class QCheckBox;
class QComboBox;
class QLabel;
class QLineEdit;
class QListWidget;
class QScrollArea;
class QTimer;
class QToolButton;
class QVBoxLayout;

namespace midpoint::config {
struct Setting;
}

namespace midpoint::gui {

class ConfigForm;
class Theme;

class SettingForm : public QWidget {
    Q_OBJECT
public:
    SettingForm(const Theme& theme, ConfigForm& form, QWidget* parent);

    void refresh(); // values, marks and problems of all rows
    void setFilter(const QString& text, bool onlyChanged); // text: part of a name, an alias or the help
    void goTo(const std::string& key);                     // which the filter must let through

protected:
    void showEvent(QShowEvent* event) override;
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    struct Row {
        const config::Setting* setting = nullptr;
        QWidget* widget = nullptr; // the whole row
        QLabel* name = nullptr;
        QLineEdit* edit = nullptr; // one of the three
        QComboBox* choice = nullptr;
        QCheckBox* check = nullptr;
        QLabel* mark = nullptr;    // default, or what it was changed from
        QLabel* problem = nullptr;
        QToolButton* reset = nullptr;
        QWidget* editor() const;
    };
    using Problems = std::map<std::string, QString>;
    void makeRows(std::size_t count);
    void makeAllRows();
    void makeHeading(const std::string& section);
    Row makeRow(const config::Setting& setting);
    QWidget* makeEditor(Row& row);
    void addBrowsing(QLineEdit& edit, const config::Setting& setting);
    Problems problemsByKey() const;
    void refreshRow(Row& row, const Problems& problems);
    void fit(const Row& row) const;
    void markSections(const Problems& problems);
    bool passesFilter(const config::Setting& setting) const;
    void applyFilter();
    void goToSection(const std::string& section);

    const Theme& m_theme;
    ConfigForm& m_form;
    QListWidget* m_sections;
    QScrollArea* m_scroll;
    QWidget* m_canvas;
    QVBoxLayout* m_column;
    QTimer* m_makeMore;
    std::vector<Row> m_rows; // of the first settings of the schema; all of them in the end
    std::map<std::string, QLabel*> m_headings;
    QString m_filter;
    bool m_onlyChanged = false;
};

} // namespace midpoint::gui
