#include "backend/launch/held_runs.h"

#include "backend/core/error.h"
#include "backend/launch/run_folder.h"

#include <set>
#include <string>

namespace midpoint::launch {

namespace fs = std::filesystem;

namespace {

bool isHeld(const fs::path& lock)
{
    try {
        return lockHolder(RunFolder::open(lock.parent_path())).has_value();
    } catch (const Error&) {
        return false; // the folder went while it was looked at
    }
}

} // namespace

std::vector<fs::path> runsHeldOnThisMachine()
{
    std::set<fs::path> runs;
    std::error_code error; // processes end while they are looked at, and those of other users are closed
    for (fs::directory_iterator process("/proc", error), end; !error && process != end; process.increment(error)) {
        if (process->path().filename().string().find_first_not_of("0123456789") != std::string::npos)
            continue;
        std::error_code closed;
        for (fs::directory_iterator file(process->path() / "fd", closed), last; !closed && file != last; file.increment(closed)) {
            std::error_code gone;
            const fs::path target = fs::read_symlink(file->path(), gone);
            if (!gone && target.filename() == "run.lock" && isHeld(target))
                runs.insert(target.parent_path());
        }
    }
    return { runs.begin(), runs.end() };
}

} // namespace midpoint::launch
