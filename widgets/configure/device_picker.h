// SPDX-License-Identifier: GPL-3.0-or-later
// Which devices a run uses, one rank each: the machine's GPUs to tick, or a number of ranks on the processor.
#pragma once

#include <QWidget>

#include <string>
#include <vector>

class QListWidget;
class QSpinBox;

namespace midpoint::gui {

class DevicePicker : public QWidget {
    Q_OBJECT
public:
    explicit DevicePicker(QWidget* parent);

    void setDevices(const QStringList& devices);                // "cpu", "cuda:0 NAME", ...
    void showChosen(const std::vector<std::string>& devices);   // what the configuration says now

Q_SIGNALS:
    void chosen(const std::vector<std::string>& devices);       // by the user

private:
    void report(bool isProcessor);

    QListWidget* m_list;
    QSpinBox* m_processorRanks;
};

} // namespace midpoint::gui
