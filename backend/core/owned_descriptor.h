// A file descriptor that is closed at the end.
#pragma once

#include <unistd.h>
#include <utility>

namespace midpoint {

class OwnedDescriptor {
public:
    OwnedDescriptor() = default;
    explicit OwnedDescriptor(int value)
        : m_value(value)
    {
    }
    ~OwnedDescriptor() { reset(); }
    OwnedDescriptor(OwnedDescriptor&& other) noexcept
        : m_value(std::exchange(other.m_value, -1))
    {
    }
    OwnedDescriptor& operator=(OwnedDescriptor&& other) noexcept
    {
        std::swap(m_value, other.m_value);
        return *this;
    }
    OwnedDescriptor(const OwnedDescriptor&) = delete;
    OwnedDescriptor& operator=(const OwnedDescriptor&) = delete;
    int value() const { return m_value; }
    bool isOpen() const { return m_value >= 0; }
    void reset()
    {
        if (m_value >= 0)
            ::close(m_value);
        m_value = -1;
    }

private:
    int m_value = -1;
};

} // namespace midpoint
