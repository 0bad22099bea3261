// The matrix product of the training passes: every instruction set against the reference, in every order of operands.
#include "kernels/matrix_product.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "tests/kernels/kernel_testing.h"

#include <ATen/Parallel.h>

#include <algorithm>

namespace midpoint::kernels {
namespace {

struct Shape {
    std::int64_t rows, columns, depth;
};
// Less than a tile, tiles and rests of them, several blocks of columns, rows and depth.
const Shape kShapes[] = { { 1, 1, 1 }, { 3, 5, 7 }, { 8, 48, 16 }, { 9, 49, 17 }, { 7, 75, 128 }, { 61, 33, 257 }, { 300, 128, 90 },
    { 13, 500, 300 }, { 270, 50, 520 }, { 2, 3, 0 } };

enum class Order { RowsTogether, ColumnsTogether };

// A matrix inside of a larger array of sentinels, so that a read or write beyond its rows shows.
struct Matrix {
    Matrix(std::int64_t rows, std::int64_t columns, Order order, Rng& rng)
        : rowStride(order == Order::RowsTogether ? columns + 3 : 1)
        , columnStride(order == Order::RowsTogether ? 1 : rows + 2)
        , numbers(static_cast<std::size_t>((rows + 4) * (columns + 4)), kSentinel)
    {
        for (std::int64_t i = 0; i < rows; ++i)
            for (std::int64_t j = 0; j < columns; ++j)
                numbers[static_cast<std::size_t>(i * rowStride + j * columnStride)] = static_cast<float>(rng.normal());
    }
    MatrixView view() const { return { numbers.data(), rowStride, columnStride }; }

    static constexpr float kSentinel = 1e30F;
    std::int64_t rowStride;
    std::int64_t columnStride;
    std::vector<float> numbers;
};

template <typename Check>
void forAllOrders(const Check& check)
{
    for (const Shape& shape : kShapes)
        for (const Order a : { Order::RowsTogether, Order::ColumnsTogether })
            for (const Order b : { Order::RowsTogether, Order::ColumnsTogether })
                check(shape, a, b);
}

TEST(MatrixProduct, Product_AnyShapeOrderAndIsa_EqualsReferenceAndTouchesNothingElse)
{
    forAllOrders([](const Shape& shape, Order orderA, Order orderB) {
        Rng rng = test::testRng(31);
        const Matrix a(shape.rows, shape.depth, orderA, rng);
        const Matrix b(shape.depth, shape.columns, orderB, rng);
        const Matrix start(shape.rows, shape.columns, Order::RowsTogether, rng);
        const Matrix bias(1, shape.columns, Order::RowsTogether, rng);
        for (const bool isAdded : { false, true })
            for (const bool hasBias : { false, !isAdded })
                for (const CpuIsa isa : availableIsas()) {
                    Matrix expected = start;
                    Matrix found = start;
                    MatrixProduct product { .rows = shape.rows, .columns = shape.columns, .depth = shape.depth, .a = a.view(),
                        .b = b.view(), .bias = hasBias ? bias.numbers.data() : nullptr, .c = expected.numbers.data(),
                        .cStride = expected.rowStride, .isAdded = isAdded };
                    matrixProductReference(product);
                    product.c = found.numbers.data();
                    matrixProduct(product, isa);
                    test::expectClose(expected.numbers, found.numbers, std::ssize(found.numbers), 2e-7 * static_cast<double>(shape.depth + 10),
                        concat(shape.rows, " x ", shape.depth, " x ", shape.columns, ", ", nameOf(isa), ": "));
                    EXPECT_EQ(std::count(found.numbers.begin(), found.numbers.end(), Matrix::kSentinel),
                        std::count(start.numbers.begin(), start.numbers.end(), Matrix::kSentinel));
                }
    });
}

TEST(MatrixProduct, Row_AmongOthersAndOnSeveralThreads_HasTheSameBits)
{
    const int threads = at::get_num_threads();
    forAllOrders([](const Shape& shape, Order orderA, Order orderB) {
        Rng rng = test::testRng(32);
        const Matrix a(shape.rows, shape.depth, orderA, rng);
        const Matrix b(shape.depth, shape.columns, orderB, rng);
        std::vector<float> all(static_cast<std::size_t>(shape.rows * shape.columns));
        std::vector<float> shared(all.size());
        std::vector<float> alone(static_cast<std::size_t>(shape.columns));
        MatrixProduct product { .rows = shape.rows, .columns = shape.columns, .depth = shape.depth, .a = a.view(), .b = b.view(),
            .c = all.data(), .cStride = shape.columns };
        at::set_num_threads(1);
        matrixProduct(product);
        at::set_num_threads(3);
        product.c = shared.data();
        matrixProduct(product);
        EXPECT_EQ(shared, all);
        product.rows = 1;
        product.c = alone.data();
        for (const std::int64_t row : { std::int64_t { 0 }, shape.rows / 2, shape.rows - 1 }) {
            product.a.data = a.view().data + row * a.rowStride;
            matrixProduct(product);
            EXPECT_TRUE(std::equal(alone.begin(), alone.end(), all.begin() + row * shape.columns)) << row;
        }
    });
    at::set_num_threads(threads);
}

TEST(MatrixProduct, RowsOfTheResultThatOverlap_AreRefused)
{
    float number = 0.0F;
    EXPECT_THROW(matrixProduct({ .rows = 2, .columns = 2, .depth = 1, .a = { &number, 1, 1 }, .b = { &number, 1, 1 }, .c = &number, .cStride = 1 }),
        Error);
}

} // namespace
} // namespace midpoint::kernels
