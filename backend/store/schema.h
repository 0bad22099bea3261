// Internal to backend/store: the tables of every database, and how old files become new ones. SCHEMA.md explains them.
#pragma once

#include <vector>

namespace midpoint::store {

extern const char* const kRunSchema;
extern const char* const kRolloutSchema;
extern const char* const kProjectSchema;
extern const char* const kTimeToTargetSchema; // written anew as a whole: no migrations

// migrations[v - 1] takes a file from version v to v + 1. A new version needs a migration here, its number in FileKind, and a file
// of the old version under tests/bwc.
const std::vector<const char*>& runMigrations();
const std::vector<const char*>& rolloutMigrations();
const std::vector<const char*>& projectMigrations();

} // namespace midpoint::store
