// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/configure/device_picker.h"

#include "widgets/viewmodels/format.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QListWidget>
#include <QSignalBlocker>
#include <QSpinBox>
#include <QVBoxLayout>

#include <algorithm>

namespace midpoint::gui {

namespace {
constexpr int kMaximumRanks = 64;
constexpr int kRowsShown = 4;
} // namespace

DevicePicker::DevicePicker(QWidget* parent)
    : QWidget(parent)
    , m_list(new QListWidget(this))
    , m_processorRanks(new QSpinBox(this))
{
    setObjectName(QStringLiteral("devicePicker"));
    m_list->setObjectName(QStringLiteral("gpuList"));
    m_list->setAccessibleName(tr("GPUs to train on, one rank each"));
    m_list->setToolTip(tr("Each ticked GPU gets one rank (run.devices)"));
    m_list->hide();
    m_processorRanks->setObjectName(QStringLiteral("processorRanks"));
    m_processorRanks->setAccessibleName(tr("Ranks on the processor"));
    m_processorRanks->setToolTip(tr("Ranks that compute on this machine's processor (run.devices); 0 while GPUs are ticked"));
    m_processorRanks->setRange(0, kMaximumRanks);
    auto* line = new QHBoxLayout;
    auto* label = new QLabel(tr("ranks on the processor"), this);
    label->setBuddy(m_processorRanks);
    line->addWidget(label, 1);
    line->addWidget(m_processorRanks);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(3);
    layout->addWidget(m_list);
    layout->addLayout(line);
    connect(m_list, &QListWidget::itemChanged, this, [this] { report(false); });
    connect(m_processorRanks, &QSpinBox::valueChanged, this, [this] { report(true); });
}

void DevicePicker::setDevices(const QStringList& devices)
{
    const QSignalBlocker block(m_list);
    m_list->clear();
    for (const QString& device : devices) {
        if (!device.startsWith(QStringLiteral("cuda:")))
            continue;
        auto* item = new QListWidgetItem(device, m_list);
        item->setData(Qt::UserRole, device.section(QLatin1Char(' '), 0, 0));
        item->setFlags(Qt::ItemIsUserCheckable | Qt::ItemIsEnabled | Qt::ItemIsSelectable);
        item->setCheckState(Qt::Unchecked);
    }
    m_list->setVisible(m_list->count() > 0);
    m_list->setFixedHeight(std::min(m_list->count(), kRowsShown) * (m_list->sizeHintForRow(0) + 1) + 6);
}

void DevicePicker::showChosen(const std::vector<std::string>& devices)
{
    const QSignalBlocker blockList(m_list);
    const QSignalBlocker blockRanks(m_processorRanks);
    m_processorRanks->setValue(static_cast<int>(std::count(devices.begin(), devices.end(), "cpu")));
    for (int row = 0; row < m_list->count(); ++row) {
        const std::string name = m_list->item(row)->data(Qt::UserRole).toString().toStdString();
        m_list->item(row)->setCheckState(std::find(devices.begin(), devices.end(), name) != devices.end() ? Qt::Checked : Qt::Unchecked);
    }
}

// Processor and GPUs do not mix: the one that was touched last counts.
void DevicePicker::report(bool isProcessor)
{
    std::vector<std::string> devices;
    for (int row = 0; row < m_list->count() && !isProcessor; ++row)
        if (m_list->item(row)->checkState() == Qt::Checked)
            devices.push_back(m_list->item(row)->data(Qt::UserRole).toString().toStdString());
    if (devices.empty())
        devices.assign(static_cast<std::size_t>(std::max(m_processorRanks->value(), 1)), "cpu");
    Q_EMIT chosen(devices);
}

} // namespace midpoint::gui
