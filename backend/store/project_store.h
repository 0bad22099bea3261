// project.db: what the window alone keeps about runs (notes, tags, stars, colours), its layouts and drafts. Runs are named by their
// folder, relative to the project. Nothing of the engine depends on it.
#pragma once

#include "backend/core/clock.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace midpoint::store {

struct RunNotes {
    std::string note;
    std::set<std::string> tags;
    bool isStarred = false;
    std::int64_t color = -1; // index of the run's series colour; -1: not chosen yet
    bool operator==(const RunNotes&) const = default;
};

struct Draft {
    std::string name;
    std::string text; // TOML being edited
    std::int64_t changedMs = 0;
};

class ProjectStore {
public:
    // Creates or opens the file. Throws Error{Store}.
    explicit ProjectStore(const std::filesystem::path& file, const Clock& clock = systemClock());
    ~ProjectStore();
    ProjectStore(const ProjectStore&) = delete;
    ProjectStore& operator=(const ProjectStore&) = delete;

    std::map<std::string, RunNotes> allNotes() const;
    RunNotes notes(std::string_view run) const; // defaults for a run that is not known
    void setNotes(std::string_view run, const RunNotes& notes);
    void renameRun(std::string_view from, std::string_view to);
    void forgetRun(std::string_view run);

    // Layouts, columns, smoothing, recent files: any bytes under a key.
    std::optional<std::string> setting(std::string_view key) const;
    void setSetting(std::string_view key, std::string_view value);
    void removeSetting(std::string_view key);

    std::vector<Draft> drafts() const; // newest first
    void saveDraft(std::string_view name, std::string_view text);
    void removeDraft(std::string_view name);

private:
    class Impl;
    std::unique_ptr<Impl> m_impl;
};

} // namespace midpoint::store
