// SPDX-License-Identifier: GPL-3.0-or-later
// Work on a thread of the pool whose answer comes back to its owner's thread, unless the owner is gone by then.
#pragma once

#include <QObject>

#include <functional>
#include <memory>
#include <mutex>

namespace midpoint::gui {

class Background {
public:
    explicit Background(QObject* owner); // a member of the owner
    ~Background();
    Background(const Background&) = delete;
    Background& operator=(const Background&) = delete;

    // `work` runs on the pool and returns what is to be done on the owner's thread. It must not touch the owner.
    void run(std::function<std::function<void()>()> work);

private:
    struct Link {
        std::mutex mutex; // guards owner
        QObject* owner = nullptr;
    };
    std::shared_ptr<Link> m_link;
};

} // namespace midpoint::gui
