// The "pre_tokenizer" part of tokenizer.json: cuts a text into the pieces that the model encodes one by one.
#pragma once

#include "backend/tokenizer/json_part.h"

#include <functional>
#include <string>
#include <vector>

namespace midpoint::tokenizer {

using Pieces = std::vector<std::string>;             // never empty strings
using PreTokenizer = std::function<void(Pieces&)>;   // replaces pieces by smaller ones

// Split, Digits, ByteLevel, Whitespace, WhitespaceSplit, Punctuation, CharDelimiterSplit and Sequence; throws Error{Model}
// for others.
PreTokenizer makePreTokenizer(const JsonPart& part);

} // namespace midpoint::tokenizer
