// Paged attention and packed products: fast forms against their references.
#include "kernels/packed_linear.h"
#include "kernels/paged_attention.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "tests/kernels/kernel_testing.h"

#include <algorithm>

namespace midpoint::kernels {
namespace {

using test::Array;

struct LinearCase {
    std::int64_t rows;
    std::int64_t outputs;
    std::int64_t inputs;
};

TEST(PackedLinear, AnySizeTypeAndIsa_EqualsReferenceForAnyNumberOfRows)
{
    for (const LinearCase& c : { LinearCase { 0, 3, 4 }, { 1, 1, 1 }, { 2, 5, 3 }, { 9, 75, 128 }, { 33, 97, 65 }, { 15, 48, 7 }, { 3, 300, 33 }, { 3, 30, 333 }, { 8, 12, 512 },
             { 4, 49, 31 }, { 5, 96, 32 }, { 6, 64, 64 }, { 7, 17, 96 }, { 10, 48, 34 }, { 11, 100, 16 }, { 14, 33, 40 }, { 20, 50, 66 } })
        for (const ElementType type : test::elementTypes())
            for (const CpuIsa isa : availableIsas())
                for (const ElementType yType : { type, ElementType::Float32 }) {
                    Rng rng = test::testRng(9);
                    const Array weight = Array::random(type, c.outputs * c.inputs, rng, 0.3);
                    const Array bias = Array::random(type, c.outputs, rng);
                    const Array x = Array::random(type, c.rows * c.inputs, rng);
                    Array expected(yType, c.rows * c.outputs), found(yType, c.rows * c.outputs);
                    packedLinearReference(weight.data(), c.outputs, c.inputs, type, { c.rows, x.data(), bias.data(), expected.data(), yType });
                    const PackedMatrix matrix(weight.data(), c.outputs, c.inputs, type, isa);
                    packedLinear(matrix, { c.rows, x.data(), bias.data(), found.data(), yType });
                    const std::string what = concat(c.rows, " x ", c.outputs, " x ", c.inputs, ", ", test::nameOf(type), ", ", nameOf(isa));
                    test::expectClose(expected, found, found.count(), test::toleranceOf(type), what);
                    // Each row alone: the same bits.
                    for (std::int64_t r = 0; r < c.rows; ++r) {
                        Array row(yType, c.outputs);
                        const auto* input = static_cast<const std::byte*>(x.data()) + r * c.inputs * sizeOf(type);
                        packedLinear(matrix, { 1, input, bias.data(), row.data(), yType });
                        for (std::int64_t o = 0; o < c.outputs; ++o)
                            ASSERT_EQ(row[o], found[r * c.outputs + o]) << what << ", row " << r;
                    }
                }
}

TEST(PackedLinear, Refresh_UsesNewWeights)
{
    Rng rng = test::testRng(10);
    const Array before = Array::random(ElementType::Float32, 50 * 20, rng);
    const Array after = Array::random(ElementType::Float32, 50 * 20, rng);
    const Array x = Array::random(ElementType::Float32, 20, rng);
    PackedMatrix matrix(before.data(), 50, 20, ElementType::Float32);
    matrix.refresh(after.data());
    Array expected(ElementType::Float32, 50), found(ElementType::Float32, 50);
    packedLinearReference(after.data(), 50, 20, ElementType::Float32, { 1, x.data(), nullptr, expected.data(), ElementType::Float32 });
    packedLinear(matrix, { 1, x.data(), nullptr, found.data(), ElementType::Float32 });
    test::expectClose(expected, found, 50, 1e-5, "refreshed");
}

struct PagedCase {
    std::int64_t queryHeads;
    std::int64_t keyValueHeads;
    std::int64_t headDim;
    std::int64_t blockTokens;
};

TEST(PagedAttention, AnyShapeTypeAndIsa_EqualsReference)
{
    for (const PagedCase& c : { PagedCase { 1, 1, 1, 16 }, { 4, 2, 32, 16 }, { 9, 3, 64, 16 }, { 7, 1, 20, 32 }, { 5, 5, 128, 48 }, { 66, 1, 4, 16 }, { 12, 2, 128, 16 }, { 2, 1, 256, 16 } })
        for (const ElementType type : test::elementTypes()) {
            Rng rng = test::testRng(11);
            const PagedCacheShape shape { c.blockTokens, c.keyValueHeads, c.headDim, type };
            // Sequences of odd lengths in a shuffled cache; the third one shares its first block with the second.
            const std::int64_t lengths[] = { 1, 2 * c.blockTokens, c.blockTokens + 1, 5, 3 * c.blockTokens - 1 };
            const std::vector<std::vector<std::int32_t>> tables = { { 7 }, { 2, 0 }, { 2, 5 }, { 1 }, { 6, 3, 4 } };
            std::vector<PagedRow> rows;
            for (std::size_t i = 0; i < tables.size(); ++i)
                rows.push_back({ tables[i].data(), lengths[i] });
            const auto count = static_cast<std::int64_t>(rows.size());
            Array cache = Array::random(type, 8 * shape.blockElements(), rng);
            const std::int64_t stride = (c.queryHeads + 1) * c.headDim;
            const Array query = Array::random(type, count * stride, rng);
            Array expected(type, count * c.queryHeads * c.headDim);
            PagedAttentionArguments arguments { count, c.queryHeads, 0.4F, query.data(), stride, cache.data(), rows.data(), expected.data() };
            pagedAttentionReference(shape, arguments);
            for (const CpuIsa isa : availableIsas()) {
                Array found(type, expected.count());
                arguments.output = found.data();
                pagedAttention(shape, arguments, isa);
                test::expectClose(expected, found, found.count(), test::toleranceOf(type),
                    concat(c.queryHeads, "/", c.keyValueHeads, " heads of ", c.headDim, ", ", test::nameOf(type), ", ", nameOf(isa)));
            }
        }
}

TEST(PagedAttention, Write_PutsTokenWhereAttentionReadsIt)
{
    for (const ElementType type : test::elementTypes()) {
        Rng rng = test::testRng(12);
        const PagedCacheShape shape { 16, 2, 6, type };
        Array cache(type, 3 * shape.blockElements());
        const std::vector<std::int32_t> table = { 2, 0 };
        const Array keyValue = Array::random(type, 24, rng);
        const auto* value = static_cast<const std::byte*>(keyValue.data()) + 12 * sizeOf(type);
        const PagedRow row { table.data(), 20 }; // slot 3 of block 0
        pagedWrite(shape, { 1, keyValue.data(), value, 24, cache.data(), &row });
        for (std::int64_t h = 0; h < 2; ++h)
            for (std::int64_t d = 0; d < 6; ++d) {
                EXPECT_EQ(cache[(h * 6 + d) * 16 + 3], keyValue[h * 6 + d]);
                EXPECT_EQ(cache[shape.blockElements() / 2 + (h * 16 + 3) * 6 + d], keyValue[12 + h * 6 + d]);
            }
    }
}

TEST(PagedAttention, BlockSizeThatDoesNotFit_Throws)
{
    EXPECT_THROW(pagedAttention({ 12, 1, 8, ElementType::Float32 }, {}), Error);
    EXPECT_THROW(pagedAttention({ 16, 2, 8, ElementType::Float32 }, { 0, 3, 1.0F, nullptr, 24, nullptr, nullptr, nullptr }), Error);
}

} // namespace
} // namespace midpoint::kernels
