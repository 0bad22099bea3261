// embed -> labels -> train -> eval as users type it, with the demo's small model as backbone.
#include "backend/store/run_writer.h"
#include "tests/app/process.h"
#include "tests/support/fixtures.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <cstring>
#include <fstream>

namespace midpoint::app::test {
namespace {

using midpoint::test::write;
using nlohmann::json;
using testing::HasSubstr;

constexpr int kPrompts = 60;

class PredictorCommands : public testing::Test {
protected:
    Finished run(const std::vector<std::string>& words) { return runMidpoint(words, m_folder.path()); }
    json result(const std::vector<std::string>& words)
    {
        const Finished finished = run(words);
        EXPECT_EQ(finished.code, 0) << finished.err;
        return json::parse(finished.out, nullptr, false);
    }
    // The first prompts of the demo's pool.
    void writePrompts()
    {
        std::ifstream pool(midpoint::test::sourceFolder() / "projects/arithmetic/pool-a.jsonl");
        std::string text;
        std::string line;
        for (int i = 0; i < kPrompts && std::getline(pool, line); ++i) {
            text += line + "\n";
            m_words.push_back(std::count(line.begin(), line.end(), ' '));
        }
        write(m_folder / "pool.jsonl", text);
    }
    // Prompts are known by a hash of their text: the ids as they stand in the embeddings, in the order of the pool.
    void readIds()
    {
        const std::string bytes = midpoint::test::read(m_folder / "embeddings.safetensors");
        std::uint64_t headerLength = 0;
        std::memcpy(&headerLength, bytes.data(), sizeof(headerLength));
        const json header = json::parse(bytes.substr(sizeof(headerLength), headerLength));
        const std::size_t begin = sizeof(headerLength) + headerLength + header["ids"]["data_offsets"][0].get<std::size_t>();
        m_ids.resize(kPrompts);
        std::memcpy(m_ids.data(), bytes.data() + begin, m_ids.size() * sizeof(std::int64_t));
    }
    // Each policy solves the short programs always and the long ones never; how long is long, is its ability.
    void writeLabels(const std::string& name, const std::vector<std::pair<std::string, std::ptrdiff_t>>& policies)
    {
        std::string text;
        for (const auto& [policy, ability] : policies)
            for (std::size_t i = 0; i < m_ids.size(); ++i)
                text += json({ { "policy", policy }, { "prompt", m_ids[i] }, { "attempts", 8 }, { "successes", m_words[i] <= ability ? 8 : 0 } })
                            .dump()
                    + "\n";
        write(m_folder / name, text);
    }
    // A run that measured every prompt in every step, and solved more of them step by step.
    void writeRun(const std::string& name, std::int64_t steps, bool hasRollouts = true)
    {
        store::RunWriterOptions options;
        options.folder = m_folder / name;
        options.info.name = name;
        std::filesystem::create_directories(options.folder);
        store::RunWriter writer(options);
        std::vector<store::PromptRecord> prompts;
        for (std::size_t i = 0; i < m_ids.size(); ++i)
            prompts.push_back({ static_cast<std::int64_t>(i), m_ids[i], "question", "answer", "pool" });
        writer.setPrompts(prompts);
        for (std::int64_t step = 1; step <= steps; ++step) {
            store::StepRecord record;
            record.step = step;
            for (std::size_t i = 0; hasRollouts && i < m_ids.size(); ++i) {
                store::Observation seen;
                seen.promptIndex = static_cast<std::int64_t>(i);
                seen.attempts = 4;
                seen.successes = m_words[i] <= 8 + 2 * step ? 4 : 0;
                record.observations.push_back(seen);
            }
            writer.commitStep(record);
        }
        writer.finish();
    }
    void embed()
    {
        writePrompts();
        const Finished finished = run({ "predictor", "embed", base(), "--data", "pool.jsonl", "--out", "embeddings.safetensors", "--threads", "1" });
        ASSERT_EQ(finished.code, 0) << finished.err;
        readIds();
    }
    std::string base() const { return (midpoint::test::sourceFolder() / "projects/arithmetic/base").string(); }

