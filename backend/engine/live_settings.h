// Changing a run while it trains: the few settings that may change, and prompts excluded or pinned by hand.
#pragma once

#include "backend/engine/run_parts.h"
#include "backend/launch/commands.h"

#include <string>

namespace midpoint::engine {

// Sets a configuration key and makes it effective from the next step. Returns what was done, for the answering event. Throws
// Error{Config} for a key that cannot change while running or a value out of range.
std::string changeSetting(RunParts& parts, const std::string& key, const std::string& value);

// The value alone, as another rank that changed it says.
void writeSetting(config::RunConfig& target, const std::string& key, const std::string& text);

// Excludes, pins or unpins a prompt. Throws Error{Usage} for an index outside the pool.
std::string steerPrompt(RunParts& parts, const launch::Command& command);

// Makes the settings, pins and exclusions of a restored run effective again.
void applyLiveSettings(RunParts& parts);

} // namespace midpoint::engine
