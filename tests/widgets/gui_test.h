// SPDX-License-Identifier: GPL-3.0-or-later
// Waiting for what happens on other threads: until a condition holds, or a deadline passes.
#pragma once

#include <QCoreApplication>
#include <QDeadlineTimer>
#include <QEventLoop>
#include <QThread>

#include <functional>

namespace midpoint::test {

inline bool waitFor(const std::function<bool()>& condition, int deadlineMs = 60'000)
{
    QDeadlineTimer deadline(deadlineMs);
    while (!condition()) {
        if (deadline.hasExpired())
            return false;
        QCoreApplication::processEvents(QEventLoop::AllEvents, 20);
        QThread::msleep(2); // what is waited for needs the processor too
    }
    return true;
}

} // namespace midpoint::test
