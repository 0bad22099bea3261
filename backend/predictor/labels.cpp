#include "backend/predictor/training.h"

#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"

#include <nlohmann/json.hpp>

#include <map>
#include <utility>

namespace midpoint::predictor {
namespace {

using nlohmann::json;

struct Line {
    std::string policy;
    PromptId prompt = 0;
    std::int64_t successes = 0;
    std::int64_t attempts = 0;
};

Line parseLine(std::string_view text, const std::string& where)
{
    const json value = json::parse(text, nullptr, false);
    if (!value.is_object())
        throw Error(ErrorKind::Data,
            concat(where, ": expected a JSON object {\"policy\", \"prompt\", \"successes\", \"attempts\"}, found ",
                text.substr(0, 60)));
    const auto integer = [&](const char* key) {
        if (!value.contains(key) || !value[key].is_number_integer())
            throw Error(ErrorKind::Data,
                concat(where, ": expected an integer '", key, "', found ",
                    value.contains(key) ? value[key].dump() : "nothing"));
        return value[key].get<std::int64_t>();
    };
    if (!value.contains("policy") || !value["policy"].is_string())
        throw Error(ErrorKind::Data,
            concat(where, ": expected a text 'policy', found ",
                value.contains("policy") ? value["policy"].dump() : "nothing"));
    Line line { value["policy"].get<std::string>(), integer("prompt"), integer("successes"), integer("attempts") };
    if (line.attempts < 1 || line.successes < 0 || line.successes > line.attempts)
        throw Error(ErrorKind::Data,
            concat(where, ": expected 0 <= successes <= attempts and attempts > 0, found ", line.successes, " of ",
                line.attempts));
    return line;
}

using Counts = std::pair<std::int64_t, std::int64_t>; // successes, attempts

void readFileInto(const std::filesystem::path& path, const EmbeddingMatrix& embeddings,
    std::map<std::string, std::map<std::int64_t, Counts>>& counts)
{
    const std::string content = readFile(path);
    std::int64_t number = 0;
    for (std::size_t begin = 0; begin < content.size();) {
        const std::size_t end = std::min(content.find('\n', begin), content.size());
        const std::string_view text = trim(std::string_view(content).substr(begin, end - begin));
        begin = end + 1;
        ++number;
        if (text.empty())
            continue;
        const std::string where = concat(path.string(), ":", number);
        const Line line = parseLine(text, where);
        const auto row = embeddings.rowOf(line.prompt);
        if (!row)
            throw Error(ErrorKind::Data,
                concat(where, ": the prompt ", line.prompt, " has no embedding in ", embeddings.name(),
                    "; labels and embeddings must come from the same prompt set"));
        auto& [successes, attempts] = counts[line.policy][*row];
        successes += line.successes;
        attempts += line.attempts;
    }
}

} // namespace

std::vector<PolicyLabels> readLabels(std::span<const std::filesystem::path> files, const EmbeddingMatrix& embeddings)
{
    std::map<std::string, std::map<std::int64_t, Counts>> counts;
    for (const std::filesystem::path& file : files)
        readFileInto(file, embeddings, counts);
    std::vector<PolicyLabels> result;
    for (const auto& [policy, byRow] : counts) {
        PolicyLabels labels;
        labels.policy = policy;
        for (const auto& [row, count] : byRow) {
            labels.rows.push_back(row);
            labels.successes.push_back(count.first);
            labels.attempts.push_back(count.second);
        }
        result.push_back(std::move(labels));
    }
    return result;
}

} // namespace midpoint::predictor
