#include "backend/reward/math/unfold.h"

#include "backend/reward/math/exact_value.h"
#include "backend/reward/math/scalar_equality.h"

#include <algorithm>

namespace midpoint::reward::math {

namespace {

long sizeOf(const Expression& e)
{
    long size = 1;
    for (const Expression& part : e.parts)
        size += sizeOf(part);
    return size;
}

bool isUnfoldable(const Expression& e)
{
    const bool isNamed = e.kind == Kind::Function
        && (e.text == "sum" || e.text == "prod" || e.text == "det" || e.text == "cis" || e.text == "conj");
    return isNamed || e.kind == Kind::Matrix || (e.kind == Kind::Power && e.parts[1].kind == Kind::Symbol && e.parts[1].text == "T")
        || std::any_of(e.parts.begin(), e.parts.end(), isUnfoldable);
}

Expression withIndex(const Expression& e, const std::string& index, long value)
{
    if (e.kind == Kind::Symbol && e.text == index)
        return value < 0 ? unary(Kind::Negate, number(-value)) : number(value);
    Expression out = e;
    for (Expression& part : out.parts)
        part = withIndex(part, index, value);
    return out;
}

Expression entryOf(const Expression& matrix, std::size_t row, std::size_t column) { return matrix.parts[row].parts[column]; }

// Rows of one length.
bool isRectangular(const Expression& matrix)
{
    return std::all_of(matrix.parts.begin(), matrix.parts.end(),
        [&](const Expression& row) { return row.parts.size() == matrix.parts.front().parts.size() && !row.parts.empty(); });
}

template <typename Change>
Expression changed(Expression matrix, Change change)
{
    for (Expression& row : matrix.parts)
        for (Expression& entry : row.parts)
            entry = change(std::move(entry));
    return matrix;
}

class Unfolder {
public:
    explicit Unfolder(const Bounds& bounds)
        : m_bounds(bounds)
    {
    }

    Expression visit(const Expression& e)
    {
        if (!isUnfoldable(e))
            return e;
        if (e.kind == Kind::Function && (e.text == "sum" || e.text == "prod"))
            return series(e);
        Expression out = e;
        for (Expression& part : out.parts)
            part = visit(part);
        switch (out.kind) {
        case Kind::Function:
            return call(std::move(out));
        case Kind::Negate:
            if (out.parts[0].kind == Kind::Matrix)
                return changed(std::move(out.parts[0]), [](Expression entry) { return unary(Kind::Negate, std::move(entry)); });
            return out;
        case Kind::Quotient:
            return quotient(std::move(out));
        case Kind::Product:
            return multiple(std::move(out));
        case Kind::Sum:
            return matrixSum(std::move(out));
        case Kind::Power:
            return out.parts[1].kind == Kind::Symbol && out.parts[1].text == "T" ? transposed(std::move(out)) : out;
        default:
            return out;
        }
    }

private:
    void spend(long nodes)
    {
        m_spent += nodes;
        if (m_spent > m_bounds.maxUnfoldedNodes)
            throw BeyondBounds("more than " + std::to_string(m_bounds.maxUnfoldedNodes) + " symbols written out");
    }

    // parts: index, first, last, term
    Expression series(const Expression& e)
    {
        constexpr long kLargestIndex = 1'000'000'000;
        const Expression first = visit(e.parts[1]);
        const Expression last = visit(e.parts[2]);
        const auto low = smallInteger(first, kLargestIndex);
        const auto high = smallInteger(last, kLargestIndex);
        if (!low || !high)
            return e;
        const bool isSum = e.text == "sum";
        if (*low > *high)
            return number(isSum ? 0 : 1);
        Expression out(isSum ? Kind::Sum : Kind::Product);
        const long size = sizeOf(e.parts[3]);
        for (long k = *low; k <= *high; ++k) {
            spend(size);
            out.parts.push_back(visit(withIndex(e.parts[3], e.parts[0].text, k)));
        }
        return out;
    }

    Expression call(Expression e)
    {
        if (e.parts.size() != 1)
            return e;
        if (e.text == "det" && e.parts[0].kind == Kind::Matrix)
            return isRectangular(e.parts[0]) ? determinant(e) : e;
        if (e.text == "cis") { // cos x + i sin x
            spend(2 * sizeOf(e));
            std::vector<Expression> angle = e.parts;
            Expression sine = binary(Kind::Product, Expression(Kind::Constant, "i"), function("sin", std::move(angle)));
            return binary(Kind::Sum, function("cos", std::move(e.parts)), std::move(sine));
        }
        if (e.text == "conj" && isArithmetic(e.parts[0])) {
            spend(2 * sizeOf(e));
            return conjugate(e.parts[0]);
        }
        return e;
    }

