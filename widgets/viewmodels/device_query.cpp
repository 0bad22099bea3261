// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/viewmodels/device_query.h"

#include "widgets/viewmodels/format.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>

namespace midpoint::gui {

DeviceQuery::DeviceQuery(QObject* parent)
    : QObject(parent)
{
}

DeviceQuery::~DeviceQuery()
{
    if (m_process == nullptr)
        return;
    // A QProcess that dies running speaks of it once more, to listeners that are half gone by then.
    m_process->disconnect(this);
    m_process->kill();
    m_process->waitForFinished();
}

void DeviceQuery::ask(const std::filesystem::path& program)
{
    if (m_process != nullptr || program.empty())
        return;
    m_process = new QProcess(this);
    connect(m_process, &QProcess::finished, this, &DeviceQuery::readAnswer);
    connect(m_process, &QProcess::errorOccurred, this, [this] { Q_EMIT failed(m_process->errorString()); });
    m_process->start(qs(program), { QStringLiteral("doctor"), QStringLiteral("--json") });
}

void DeviceQuery::readAnswer()
{
    Q_EMIT answered(devicesOf(m_process->readAllStandardOutput()));
}

QStringList devicesOf(const QByteArray& report)
{
    const QJsonObject machine = QJsonDocument::fromJson(report).object().value(QStringLiteral("machine")).toObject();
    QStringList devices { QStringLiteral("cpu") };
    int index = 0;
    for (const QJsonValue& gpu : machine.value(QStringLiteral("gpus")).toArray()) {
        const QString name = gpu.isString() ? gpu.toString() : gpu.toObject().value(QStringLiteral("name")).toString();
        devices << QStringLiteral("cuda:%1 %2").arg(index++).arg(name);
    }
    return devices;
}

} // namespace midpoint::gui
