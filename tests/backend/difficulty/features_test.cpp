#include "backend/difficulty/features.h"
#include "backend/difficulty/row_products.h"

#include "backend/core/rng.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace midpoint::difficulty {
namespace {

Rng rngOf(std::int64_t stream) { return Rng({ .seed = 5, .purpose = DrawPurpose::Simulation, .step = stream }); }

TEST(Features, AnyColumns_MeanZeroEqualDeviationAndTheAskedLength)
{
    constexpr std::int64_t kRows = 3000; // more than are read at once
    constexpr std::int64_t kColumns = 21; // no whole unit of a row
    Rng rng = rngOf(1);
    std::vector<float> values;
    for (std::int64_t i = 0; i < kRows; ++i)
        for (std::int64_t j = 0; j < kColumns; ++j) // the last one constant, the one before far from 0 for its spread
            values.push_back(j == kColumns - 1 ? 7.0F : static_cast<float>((j == kColumns - 2 ? 1e4 : 0.0) + (1.0 + static_cast<double>(j)) * rng.normal()));
    const Features features(embeddingRows(values, kColumns), kRows, 3.0);
    std::vector<double> sum(kColumns, 0.0), squares(kColumns, 0.0);
    std::vector<float> row(kColumns);
    for (std::int64_t i = 0; i < kRows; ++i) {
        features.copyRow(i, row.data());
        for (std::size_t j = 0; j < row.size(); ++j) {
            sum[j] += static_cast<double>(row[j]);
            squares[j] += static_cast<double>(row[j]) * static_cast<double>(row[j]);
        }
    }
    const double deviation = 3.0 / std::sqrt(static_cast<double>(kColumns));
    for (std::size_t j = 0; j + 1 < sum.size(); ++j) {
        EXPECT_NEAR(sum[j] / kRows, 0.0, 1e-4) << j;
        EXPECT_NEAR(std::sqrt(squares[j] / kRows), deviation, 1e-3 * deviation) << j;
    }
    EXPECT_EQ(squares.back(), 0.0);
    features.copyRow(0, row.data());
    for (std::size_t j = 0; j + 2 < row.size(); ++j) // rounded by at most 1 in 256, means being small
        EXPECT_NEAR(static_cast<double>(row[j]), static_cast<double>(values[j]) / (1.0 + static_cast<double>(j)) * deviation,
            0.05 * deviation + 0.004 * std::abs(static_cast<double>(row[j]))) << j;
}

TEST(RowProducts, AnyWidth_EqualSumsOfProducts)
{
    for (const std::size_t width : { std::size_t { 1 }, std::size_t { 16 }, std::size_t { 50 } }) {
        constexpr std::size_t kCount = 5;
        const std::size_t stride = paddedRow(width);
        Rng rng = rngOf(2);
        std::vector<float> rows(kCount * stride, 0.0F), vector(stride, 0.0F), weights(kCount);
        for (std::size_t i = 0; i < kCount; ++i)
            for (std::size_t j = 0; j < width; ++j)
                rows[i * stride + j] = static_cast<float>(rng.normal());
        for (std::size_t j = 0; j < width; ++j)
            vector[j] = static_cast<float>(rng.normal());
        for (float& weight : weights)
            weight = static_cast<float>(rng.normal());
        const std::vector<double> wideVector(vector.begin(), vector.end()), wideWeights(weights.begin(), weights.end());
        std::vector<float> products(kCount), sums(stride, 1.0F);
        std::vector<double> wideProducts(kCount), wideSums(stride, 1.0);
        rowProducts(rows.data(), kCount, stride, vector.data(), products.data());
        rowProducts(rows.data(), kCount, stride, wideVector.data(), wideProducts.data());
        addRows(rows.data(), kCount, stride, weights.data(), sums.data());
        addRows(rows.data(), kCount, stride, wideWeights.data(), wideSums.data());
        for (std::size_t i = 0; i < kCount; ++i) {
            double expected = 0.0;
            for (std::size_t j = 0; j < width; ++j)
                expected += static_cast<double>(rows[i * stride + j]) * wideVector[j];
            EXPECT_NEAR(static_cast<double>(products[i]), expected, 1e-5);
            EXPECT_NEAR(wideProducts[i], expected, 1e-12);
        }
        for (std::size_t j = 0; j < width; ++j) {
            double expected = 1.0;
            for (std::size_t i = 0; i < kCount; ++i)
                expected += wideWeights[i] * static_cast<double>(rows[i * stride + j]);
            EXPECT_NEAR(static_cast<double>(sums[j]), expected, 1e-5);
            EXPECT_NEAR(wideSums[j], expected, 1e-12);
        }
    }
}

} // namespace
} // namespace midpoint::difficulty
