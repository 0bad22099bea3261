// Internal to backend/launch: what a rank prints, as a log file of whole lines.
#pragma once

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/launch/process.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <string_view>
#include <unistd.h>

namespace midpoint::launch {

// log/rank<r>.log: whole lines; of a redrawn line (a progress bar's '\r') only its last form.
class RankLog {
public:
    explicit RankLog(const std::filesystem::path& path)
        : m_descriptor(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644))
    {
        if (!m_descriptor.isOpen())
            throw Error(ErrorKind::Io, concat(path.string(), ": cannot open the log: ", std::strerror(errno)));
    }
    // `pending` is the unfinished line of one stream. Returns what was written.
    std::string add(std::string& pending, std::string_view bytes) const
    {
        pending += bytes;
        std::string lines;
        std::size_t begin = 0;
        for (std::size_t end = pending.find('\n'); end != std::string::npos; end = pending.find('\n', begin)) {
            lines += lastForm(std::string_view(pending).substr(begin, end - begin));
            lines += '\n';
            begin = end + 1;
        }
        pending.erase(0, begin);
        if (const std::size_t redraw = pending.find_last_of('\r'); redraw != std::string::npos && redraw + 1 < pending.size())
            pending.erase(0, redraw + 1);
        write(lines);
        return lines;
    }
    void flush(std::string& pending) const
    {
        if (!pending.empty())
            add(pending, "\n");
    }

private:
    static std::string_view lastForm(std::string_view line)
    {
        while (!line.empty() && line.back() == '\r')
            line.remove_suffix(1);
        const std::size_t redraw = line.find_last_of('\r');
        return redraw == std::string_view::npos ? line : line.substr(redraw + 1);
    }
    void write(std::string_view text) const
    {
        while (!text.empty()) {
            const ssize_t count = ::write(m_descriptor.value(), text.data(), text.size());
            if (count <= 0)
                return; // a full disk must not stop the training that still has room for its checkpoint
            text.remove_prefix(static_cast<std::size_t>(count));
        }
    }

    OwnedDescriptor m_descriptor;
};

} // namespace midpoint::launch
