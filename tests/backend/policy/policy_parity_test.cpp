// Advantages, losses and their gradients against values computed with automatic differentiation in double.
#include "backend/model/safetensors.h"
#include "backend/policy/advantage.h"
#include "backend/policy/policy_loss.h"

#include "tests/support/fixtures.h"

#include <gtest/gtest.h>
#include <torch/types.h>

namespace midpoint::policy {
namespace {

constexpr double kTolerance = 1e-9;

using Matrix = std::vector<std::vector<double>>;

class PolicyParity : public testing::Test {
protected:
    void SetUp() override
    {
        MIDPOINT_REQUIRE_FIXTURE(test::fixture("policy_losses.safetensors"));
        m_file = std::make_unique<model::SafetensorsFile>(test::fixture("policy_losses.safetensors"));
        m_mask = matrix("mask");
        m_behaviour = valid("lp_behaviour");
        m_old = valid("lp_old");
        m_reference = valid("lp_ref");
        m_theta = valid("lp_theta");
        for (const auto& row : m_theta)
            m_tokens += static_cast<double>(row.size());
    }

    std::vector<double> numbers(const std::string& name) const
    {
        const torch::Tensor values = m_file->read(name).to(torch::kFloat64).contiguous();
        return { values.const_data_ptr<double>(), values.const_data_ptr<double>() + values.numel() };
    }
    Matrix matrix(const std::string& name) const
    {
        Matrix rows;
        const torch::Tensor values = m_file->read(name).to(torch::kFloat64).contiguous();
        for (std::int64_t r = 0; r < values.size(0); ++r) {
            const double* row = values.const_data_ptr<double>() + r * values.size(1);
            rows.emplace_back(row, row + values.size(1));
        }
        return rows;
    }
    // Without the tokens that the mask leaves out.
    Matrix valid(const std::string& name) const
    {
        Matrix rows = matrix(name);
        for (std::size_t r = 0; r < rows.size(); ++r) {
            std::vector<double> kept;
            for (std::size_t t = 0; t < rows[r].size(); ++t)
                if (m_mask[r][t] != 0.0)
                    kept.push_back(rows[r][t]);
            rows[r] = kept;
        }
        return rows;
    }
    LossResult run(const LossSettings& settings, const std::string& advantage, std::size_t first, std::size_t count) const
    {
        const std::vector<double> all = numbers("advantage." + advantage);
        std::vector<LossRow> rows;
        for (std::size_t r = first; r < first + count; ++r)
            rows.push_back({ .logprobs = m_theta[r], .behaviour = m_behaviour[r], .old = m_old[r],
                .reference = settings.klCoefficient != 0.0 ? std::span<const double>(m_reference[r]) : std::span<const double>(),
                .entropy = {}, .weights = {}, .advantage = settings.klCoefficient != 0.0 ? 0.0 : all[r] });
        return policyLoss(settings, rows, { m_tokens, static_cast<double>(m_theta.size()) });
    }
    // Runs the rows in two calls, as two micro-batches would.
    void check(const std::string& name, LossSettings settings, const std::string& advantage = "grpo") const
    {
        ASSERT_TRUE(m_file->contains("loss." + name)) << name;
        settings.horizon = static_cast<double>(m_mask.front().size());
        const std::size_t half = m_theta.size() / 2 + 1;
        LossResult result = run(settings, advantage, 0, half);
        const LossResult rest = run(settings, advantage, half, m_theta.size() - half);
        result.gradLogprobs.insert(result.gradLogprobs.end(), rest.gradLogprobs.begin(), rest.gradLogprobs.end());
        EXPECT_NEAR(result.loss + rest.loss, numbers("loss." + name).front(), kTolerance) << name;
        const Matrix expected = valid("grad." + name);
        for (std::size_t r = 0; r < expected.size(); ++r)
            for (std::size_t t = 0; t < expected[r].size(); ++t)
                ASSERT_NEAR(result.gradLogprobs[r][t], expected[r][t], kTolerance) << name << " row " << r << " token " << t;
    }

    std::unique_ptr<model::SafetensorsFile> m_file;
    Matrix m_mask, m_behaviour, m_old, m_reference, m_theta;
    double m_tokens = 0.0;
};

const std::vector<std::string> kAggregations { "token-mean", "seq-mean-token-mean", "seq-mean-token-sum-norm" };

TEST_F(PolicyParity, Advantages_OfEveryKind_EqualTheOracle)
{
    const std::vector<double> rewards = numbers("rewards");
    const std::vector<double> drGrpo = numbers("advantage.dr_grpo");
    // The group size is not in the file: groups are the runs whose rewards minus advantages (their mean) are equal.
    std::size_t groupSize = 1;
    while (groupSize < rewards.size()
        && std::abs(rewards[groupSize] - drGrpo[groupSize] - rewards[0] + drGrpo[0]) < 1e-12)
        ++groupSize;
    while (rewards.size() % groupSize != 0)
        --groupSize;
    for (const char* name : { "grpo", "dr_grpo", "rloo" }) {
        const std::vector<double> expected = numbers(std::string("advantage.") + name);
        for (std::size_t begin = 0; begin < rewards.size(); begin += groupSize) {
            const std::vector<double> found = advantages(parseAdvantage(name), std::span(rewards).subspan(begin, groupSize));
            for (std::size_t i = 0; i < groupSize; ++i)
                EXPECT_NEAR(found[i], expected[begin + i], kTolerance) << name << " row " << begin + i;
        }
    }
}

TEST_F(PolicyParity, TokenLosses_OfEveryAggregation_EqualTheOracle)
{
    for (const std::string& aggregation : kAggregations) {
        const Aggregation kind = parseAggregation(aggregation);
        check("decoupled." + aggregation, { .aggregation = kind });
        check("decoupled.cap2." + aggregation, { .aggregation = kind, .weightCap = 2.0 });
        check("decoupled.clip_higher." + aggregation, { .aggregation = kind, .clipHigh = 0.28 });
        check("decoupled.dr_grpo." + aggregation, { .aggregation = kind }, "dr_grpo");
        check("behaviour_ratio." + aggregation, { .kind = LossKind::BehaviourRatio, .aggregation = kind });
    }
}

TEST_F(PolicyParity, KullbackLeibler_OfEveryAggregation_EqualsTheOracle)
{
    for (const std::string& aggregation : kAggregations)
        check("kl_k3." + aggregation, { .aggregation = parseAggregation(aggregation), .klCoefficient = 1.0 });
}

TEST_F(PolicyParity, Gspo_SequenceRatio_EqualsTheOracle)
{
    check("gspo", { .kind = LossKind::Gspo, .clipLow = 3e-4, .clipHigh = 4e-4 });
}

} // namespace
} // namespace midpoint::policy
