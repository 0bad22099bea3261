// Internal to backend/store: histograms and buffer entries as JSON text.
#pragma once

#include "backend/store/records.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace midpoint::store {

std::string histogramsToJson(std::span<const Histogram> histograms);
std::vector<Histogram> histogramsFromJson(std::string_view text); // throws Error{Store}

// One array per column, which zstd compresses well: {"prompt": [...], "birth_step": [...], ...}
std::string entriesToJson(std::span<const BufferEntry> entries);
std::vector<BufferEntry> entriesFromJson(std::string_view text); // throws Error{Store}

} // namespace midpoint::store
