// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/viewmodels/background.h"

#include <QThreadPool>

namespace midpoint::gui {

Background::Background(QObject* owner)
    : m_link(std::make_shared<Link>())
{
    m_link->owner = owner;
}

Background::~Background()
{
    const std::lock_guard lock(m_link->mutex);
    m_link->owner = nullptr;
}

void Background::run(std::function<std::function<void()>()> work)
{
    QThreadPool::globalInstance()->start([link = m_link, work = std::move(work)] {
        const std::function<void()> answer = work();
        const std::lock_guard lock(link->mutex);
        if (link->owner != nullptr && answer)
            QMetaObject::invokeMethod(link->owner, answer, Qt::QueuedConnection);
    });
}

} // namespace midpoint::gui
