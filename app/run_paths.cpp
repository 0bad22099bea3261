#include "app/run_paths.h"

#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"
#include "backend/launch/run_folder.h"
#include "backend/launch/supervisor.h"

#include <algorithm>
#include <charconv>
#include <unistd.h>

namespace midpoint::app {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kStepPrefix = "step_";

} // namespace

void requireExisting(const std::string& what, const fs::path& path)
{
    std::error_code error;
    if (!fs::exists(path, error))
        throw Error(ErrorKind::Usage, concat(what, ": no such file or folder: ", path.string()));
}

void requireWritable(const std::string& what, const fs::path& file)
{
    std::error_code error;
    if (fs::is_directory(file, error))
        throw Error(ErrorKind::Usage, concat(what, ": expected a file to write, found a folder: ", file.string()));
    const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
    requireExisting(what, folder);
    if (::access(folder.c_str(), W_OK) != 0)
        throw Error(ErrorKind::Usage, concat(what, ": cannot write in the folder ", folder.string()));
}

fs::path exampleProjects()
{
    const fs::path home = launch::executablePath().parent_path().parent_path();
    const fs::path ofPackage = home / "projects";
    std::error_code error;
    for (const fs::path& folder : { ofPackage, home / "share" / "midpoint" / "projects", home.parent_path().parent_path() / "projects" })
        if (fs::exists(folder, error))
            return folder;
    return ofPackage;
}

std::int64_t stepOf(const fs::path& checkpoint)
{
    const std::string name = checkpoint.filename().string();
    std::int64_t step = 0;
    if (startsWith(name, kStepPrefix))
        std::from_chars(name.data() + kStepPrefix.size(), name.data() + name.size(), step);
    return step;
}

fs::path checkpointFolder(const fs::path& path)
{
    requireExisting("checkpoint", path);
    if (!launch::isRunFolder(path))
        return path;
    const fs::path folder = launch::RunFolder::open(path).checkpoints();
    std::vector<fs::path> complete;
    std::error_code error;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, error))
        if (startsWith(entry.path().filename().string(), kStepPrefix) && fs::exists(entry.path() / "manifest.json", error))
            complete.push_back(entry.path());
    if (complete.empty())
        throw Error(ErrorKind::Checkpoint, concat(folder.string(), ": expected a complete checkpoint, found none"));
    return *std::max_element(complete.begin(), complete.end(),
        [](const fs::path& left, const fs::path& right) { return stepOf(left) < stepOf(right); });
}

config::LoadedConfig settingsFor(const fs::path& checkpoint, const Words& overrides)
{
    const fs::path absolute = fs::absolute(checkpoint).lexically_normal();
    const fs::path run = absolute.parent_path().parent_path();
    const fs::path resolved = run / "resolved.toml";
    std::error_code error;
    config::ConfigInput input;
    input.check = config::Check::ValuesOnly;
    input.name = "settings";
    if (stepOf(absolute) > 0 && fs::exists(resolved, error)) {
        input.text = readFile(resolved);
        input.name = resolved.string();
        input.folder = run;
    }
    config::ConfigReport report = config::readConfigText(input, overrides);
    if (!report.problems.empty())
        config::throwProblems(input.name, report.problems);
    return std::move(report.loaded);
}

} // namespace midpoint::app
