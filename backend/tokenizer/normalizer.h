// The "normalizer" part of tokenizer.json: text to text, before anything is split.
#pragma once

#include "backend/tokenizer/json_part.h"

#include <functional>
#include <string>

namespace midpoint::tokenizer {

using Normalizer = std::function<std::string(std::string)>; // valid UTF-8 in and out

// NFC, NFD, NFKC, NFKD, Lowercase, Strip, Prepend, Replace and Sequence; throws Error{Model} for others.
Normalizer makeNormalizer(const JsonPart& part);

} // namespace midpoint::tokenizer