    midpoint::test::TemporaryFolder m_folder;
    std::vector<std::ptrdiff_t> m_words; // of each question's line, a measure of its length
    std::vector<std::int64_t> m_ids;
};

TEST_F(PredictorCommands, Chain_FromPromptsToAReportOnAPolicyNeverSeen)
{
    writePrompts();
    const json embedded = result({ "predictor", "embed", base(), "--data", "pool.jsonl", "--out", "embeddings.safetensors", "--threads", "1", "--json" });
    EXPECT_EQ(embedded["prompts"], kPrompts);
    EXPECT_EQ(embedded["dimension"], 128);
    readIds();
    writeLabels("labels.jsonl", { { "weak", 10 }, { "fair", 18 }, { "good", 40 } });
    writeLabels("unseen.jsonl", { { "unseen", 28 } });
    const json trained = result({ "predictor", "train", "--embeddings", "embeddings.safetensors", "--labels", "labels.jsonl", "--held-out", "fair",
        "--out", "predictor.safetensors", "--epochs", "30", "--batch", "16", "--references", "20", "--hidden-size", "32", "--threads", "1", "--json" });
    EXPECT_EQ(trained["labels"], 2 * kPrompts);
    EXPECT_EQ(trained["held_out_pearson"].size(), trained["epoch_loss"].size()) << "the policy kept apart is looked at after every epoch";
    EXPECT_LE(trained["best_epoch"], trained["epoch_loss"].size());
    const json report = result({ "predictor", "eval", "--embeddings", "embeddings.safetensors", "--predictor", "predictor.safetensors", "--labels",
        "unseen.jsonl", "--references", "20", "--seeds", "3", "--threads", "1", "--json" });
    ASSERT_EQ(report["policies"].size(), 1U);
    const json& unseen = report["policies"][0];
    EXPECT_EQ(unseen["policy"], "unseen");
    EXPECT_LT(unseen["mae"]["mean"].get<double>(), unseen["mae_mean_only"]["mean"].get<double>());
    EXPECT_GT(unseen["pearson"]["mean"].get<double>(), 0.5);
}

TEST_F(PredictorCommands, Train_OnRecordedRunsBesideLabels_StepsInARowAreOnePolicy)
{
    embed();
    writeLabels("labels.jsonl", { { "weak", 10 } });
    writeRun("course", 11);
    writeRun("kept", 8);
    const std::vector<std::string> words = { "predictor", "train", "--embeddings", "embeddings.safetensors", "--labels", "labels.jsonl", "course", "kept/run.db",
        "--steps-per-policy", "4", "--held-out", "kept", "--out", "predictor.safetensors", "--epochs", "2", "--batch", "16", "--references", "20",
        "--hidden-size", "32", "--threads", "1", "--json" };
    const json trained = result(words);
    EXPECT_EQ(trained["labels"], 3 * kPrompts) << "one policy of the file, steps 1 to 4 and 5 to 11 of the run";
    EXPECT_EQ(trained["held_out_pearson"].size(), 2U);
    const json report = result({ "predictor", "eval", "--embeddings", "embeddings.safetensors", "--predictor", "predictor.safetensors", "--labels", "course",
        "--steps-per-policy", "4", "--references", "20", "--seeds", "2", "--threads", "1", "--json" });
    ASSERT_EQ(report["policies"].size(), 2U);
    EXPECT_EQ(report["policies"][0]["policy"], "course, steps 1 to 4");
    EXPECT_EQ(report["policies"][1]["policy"], "course, steps 5 to 11");
}

TEST_F(PredictorCommands, Train_RunsThatDoNotServe_AreNamed)
{
    embed();
    const auto train = [&](const std::string& labels, const std::string& heldOut) {
        std::vector<std::string> words = { "predictor", "train", "--embeddings", "embeddings.safetensors", "--labels", labels, "--out", "predictor.safetensors" };
        if (!heldOut.empty())
            words.insert(words.end(), { "--held-out", heldOut });
        return run(words);
    };
    writeRun("silent", 3, false);
    EXPECT_THAT(train("silent", "").err, HasSubstr("silent/run.db: expected a run with rollouts, found none in 3 steps"));
    writeRun("course", 4);
    const Finished unknown = train("course", "cours");
    EXPECT_EQ(unknown.code, 2);
    EXPECT_THAT(unknown.err, HasSubstr("--held-out: expected policies or runs that the labels contain, found no 'cours'"));
    m_ids[5] += 1;
    writeRun("other", 4);
    const Finished other = train("other", "");
    EXPECT_EQ(other.code, 1);
    EXPECT_THAT(other.err, HasSubstr("has no embedding in"));
}

TEST_F(PredictorCommands, Simulate_RecordedRun_BelievesByTheRunsEmbeddings)
{
    embed();
    writeRun("course", 12);
    const auto error = [&](const std::vector<std::string>& more) {
        std::vector<std::string> words = { "simulate", "course", "--prompts-per-step", "6", "--json" };
        words.insert(words.end(), more.begin(), more.end());
        return result(words)["rounds"][4]["mae"].get<double>();
    };
    const double without = error({});
    const double given = error({ "--embeddings", "embeddings.safetensors" });
    EXPECT_LT(given, 0.8 * without) << "24 of 60 prompts are measured by then: the others have to be told from their embeddings";
    std::filesystem::copy(m_folder / "embeddings.safetensors", m_folder / "course/embeddings.safetensors");
    EXPECT_EQ(error({}), given) << "a run's own embeddings are found";
    EXPECT_EQ(error({ "--parts", "counts,drift" }), without);
    m_ids[5] += 1;
    writeRun("other", 12);
    const Finished other = run({ "simulate", "other", "--embeddings", "embeddings.safetensors" });
    EXPECT_EQ(other.code, 1);
    EXPECT_THAT(other.err, HasSubstr("embeddings.safetensors: expected an embedding of prompt "));
    write(m_folder / "pool.safetensors", "short");
    EXPECT_THAT(run({ "simulate", "course", "--embeddings", "pool.safetensors" }).err, HasSubstr("expected at least 8 bytes, found 5"));
    std::string vast = R"({"embeddings":{"dtype":"F32","shape":[60,4000000000000000000],"data_offsets":[0,8]},"ids":{"dtype":"I64","shape":[60],"data_offsets":[8,488]}})";
    vast.insert(0, std::string { static_cast<char>(vast.size()), 0, 0, 0, 0, 0, 0, 0 });
    write(m_folder / "vast.safetensors", vast + std::string(488, '\0'));
    EXPECT_THAT(run({ "simulate", "course", "--embeddings", "vast.safetensors" }).err, HasSubstr("no more numbers than the file holds, found 60 ids"));
    EXPECT_THAT(run({ "simulate", "course", "--embeddings", base() + "/model.safetensors" }).err, HasSubstr("not an embedding file"));
}

TEST_F(PredictorCommands, Embed_LongQuestions_AreCutAndNotLeftOut)
{
    writePrompts();
    const Finished finished = run({ "predictor", "embed", base(), "--data", "pool.jsonl", "--out", "cut.safetensors", "--max-tokens", "9", "--threads", "1", "--json" });
    ASSERT_EQ(finished.code, 0) << finished.err;
    EXPECT_EQ(json::parse(finished.out)["prompts"], kPrompts);
    EXPECT_THAT(finished.err, HasSubstr(" prompts cut: longer than --max-tokens 9"));
    const Finished other = run({ "predictor", "embed", base(), "--data", "pool.jsonl", "--out", "cut.safetensors", "--max-tokens", "12", "--threads", "1" });
    EXPECT_EQ(other.code, 1);
    EXPECT_THAT(other.err, HasSubstr("expected max_tokens 12, found 9"));
}

} // namespace
} // namespace midpoint::app::test
