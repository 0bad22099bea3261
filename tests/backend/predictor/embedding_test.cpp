#include "backend/core/error.h"
#include "backend/predictor/training.h"
#include "tests/support/fixtures.h"

#include <gtest/gtest.h>

namespace midpoint::predictor {
namespace {

class EmbeddingTest : public testing::Test {
protected:
    EmbeddingTest()
    {
        for (std::int32_t i = 0; i < 10; ++i)
            m_items.push_back({ 100 + i, { i, i + 1 } });
        m_options.out = m_folder / "deep" / "embeddings.safetensors";
        m_options.modelHash = "m1";
        m_options.dataHash = "d1";
        m_options.batch = 3;
        m_options.saveEveryRows = 3;
    }
    // Counts its calls; a prompt's embedding is its first token and the number of its tokens.
    Backbone backbone()
    {
        return [this](std::span<const std::vector<std::int32_t>> batch) {
            ++m_calls;
            torch::Tensor rows = torch::empty({ static_cast<std::int64_t>(batch.size()), 2 });
            for (std::size_t i = 0; i < batch.size(); ++i) {
                rows[static_cast<std::int64_t>(i)][0] = batch[i][0];
                rows[static_cast<std::int64_t>(i)][1] = static_cast<std::int64_t>(batch[i].size());
            }
            return rows;
        };
    }

    test::TemporaryFolder m_folder;
    std::vector<EmbedItem> m_items;
    EmbedOptions m_options;
    int m_calls = 0;
};

TEST_F(EmbeddingTest, Embed_AllPrompts_RowsInOrder)
{
    const EmbeddingMatrix matrix = embedPrompts(m_items, backbone(), m_options);
    EXPECT_EQ(matrix.size(), 10);
    EXPECT_EQ(matrix.ids()[9], 109);
    EXPECT_EQ(matrix.slice(7, 1)[0][0].item<float>(), 7.0F);
    EXPECT_EQ(m_calls, 4);
    EXPECT_FALSE(std::filesystem::exists(m_options.out.string() + ".partial"));
    embedPrompts(m_items, backbone(), m_options);
    EXPECT_EQ(m_calls, 4) << "a finished file is used as it is";
}

TEST_F(EmbeddingTest, Embed_StoppedAndStartedAgain_GoesOnFromThere)
{
    std::stop_source source;
    m_options.stop = source.get_token();
    m_options.progress = [&](std::int64_t done, std::int64_t) {
        if (done >= 6)
            source.request_stop();
    };
    try {
        embedPrompts(m_items, backbone(), m_options);
        FAIL() << "the stop was not heard";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Cancelled);
    }
    EXPECT_FALSE(std::filesystem::exists(m_options.out));
    EXPECT_EQ(m_calls, 2);
    m_options.stop = {};
    m_options.progress = {};
    const EmbeddingMatrix matrix = embedPrompts(m_items, backbone(), m_options);
    EXPECT_EQ(m_calls, 4) << "6 of 10 rows were kept";
    for (std::int64_t row = 0; row < 10; ++row)
        EXPECT_EQ(matrix.slice(row, 1)[0][0].item<float>(), static_cast<float>(row));
}

TEST_F(EmbeddingTest, Embed_FileOfAnotherModelOrData_IsAnErrorAndStays)
{
    embedPrompts(m_items, backbone(), m_options);
    const std::string before = test::read(m_options.out);
    m_options.modelHash = "m2";
    EXPECT_THROW(embedPrompts(m_items, backbone(), m_options), Error);
    m_options.modelHash = "m1";
    m_options.maxTokens = 64;
    EXPECT_THROW(embedPrompts(m_items, backbone(), m_options), Error) << "prompts may be cut at another length";
    m_options.maxTokens = 0;
    m_items[4].id = 7;
    EXPECT_THROW(embedPrompts(m_items, backbone(), m_options), Error);
    EXPECT_EQ(test::read(m_options.out), before);
}

TEST_F(EmbeddingTest, Embed_BadInput_IsAnError)
{
    EXPECT_THROW(embedPrompts({}, backbone(), m_options), Error);
    const Backbone broken = [](std::span<const std::vector<std::int32_t>> batch) {
        return torch::full({ static_cast<std::int64_t>(batch.size()), 2 }, std::nan(""));
    };
    EXPECT_THROW(embedPrompts(m_items, broken, m_options), Error);
    m_items[2].tokens.clear();
    EXPECT_THROW(embedPrompts(m_items, backbone(), m_options), Error);
}

} // namespace
} // namespace midpoint::predictor
