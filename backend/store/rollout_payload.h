// Internal to backend/store: what of a group is compressed into one zstd frame (texts, tokens, log-probs, reward parts, rules).
// A group is compressed as a whole because its rollouts share most of their words.
#pragma once

#include "backend/store/rollout_store.h"

#include <string>
#include <string_view>

namespace midpoint::store {

std::string packGroup(const StoredGroup& group);
// Fills promptTokens and rollouts (all fields but verdict, finish, reward, advantage and extracted, which are columns).
void unpackGroup(std::string_view frame, std::string_view what, StoredGroup& group); // throws Error{Store}
// The texts alone, for searching.
std::vector<std::string> textsOf(std::string_view frame, std::string_view what);

} // namespace midpoint::store
