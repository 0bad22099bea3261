// What the tests of the configuration share: reading a text, and looking for a problem.
#pragma once

#include "backend/config/load.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace midpoint::config::test {

// The two settings that every configuration needs.
inline const std::string kInputs = "model.path = \"model\"\ndata.train_files = [\"train.jsonl\"]\n";

inline ConfigReport readText(const std::string& text, const std::vector<std::string>& overrides = {})
{
    return readConfigText({ text, "demo.toml", "/project" }, overrides);
}

inline std::vector<std::string> described(const std::vector<Problem>& problems)
{
    std::vector<std::string> texts;
    for (const Problem& problem : problems)
        texts.push_back(describe(problem));
    return texts;
}

// The problems of the two needed settings, then `text`.
inline std::vector<std::string> problemsOf(const std::string& text, const std::vector<std::string>& overrides = {})
{
    return described(readText(kInputs + text, overrides).problems);
}

inline std::vector<std::string> warningsOf(const std::string& text)
{
    return described(readText(kInputs + text).loaded.warnings);
}

} // namespace midpoint::config::test
