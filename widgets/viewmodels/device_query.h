// SPDX-License-Identifier: GPL-3.0-or-later
// What this machine could train on, as `midpoint doctor --json` says: asked in a child process, because the window never loads
// what it would need to know that itself.
#pragma once

#include <QObject>
#include <QStringList>

#include <filesystem>

class QProcess;

namespace midpoint::gui {

class DeviceQuery : public QObject {
    Q_OBJECT
public:
    explicit DeviceQuery(QObject* parent = nullptr);
    ~DeviceQuery() override; // ends a child that has not answered yet

    void ask(const std::filesystem::path& program); // once; later calls do nothing
    bool wasAsked() const { return m_process != nullptr; }

Q_SIGNALS:
    void answered(const QStringList& devices); // "cpu", "cuda:0 NAME", ...
    void failed(const QString& reason);

private:
    void readAnswer();

    QProcess* m_process = nullptr;
};

// The devices that a report of the doctor names; "cpu" is always there.
QStringList devicesOf(const QByteArray& report);

} // namespace midpoint::gui
