// Prompt sets: questions with reference answers from JSONL and Parquet files, each question once.
#pragma once

#include "backend/core/rollout.h"
#include "backend/data/records.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace midpoint::data {

struct Prompt {
    PromptId id = 0;        // stableId of the normalised question
    std::string question;   // as in the file
    std::string answer;     // reference answer, as in the file
    std::string system;     // the file's own system message; usually empty
    std::string dataSource; // the column data_source, or the file's name without its ending
    RowPosition source;
};

// One question to which the files give several answers. The first one is used.
struct Contradiction {
    struct Label {
        RowPosition source;
        std::string answer;
    };
    std::string question;
    std::vector<Label> labels; // the first row of each different answer
};

struct LoadReport {
    std::int64_t rows = 0;
    std::int64_t duplicates = 0;               // rows removed: their normalised question occurred before
    std::int64_t exactDuplicates = 0;          // of these, rows whose question was the same byte by byte
    std::vector<Contradiction> contradictions; // by normalised question
    std::int64_t exactContradictions = 0;      // questions, the same byte by byte, with several answers
};

struct PromptSet {
    std::vector<Prompt> prompts; // in the order of the files
    LoadReport report;
    std::string hash;            // of questions, answers and system messages in order; not of file names
};

// Names of columns, with dots for fields of a struct ("extra_info.question"). Empty: recognised, in this order:
//   question  prompt as a list of messages (verl), question, problem, prompt
//   answer    reward_model.ground_truth, answer, ground_truth, solution
struct ColumnNames {
    std::string question;
    std::string answer;
};

// Throws Error{Io} or Error{Data} naming file, line or row, expected and found.
PromptSet loadPrompts(std::span<const std::string> files, const ColumnNames& columns = {});

// Unicode NFC, white space collapsed to single spaces and trimmed: what makes two questions the same.
std::string normalizedQuestion(std::string_view question);

// Prompts of `a` whose question is in `b` too: a held-out set should share none with the training set.
std::int64_t countShared(const PromptSet& a, const PromptSet& b);

// What a run prints about its data, one line each.
std::vector<std::string> describe(const LoadReport& report);

} // namespace midpoint::data
