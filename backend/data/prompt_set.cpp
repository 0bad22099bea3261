#include "backend/data/prompt_set.h"

#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"
#include "backend/core/unicode.h"
#include "backend/data/prompt_columns.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace midpoint::data {
namespace {

// Collects rows, keeps the first of equal questions and remembers what the others answered.
class Collector {
public:
    void add(PromptFields fields, const RowPosition& position)
    {
        ++m_set.report.rows;
        const std::string normalized = normalizedQuestion(fields.question);
        noteExact(fields);
        const auto [entry, isNew] = m_byQuestion.try_emplace(normalized, m_set.prompts.size());
        Contradiction::Label label { position, fields.answer };
        if (!isNew) {
            ++m_set.report.duplicates;
            noteAnswer(m_labels[entry->second], std::move(label));
            return;
        }
        m_labels.push_back({ std::move(label) });
        m_set.prompts.push_back({ stableId(normalized), std::move(fields.question), std::move(fields.answer),
            std::move(fields.system), std::move(fields.dataSource), position });
    }

    std::int64_t rows() const { return m_set.report.rows; }

    PromptSet finish()
    {
        for (std::size_t i = 0; i < m_labels.size(); ++i)
            if (m_labels[i].size() > 1)
                m_set.report.contradictions.push_back({ m_set.prompts[i].question, std::move(m_labels[i]) });
        m_set.report.exactContradictions = std::count_if(m_byText.begin(), m_byText.end(),
            [](const auto& entry) { return entry.second.isContradictory; });
        m_set.hash = hashOf(m_set.prompts);
        return std::move(m_set);
    }

private:
    struct ExactQuestion {
        std::string answer;
        bool isContradictory = false;
    };

    void noteExact(const PromptFields& fields)
    {
        const std::string answer = normalizedQuestion(fields.answer);
        const auto [entry, isNew] = m_byText.try_emplace(fields.question, ExactQuestion { answer, false });
        m_set.report.exactDuplicates += isNew ? 0 : 1;
        if (entry->second.answer != answer)
            entry->second.isContradictory = true;
    }

    static void noteAnswer(std::vector<Contradiction::Label>& labels, Contradiction::Label label)
    {
        const std::string answer = normalizedQuestion(label.answer);
        const bool isKnown = std::any_of(labels.begin(), labels.end(),
            [&](const Contradiction::Label& known) { return normalizedQuestion(known.answer) == answer; });
        if (!isKnown)
            labels.push_back(std::move(label));
    }

    // Every text is preceded by its length, so that no two different sets read the same.
    static std::string hashOf(const std::vector<Prompt>& prompts)
    {
        std::string all;
        for (const Prompt& prompt : prompts)
            for (const std::string* text : { &prompt.question, &prompt.answer, &prompt.system })
                all += concat(text->size(), ':', *text);
        return checksum(all);
    }

    PromptSet m_set;
    std::vector<std::vector<Contradiction::Label>> m_labels;      // by prompt
    std::unordered_map<std::string, std::size_t> m_byQuestion;    // normalised question -> prompt
    std::unordered_map<std::string, ExactQuestion> m_byText;      // question as it stands
};

} // namespace

std::string normalizedQuestion(std::string_view question)
{
    const std::string composed = normalize(toValidUtf8(question), NormalForm::NFC);
    std::string out;
    out.reserve(composed.size());
    bool needsSpace = false;
    for (std::size_t i = 0; i < composed.size(); i += characterLength(composed[i])) {
        if (isWhitespace(characterAt(composed, i))) {
            needsSpace = !out.empty();
            continue;
        }
        if (needsSpace)
            out += ' ';
        needsSpace = false;
        out.append(composed, i, characterLength(composed[i]));
    }
    return out;
}

PromptSet loadPrompts(std::span<const std::string> files, const ColumnNames& columns)
{
    if (files.empty())
        throw Error(ErrorKind::Data, "no prompt files: expected at least one .jsonl or .parquet file, found an empty list");
    const std::vector<ColumnGroup> wanted = columnsToRead(columns);
    Collector collector;
    for (const std::string& file : files) {
        const std::int64_t before = collector.rows();
        readRecords(file, wanted, [&](const nlohmann::json& record, const RowPosition& position) {
            PromptFields fields = readFields(record, columns, position);
            if (fields.dataSource.empty())
                fields.dataSource = std::filesystem::path(file).stem().string();
            collector.add(std::move(fields), position);
        });
        if (collector.rows() == before)
            throw Error(ErrorKind::Data, concat(file, ": expected at least one prompt, found an empty file"));
    }
    return collector.finish();
}

std::int64_t countShared(const PromptSet& a, const PromptSet& b)
{
    std::unordered_set<PromptId> ids;
    for (const Prompt& prompt : b.prompts)
        ids.insert(prompt.id);
    return std::count_if(a.prompts.begin(), a.prompts.end(), [&](const Prompt& prompt) { return ids.contains(prompt.id); });
}

std::vector<std::string> describe(const LoadReport& report)
{
    std::vector<std::string> lines;
    lines.push_back(concat(report.rows, " rows, ", report.rows - report.duplicates, " different questions"));
    if (report.duplicates > 0)
        lines.push_back(concat(report.duplicates, " duplicates removed: ", report.exactDuplicates, " by text, ",
            report.duplicates - report.exactDuplicates, " more by normalised text (Unicode NFC, white space)"));
    if (!report.contradictions.empty())
        lines.push_back(concat(report.contradictions.size(), " questions with contradictory answers (", report.exactContradictions,
            " by text), the first answer of each is used"));
    for (const Contradiction& contradiction : report.contradictions) {
        std::vector<std::string> labels;
        for (const Contradiction::Label& label : contradiction.labels)
            labels.push_back(concat("'", label.answer, "' (", describe(label.source), ")"));
        lines.push_back(concat("  '", excerpt(normalizedQuestion(contradiction.question), 70), "': ", join(labels, ", ")));
    }
    return lines;
}

} // namespace midpoint::data
