// What is fuzzed: each function takes any bytes, must return, and aborts the program if a promise of the grader is broken.
// Called by libFuzzer (fuzz_main.cpp) and, with the inputs kept in tests/fuzz/corpus, by an ordinary test.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace midpoint::fuzz {

using Bytes = std::span<const std::uint8_t>;

// Reads the bytes as an answer, in both ways of treating commas.
void fuzzReader(Bytes bytes);
// The bytes are a response. What is found, with all steps on and with each alone, must lie in it.
void fuzzExtraction(Bytes bytes);
// The first line is the reference, the rest the boxed answer. Nothing may escape the bounds, and what can be read equals itself.
void fuzzEquality(Bytes bytes);
// A line from a grading process, and a line to one.
void fuzzProtocol(Bytes bytes);

struct Target {
    const char* name;
    void (*run)(Bytes);
};

std::span<const Target> targets();

} // namespace midpoint::fuzz
