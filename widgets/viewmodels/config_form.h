// SPDX-License-Identifier: GPL-3.0-or-later
// What the Configure screen edits: a base (a file, or a preset) and changes over it, with undo. Reading and checking happens on a
// thread of the pool, because it reads files; the newest answer wins.
#pragma once

#include "backend/config/load.h"
#include "widgets/viewmodels/background.h"

#include <QObject>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace midpoint::gui {

// What is known to be right and wrong about the present form.
struct FormReport {
    config::ConfigReport read;                  // problems that forbid starting, warnings of the reader
    std::vector<config::Problem> fileProblems;  // missing files and the like: forbid starting as well
    std::vector<config::Problem> fileWarnings;
    std::map<std::string, std::string> values;  // by key, as plain text
    std::map<std::string, std::string> base;    // the same without the changes
    std::optional<double> parameterCount;       // of the model that config.json describes
};

class ConfigForm : public QObject {
    Q_OBJECT
public:
    explicit ConfigForm(QObject* parent = nullptr);

    void loadFile(const std::filesystem::path& file);
    void loadPreset(const std::string& name); // settings of a preset, without a file
    void restore(const std::filesystem::path& file, const std::string& preset, std::map<std::string, std::string> changes); // a draft
    const std::filesystem::path& file() const { return m_file; }
    const std::string& preset() const { return m_preset; }

    void set(const std::string& key, const std::string& text); // the base's own value removes the change
    void reset(const std::string& key);
    void undo();
    void redo();
    bool canUndo() const { return !m_undo.empty(); }
    bool canRedo() const { return !m_redo.empty(); }

    const std::map<std::string, std::string>& changes() const { return m_changes; }
    std::vector<std::string> overrides() const; // key=value
    std::string value(const std::string& key) const;
    bool isChanged(const std::string& key) const { return m_changes.count(key) > 0; }
    const FormReport& report() const { return *m_report; }
    bool isChecking() const { return m_isChecking; }
    bool isValid() const; // nothing forbids starting
    std::vector<config::Problem> problems() const;
    std::vector<config::Problem> warnings() const;
    // TOML of base and changes, complete in itself.
    std::string toToml() const;

Q_SIGNALS:
    void changed();  // a value or the base
    void checked();  // a new report

private:
    void check();
    void pushUndo();

    std::filesystem::path m_file;
    std::string m_preset = "dots-rr";
    std::map<std::string, std::string> m_changes;
    std::vector<std::map<std::string, std::string>> m_undo;
    std::vector<std::map<std::string, std::string>> m_redo;
    std::shared_ptr<const FormReport> m_report;
    std::int64_t m_request = 0;
    bool m_isChecking = false;
    Background m_background { this };
};

// Parameters of a decoder-only transformer by its config.json; nothing if the file is not one.
std::optional<double> parameterCountOf(const std::filesystem::path& modelFolder);

// An estimate, marked as such wherever it is shown: float32 master weights, gradients and two moments (16 bytes a parameter), a
// compute copy for 16-bit types, and the budget of the key-value cache. Activations come on top.
struct MemoryEstimate {
    double weightsBytes = 0.0;
    double optimizerBytes = 0.0;
    double cacheBytes = 0.0;
    double totalBytes() const { return weightsBytes + optimizerBytes + cacheBytes; }
};
std::optional<MemoryEstimate> estimateMemory(const FormReport& report);

} // namespace midpoint::gui