    // Of these the conjugate is the same with -i for i.
    static bool isArithmetic(const Expression& e)
    {
        switch (e.kind) {
        case Kind::Number:
            return true;
        case Kind::Constant:
            return true;
        case Kind::Root:
            return e.parts[0].kind == Kind::Number;
        case Kind::Sum:
        case Kind::Product:
        case Kind::Quotient:
        case Kind::Negate:
            return std::all_of(e.parts.begin(), e.parts.end(), isArithmetic);
        case Kind::Power:
            return isArithmetic(e.parts[0]) && smallInteger(e.parts[1], 1000).has_value();
        default:
            return false;
        }
    }

    static Expression conjugate(const Expression& e)
    {
        if (e.kind == Kind::Constant && e.text == "i")
            return unary(Kind::Negate, e);
        Expression out = e;
        for (Expression& part : out.parts)
            part = conjugate(part);
        return out;
    }

    Expression determinant(const Expression& e)
    {
        constexpr std::size_t kLargest = 4;
        const Expression& matrix = e.parts[0];
        const std::size_t n = matrix.parts.size();
        if (n > kLargest || matrix.parts.front().parts.size() != n)
            return e;
        std::vector<std::size_t> columns(n);
        for (std::size_t i = 0; i < n; ++i)
            columns[i] = i;
        Expression total(Kind::Sum);
        do { // Leibniz
            Expression product(Kind::Product);
            bool isOdd = false;
            for (std::size_t i = 0; i < n; ++i) {
                product.parts.push_back(entryOf(matrix, i, columns[i]));
                for (std::size_t j = 0; j < i; ++j)
                    isOdd = isOdd != (columns[j] > columns[i]);
            }
            spend(sizeOf(product));
            total.parts.push_back(isOdd ? unary(Kind::Negate, std::move(product)) : std::move(product));
        } while (std::next_permutation(columns.begin(), columns.end()));
        return total;
    }

    Expression quotient(Expression e)
    {
        if (e.parts[0].kind != Kind::Matrix || !isScalar(e.parts[1]))
            return e;
        const Expression below = std::move(e.parts[1]);
        return changed(std::move(e.parts[0]), [&](Expression entry) {
            spend(sizeOf(below));
            return binary(Kind::Quotient, std::move(entry), below);
        });
    }

    // Scalars times one matrix.
    Expression multiple(Expression e)
    {
        const auto isMatrix = [](const Expression& part) { return part.kind == Kind::Matrix; };
        const auto matrix = std::find_if(e.parts.begin(), e.parts.end(), isMatrix);
        if (matrix == e.parts.end())
            return e;
        const bool hasScalars = std::all_of(e.parts.begin(), e.parts.end(),
            [&](const Expression& part) { return &part == &*matrix || isScalar(part); });
        if (!hasScalars)
            return e;
        Expression entries = std::move(*matrix);
        e.parts.erase(matrix);
        return changed(std::move(entries), [&](Expression entry) {
            spend(sizeOf(e));
            Expression product = e;
            product.parts.push_back(std::move(entry));
            return product;
        });
    }

    Expression matrixSum(Expression e)
    {
        const Expression& first = e.parts.front();
        const auto hasItsSize = [&](const Expression& part) {
            return part.kind == Kind::Matrix && isRectangular(part) && part.parts.size() == first.parts.size()
                && part.parts.front().parts.size() == first.parts.front().parts.size();
        };
        if (first.kind != Kind::Matrix || !std::all_of(e.parts.begin(), e.parts.end(), hasItsSize))
            return e;
        Expression out = first;
        for (std::size_t i = 0; i < out.parts.size(); ++i) {
            for (std::size_t j = 0; j < out.parts[i].parts.size(); ++j) {
                Expression sum(Kind::Sum);
                for (const Expression& part : e.parts)
                    sum.parts.push_back(entryOf(part, i, j));
                out.parts[i].parts[j] = std::move(sum);
            }
        }
        return out;
    }

    // A transposed tuple is a column.
    static Expression transposed(Expression e)
    {
        Expression& inner = e.parts[0];
        Expression out(Kind::Matrix);
        if (inner.kind == Kind::Bracket && (inner.text == "()" || inner.text == "[]")) {
            for (Expression& part : inner.parts)
                out.parts.push_back(Expression(Kind::Row, std::vector<Expression> { std::move(part) }));
            return out;
        }
        if (inner.kind != Kind::Matrix || !isRectangular(inner))
            return e;
        for (std::size_t j = 0; j < inner.parts.front().parts.size(); ++j) {
            Expression row(Kind::Row);
            for (std::size_t i = 0; i < inner.parts.size(); ++i)
                row.parts.push_back(entryOf(inner, i, j));
            out.parts.push_back(std::move(row));
        }
        return out;
    }

    const Bounds& m_bounds;
    long m_spent = 0;
};

} // namespace

Expression unfold(const Expression& expression, const Bounds& bounds) { return Unfolder(bounds).visit(expression); }

} // namespace midpoint::reward::math
