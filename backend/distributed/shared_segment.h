// Memory that several processes of one host see. It has no name in any file system: one process makes it (memfd), the others
// open it through /proc while the maker lives, and it is gone with the last of them, however they end.
#pragma once

#include "backend/core/owned_descriptor.h"

#include <cstddef>
#include <string>

namespace midpoint::distributed {

class SharedSegment {
public:
    // Zeros; pages take memory when they are first written. Throws Error{Resource}.
    static SharedSegment make(std::size_t bytes);
    // What the maker said in description(). Throws Error{Resource} where it cannot be reached: another user, another set of
    // processes (container), another machine.
    static SharedSegment open(const std::string& description);

    SharedSegment(SharedSegment&& other) noexcept;
    SharedSegment& operator=(SharedSegment&&) = delete;
    ~SharedSegment();

    std::byte* data() const { return m_data + kHeadBytes; }
    std::size_t size() const { return m_bytes - kHeadBytes; }
    std::string description() const; // of a made one, for other processes: they can open it while it lives

private:
    static constexpr std::size_t kHeadBytes = 4096; // holds a mark, so that another file of the same number is not taken for it
    SharedSegment(OwnedDescriptor file, std::size_t bytes);

    OwnedDescriptor m_file; // of the maker
    std::byte* m_data = nullptr;
    std::size_t m_bytes = 0;
};

// Ranks with the same words can share memory and are reached by the same network: one machine, one set of processes, one network.
// Containers that are hosts of their own differ.
std::string memoryPlace();

} // namespace midpoint::distributed
