#include "backend/checkpoint/checkpoint.h"

#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>

namespace midpoint::checkpoint {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kManifestName = "manifest.json";
constexpr const char* kFormat = "midpoint-checkpoint";
constexpr int kVersion = 1;
constexpr const char* kWritingSuffix = ".writing";

[[noreturn]] void fail(const fs::path& file, const std::string& expected, const std::string& found)
{
    throw Error(ErrorKind::Checkpoint, concat(file.string(), ": expected ", expected, ", found ", found,
                                           ". The checkpoint is damaged or incomplete; use an older one."));
}

Manifest readManifest(const fs::path& folder)
{
    const fs::path path = folder / kManifestName;
    if (!fs::exists(path))
        fail(path, "the manifest of a complete checkpoint", "no such file");
    const json root = json::parse(readFile(path), nullptr, false);
    if (root.is_discarded() || !root.is_object())
        fail(path, "a JSON object", "text that is not JSON");
    if (root.value("format", "") != kFormat)
        fail(path, concat("format \"", kFormat, "\""), concat("\"", root.value("format", ""), "\""));
    if (root.value("version", 0) != kVersion)
        fail(path, concat("version ", kVersion), std::to_string(root.value("version", 0)));
    try {
        Manifest manifest;
        manifest.step = root.at("step").get<std::int64_t>();
        manifest.facts = root.at("facts").get<std::map<std::string, std::string>>();
        for (const auto& [name, entry] : root.at("files").items())
            manifest.files[name] = { entry.at("bytes").get<std::uint64_t>(), entry.at("checksum").get<std::string>() };
        return manifest;
    } catch (const json::exception& error) {
        fail(path, "step, facts and files", error.what());
    }
}

bool isVerified(const fs::path& folder, LogSink* log)
{
    try {
        verify(folder);
        return true;
    } catch (const Error& error) {
        if (log != nullptr)
            log->warning(concat("checkpoint passed over: ", error.what()));
        return false;
    }
}

} // namespace

std::string folderName(std::int64_t step)
{
    char name[32];
    std::snprintf(name, sizeof name, "step_%06lld", static_cast<long long>(step));
    return name;
}

CheckpointWriter::CheckpointWriter(const fs::path& checkpointsFolder, std::int64_t step)
    : m_final(checkpointsFolder / folderName(step))
    , m_writing(m_final.string() + kWritingSuffix)
    , m_step(step)
{
    std::error_code ignored; // what cannot be removed cannot be written either, and that is reported
    fs::remove_all(m_writing, ignored);
    createFolders(m_writing);
}

CheckpointWriter::~CheckpointWriter()
{
    if (m_isCommitted)
        return;
    std::error_code ignored;
    fs::remove_all(m_writing, ignored);
}

void CheckpointWriter::write(const std::string& name, std::string_view bytes)
{
    writeFileAtomically(m_writing / name, bytes);
}

fs::path CheckpointWriter::commit(const std::map<std::string, std::string>& facts)
{
    json files = json::object();
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(m_writing)) {
        if (!entry.is_regular_file())
            continue;
        syncFile(entry.path());
        files[fs::relative(entry.path(), m_writing).generic_string()]
            = { { "bytes", entry.file_size() }, { "checksum", checksumFile(entry.path()) } };
    }
    const json manifest = { { "format", kFormat }, { "version", kVersion }, { "step", m_step }, { "facts", facts },
        { "files", files } };
    writeFileAtomically(m_writing / kManifestName, manifest.dump(2) + "\n");

    // The same step again (a resumed run that reached it once more): the old folder makes room only now.
    const fs::path replaced = m_final.string() + ".replaced";
    fs::remove_all(replaced);
    if (fs::exists(m_final))
        fs::rename(m_final, replaced);
    std::error_code error;
    fs::rename(m_writing, m_final, error);
    if (error)
        throw Error(ErrorKind::Io, concat(m_final.string(), ": cannot rename the finished checkpoint: ", error.message()));
    m_isCommitted = true;
    syncFolder(m_final.parent_path());
    fs::remove_all(replaced);
    return m_final;
}

Manifest verify(const fs::path& folder)
{
    if (!fs::is_directory(folder))
        fail(folder, "a checkpoint folder", fs::exists(folder) ? "a file" : "nothing");
    Manifest manifest = readManifest(folder);
    for (const auto& [name, expected] : manifest.files) {
        const fs::path path = folder / name;
        if (!fs::exists(path))
            fail(path, concat(expected.bytes, " bytes"), "no such file");
        const std::uint64_t bytes = fs::file_size(path);
        if (bytes != expected.bytes)
            fail(path, concat(expected.bytes, " bytes"), concat(bytes, " bytes"));
        const std::string found = checksumFile(path);
        if (found != expected.checksum)
            fail(path, concat("checksum ", expected.checksum), found);
    }
    return manifest;
}

std::vector<fs::path> list(const fs::path& checkpointsFolder)
{
    std::vector<fs::path> folders;
    std::error_code missing;
    for (const fs::directory_entry& entry : fs::directory_iterator(checkpointsFolder, missing)) {
        const std::string name = entry.path().filename().string();
        if (entry.is_directory() && startsWith(name, "step_") && name.find('.') == std::string::npos)
            folders.push_back(entry.path());
    }
    // By number: names of more than six digits do not sort as text.
    std::sort(folders.begin(), folders.end(), [](const fs::path& a, const fs::path& b) {
        const std::string left = a.filename().string();
        const std::string right = b.filename().string();
        return left.size() != right.size() ? left.size() < right.size() : left < right;
    });
    return folders;
}

std::optional<fs::path> newestComplete(const fs::path& checkpointsFolder, LogSink& log)
{
    const std::vector<fs::path> folders = list(checkpointsFolder);
    for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder)
        if (isVerified(*folder, &log))
            return *folder;
    // A crash between the two renames of commit() leaves the old folder under this name.
    std::error_code missing;
    for (const fs::directory_entry& entry : fs::directory_iterator(checkpointsFolder, missing)) {
        if (!endsWith(entry.path().string(), ".replaced") || !isVerified(entry.path(), &log))
            continue;
        fs::path restored = entry.path();
        restored.replace_extension();
        fs::remove_all(restored);
        fs::rename(entry.path(), restored);
        return restored;
    }
    return std::nullopt;
}

void removeOld(const fs::path& checkpointsFolder, std::int64_t keep)
{
    const std::vector<fs::path> folders = list(checkpointsFolder);
    std::int64_t complete = 0;
    for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) {
        if (complete >= keep)
            fs::remove_all(*folder);
        else if (fs::exists(*folder / kManifestName))
            ++complete;
    }
    std::error_code missing;
    for (const fs::directory_entry& entry : fs::directory_iterator(checkpointsFolder, missing))
        if (endsWith(entry.path().string(), kWritingSuffix))
            fs::remove_all(entry.path());
}

} // namespace midpoint::checkpoint
