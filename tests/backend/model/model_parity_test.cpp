// Logits, log-probs, entropies, embeddings, gradients and greedy continuations against transformers, for every model folder
// of the oracle data.
#include "backend/model/model.h"

#include "tests/support/fixtures.h"

#include <gtest/gtest.h>
#include <torch/types.h>

namespace midpoint::model {
namespace {

constexpr double kLogitTolerance = 1e-4;    // absolute, float32 against float32
constexpr double kGradientTolerance = 1e-3; // relative to the largest entry of the weight's gradient
constexpr std::int64_t kSequences = 5;
constexpr std::int64_t kGreedyTokens = 40;

std::vector<std::string> modelFolders()
{
    std::vector<std::string> names;
    const std::filesystem::path models = test::fixture("models");
    if (std::filesystem::exists(models))
        for (const auto& entry : std::filesystem::directory_iterator(models))
            if (std::filesystem::exists(entry.path() / "expected.safetensors"))
                names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

class ModelParity : public testing::Test {
public:
    explicit ModelParity(const std::string& name)
        : m_folder(test::fixture("models") / name)
    {
    }

protected:
    std::vector<std::int32_t> tokens(const std::string& name) const
    {
        const torch::Tensor ids = m_expected.read(name).to(torch::kInt32).contiguous();
        return { ids.const_data_ptr<std::int32_t>(), ids.const_data_ptr<std::int32_t>() + ids.numel() };
    }
    void expectClose(const torch::Tensor& found, const torch::Tensor& expected, double tolerance, const std::string& what) const
    {
        ASSERT_EQ(found.sizes(), expected.sizes()) << what;
        const double error = (found.to(torch::kFloat64) - expected.to(torch::kFloat64)).abs().max().item<double>();
        EXPECT_LE(error, tolerance) << what;
    }
    void checkSequence(const Model& model, std::int64_t index)
    {
        const std::string name = "seq" + std::to_string(index) + ".";
        const std::vector<std::int32_t> ids = tokens(name + "input_ids");
        PackedBatch batch;
        batch.addSequence(ids, PackedBatch::Score::Yes);
        expectClose(model.logits(model.hiddenStates(batch)), m_expected.read(name + "logits"), kLogitTolerance, name + "logits");
        expectClose(model.meanHidden({ &ids, 1 })[0], m_expected.read(name + "mean_hidden"), kLogitTolerance,
            name + "mean_hidden");
        if (ids.size() < 2)
            return;
        expectClose(model.score(batch, { .temperature = 0.6 }).logprobs, m_expected.read(name + "logprobs_t06"),
            2 * kLogitTolerance, name + "logprobs_t06"); // differences are divided by the temperature
        expectClose(model.score(batch, { .entropy = Entropy::Value }).entropy, m_expected.read(name + "entropy_t1"),
            kLogitTolerance, name + "entropy_t1");
    }
    void checkGradients(Model& model)
    {
        PackedBatch batch;
        batch.addSequence(tokens("seq0.input_ids"), PackedBatch::Score::Yes);
        model.zeroGradients();
        auto pass = model.forward(batch, { .temperature = 0.6 });
        model.backward(std::move(pass), torch::full({ batch.scoredCount() }, -1.0 / static_cast<double>(batch.scoredCount())));
        std::int64_t compared = 0;
        for (const auto& [name, gradient] : model.namedGradients()) {
            ASSERT_TRUE(m_expected.contains("grad." + name)) << name;
            const torch::Tensor expected = m_expected.read("grad." + name);
            expectClose(gradient, expected, kGradientTolerance * expected.abs().max().item<double>(), "grad." + name);
            ++compared;
        }
        EXPECT_GT(compared, 0);
    }
    void checkGreedy(const Model& model)
    {
        const std::vector<std::int32_t> expected = tokens("seq0.greedy40");
        std::vector<std::int32_t> ids(expected.begin(), expected.end() - kGreedyTokens);
        while (ids.size() < expected.size()) {
            PackedBatch batch;
            batch.addSequence(ids);
            const torch::Tensor last = model.hiddenStates(batch).slice(0, batch.tokenCount() - 1);
            ids.push_back(static_cast<std::int32_t>(model.logits(last).argmax(1).item<std::int64_t>()));
        }
        EXPECT_EQ(ids, expected);
    }

    void TestBody() override
    {
        for (const bool checkpointing : { false, true }) {
            Model model = Model::load(m_folder, { .device = {}, .activationCheckpointing = checkpointing });
            checkGradients(model);
        }
        const Model model = Model::load(m_folder);
        for (std::int64_t i = 0; i < kSequences; ++i)
            checkSequence(model, i);
        checkGreedy(model);
    }

private:
    std::filesystem::path m_folder;
    SafetensorsFile m_expected { m_folder / "expected.safetensors" };
};

TEST(ModelParityData, Folders_OfTheOracleData_AreThere)
{
    MIDPOINT_REQUIRE_FIXTURE(test::fixture("models"));
    EXPECT_FALSE(modelFolders().empty());
}

// One test for each folder found, so that folders added later are read too.
const bool isRegistered = [] {
    for (const std::string& name : modelFolders())
        testing::RegisterTest("ModelParityOf", name.c_str(), nullptr, nullptr, __FILE__, __LINE__,
            [name]() -> testing::Test* { return new ModelParity(name); });
    return true;
}();

} // namespace
} // namespace midpoint::model
