// The "decoder" part of tokenizer.json: token texts back to bytes.
#pragma once

#include "backend/tokenizer/json_part.h"

#include <functional>
#include <string>
#include <vector>

namespace midpoint::tokenizer {

using Decoder = std::function<std::vector<std::string>(std::vector<std::string>)>; // texts to texts, joined at the end

// ByteLevel, Fuse, Replace and Sequence; throws Error{Model} for others.
Decoder makeDecoder(const JsonPart& part);

} // namespace midpoint::tokenizer
