// The cases of the operations that mix tokens, attention over the cache and over packed sequences, and of `linear`.
#include "kernels/cuda/packed_tiles.h"
#include "kernels/cuda/twins.h"

#include <bit>

namespace midpoint::kernels::cuda {

void Twins::comparePaged(
    std::int64_t queryHeads, std::int64_t keyValueHeads, std::int64_t headDim, std::int64_t blockTokens, ElementType type)
{
    Rng draws = rng();
    const PagedCacheShape shape { blockTokens, keyValueHeads, headDim, type };
    // Sequences of odd lengths in a shuffled cache; the third one shares its first block with the second.
    const std::int64_t longest = isLarge() ? 20000 : 600;
    const std::vector<std::int64_t> lengths = { 1, 2 * blockTokens, blockTokens + 1, 5, 3 * blockTokens - 1, 256, 257, longest };
    std::vector<std::int32_t> table;
    std::vector<std::size_t> begin;
    std::int32_t blocks = 0;
    for (std::size_t i = 0; i < lengths.size(); ++i) {
        begin.push_back(table.size());
        for (std::int64_t b = 0; b < (lengths[i] + blockTokens - 1) / blockTokens; ++b)
            table.push_back(i == 2 && b == 0 ? table[begin[1]] : blocks++);
    }
    for (std::int32_t& block : table)
        block = blocks - 1 - block;
    const auto rows = static_cast<std::int64_t>(lengths.size());
    const std::int64_t stride = (queryHeads + 1) * headDim;
    const HostArray before = HostArray::random(type, blocks * shape.blockElements(), draws);
    const HostArray query = HostArray::random(type, rows * stride, draws);
    const HostArray keyValue = HostArray::random(type, rows * 2 * keyValueHeads * headDim, draws);
    const std::int64_t keyValueStride = 2 * keyValueHeads * headDim;
    const std::int64_t valueOffset = keyValueHeads * headDim * sizeOf(type);
    const auto rowsOf = [&](const std::int32_t* tables) {
        std::vector<PagedRow> list;
        for (std::size_t i = 0; i < lengths.size(); ++i)
            list.push_back({ tables + begin[i], lengths[i] });
        return list;
    };
    HostArray cache = before, output(type, rows * queryHeads * headDim);
    const std::vector<PagedRow> hostRows = rowsOf(table.data());
    pagedWrite(shape, { rows, keyValue.data(), static_cast<const std::byte*>(keyValue.data()) + valueOffset, keyValueStride, cache.data(), hostRows.data() });
    pagedAttentionReference(shape, { rows, queryHeads, 0.4F, query.data(), stride, cache.data(), hostRows.data(), output.data() });
    compare(concat(queryHeads, "/", keyValueHeads, " heads of ", headDim, ", blocks of ", blockTokens, ", up to ", longest, " tokens, ", nameOf(type)),
        { { "cache", cache, 0 }, { "output", output, toleranceOf(type) } }, [&] {
            const DeviceArray dTable(m_module, table), dCache(m_module, before), dQuery(m_module, query), dKeyValue(m_module, keyValue), dOutput(m_module, output.bytes());
            const DeviceArray dRows(m_module, rowsOf(dTable.data<std::int32_t>()));
            operations().pagedWrite(shape,
                { rows, dKeyValue.data(), dKeyValue.bytesAt(valueOffset), keyValueStride, dCache.data(), dRows.data<PagedRow>() }, nullptr);
            const PagedAttentionArguments arguments { rows, queryHeads, 0.4F, dQuery.data(), stride, dCache.data(), dRows.data<PagedRow>(), dOutput.data() };
            const DeviceArray workspace(m_module, pagedAttentionWorkspace(shape, arguments, longest));
            operations().pagedAttention(shape, arguments, longest, workspace.data(), nullptr);
            return Arrays { dCache.fetch(type), dOutput.fetch(type) };
        });
}

void Twins::pagedAttention()
{
    for (const ElementType type : kTypes) {
        comparePaged(1, 1, 1, 16, type);
        comparePaged(4, 2, 32, 16, type);
        comparePaged(9, 3, 64, 16, type);
        comparePaged(7, 1, 20, 32, type);
        comparePaged(5, 5, 128, 48, type);
        comparePaged(66, 1, 4, 16, type);
        comparePaged(12, 2, 128, 16, type);
        comparePaged(2, 1, 256, 16, type);
    }
}

void Twins::comparePacked(const std::vector<std::vector<std::int64_t>>& groups, std::int64_t queryHeads, std::int64_t keyValueHeads,
    std::int64_t headDim, ElementType type)
{
    std::vector<std::int64_t> segmentOffsets = { 0 }, groupOffsets = { 0 };
    for (const auto& lengths : groups) {
        for (const std::int64_t length : lengths)
            segmentOffsets.push_back(segmentOffsets.back() + length);
        groupOffsets.push_back(static_cast<std::int64_t>(segmentOffsets.size()) - 1);
    }
    const PackedAttentionShape shape { segmentOffsets, groupOffsets, queryHeads, keyValueHeads, headDim, 0.7F, type };
    const std::int64_t tokens = shape.tokens();
    const std::int64_t queryCount = tokens * queryHeads * headDim;
    const std::int64_t keyCount = tokens * keyValueHeads * headDim;
    Rng draws = rng();
    const HostArray query = HostArray::random(type, queryCount, draws), key = HostArray::random(type, keyCount, draws, 0.5);
    const HostArray value = HostArray::random(type, keyCount, draws), gradOutput = HostArray::random(type, queryCount, draws);
    HostArray output(type, queryCount), logSumExp(kFloat, tokens * queryHeads);
    HostArray gradQuery(type, queryCount), gradKey(type, keyCount), gradValue(type, keyCount);
    packedAttentionForwardReference(shape, { query.data(), key.data(), value.data(), output.data(), logSumExp.floats() });
    packedAttentionBackwardReference(shape,
        { query.data(), key.data(), value.data(), output.data(), logSumExp.floats(), gradOutput.data(), gradQuery.data(), gradKey.data(), gradValue.data() });
    const PackedTiles tiles = packedTiles(shape);
    const double tolerance = toleranceOf(type);
    compare(concat(tokens, " tokens, ", queryHeads, "/", keyValueHeads, " heads of ", headDim, ", ", nameOf(type)),
        { { "output", output, tolerance }, { "logSumExp", logSumExp, 1e-5 }, { "gradQuery", gradQuery, 4 * tolerance },
            { "gradKey", gradKey, 4 * tolerance }, { "gradValue", gradValue, 4 * tolerance } },
        [&] {
            const DeviceArray queryTiles(m_module, tiles.queries), keyTiles(m_module, tiles.keys);
            const PackedTileShape onDevice { queryTiles.data<QueryTile>(), static_cast<std::int64_t>(tiles.queries.size()), keyTiles.data<KeyTile>(),
                static_cast<std::int64_t>(tiles.keys.size()), tokens, queryHeads, keyValueHeads, headDim, 0.7F, type };
            const DeviceArray dQuery(m_module, query), dKey(m_module, key), dValue(m_module, value), dGradOutput(m_module, gradOutput);
            const DeviceArray dOutput(m_module, output.bytes()), dLogSumExp(m_module, logSumExp.bytes()), dGradQuery(m_module, query.bytes());
            const DeviceArray dGradKey(m_module, key.bytes()), dGradValue(m_module, key.bytes()), workspace(m_module, packedAttentionBackwardWorkspace(onDevice));
            operations().packedAttentionForward(
                onDevice, { dQuery.data(), dKey.data(), dValue.data(), dOutput.data(), dLogSumExp.data<float>() }, nullptr);
            operations().packedAttentionBackward(onDevice,
                { dQuery.data(), dKey.data(), dValue.data(), dOutput.data(), dLogSumExp.data<float>(), dGradOutput.data(), dGradQuery.data(),
                    dGradKey.data(), dGradValue.data() },
                workspace.data(), nullptr);
            return Arrays { dOutput.fetch(type), dLogSumExp.fetch(kFloat), dGradQuery.fetch(type), dGradKey.fetch(type), dGradValue.fetch(type) };
        });
}

void Twins::packedAttention()
{
    for (const ElementType type : kTypes) {
        comparePacked({}, 1, 1, 8, type);
        comparePacked({ { 1 } }, 1, 1, 1, type);
        comparePacked({ { 0 }, { 5, 0, 3 }, { 0, 2 } }, 2, 1, 3, type);
        comparePacked({ { 17, 1, 16, 33 }, { 1, 40 }, { 31 } }, 4, 2, 32, type);
        comparePacked({ { 16, 15, 17 } }, 6, 2, 64, type);
        comparePacked({ { 66, 5, 33 } }, 2, 1, 128, type);
        comparePacked({ { 34, 9 } }, 2, 2, 200, type);
        comparePacked({ { 9, 3 } }, 1, 1, 256, type);
        if (isLarge())
            comparePacked({ { 150, 350, 1 }, { 65 } }, 6, 2, 128, type);
    }
}

void Twins::linear()
{
    struct Case {
        std::int64_t rows, outputs, inputs;
    };
    std::vector<Case> cases = { { 0, 3, 4 }, { 1, 1, 1 }, { 2, 5, 3 }, { 9, 75, 128 }, { 33, 17, 65 }, { 3, 30, 333 }, { 8, 12, 512 } };
    if (isLarge())
        cases.push_back({ 4, 4096, 4096 });
    for (const Case& c : cases)
        for (const ElementType type : kTypes)
            for (const ElementType yType : { type, kFloat }) {
                Rng draws = rng();
                const HostArray weight = HostArray::random(type, c.outputs * c.inputs, draws, 0.3), bias = HostArray::random(type, c.outputs, draws);
                const HostArray x = HostArray::random(type, c.rows * c.inputs, draws);
                HostArray y(yType, c.rows * c.outputs);
                packedLinearReference(weight.data(), c.outputs, c.inputs, type, { c.rows, x.data(), bias.data(), y.data(), yType });
                compare(concat(c.rows, " x ", c.outputs, " x ", c.inputs, " ", nameOf(type)), { { "y", y, toleranceOf(type) } }, [&] {
                    const DeviceArray dWeight(m_module, weight), dBias(m_module, bias), dX(m_module, x), dY(m_module, y.bytes());
                    operations().linear({ dWeight.data(), c.outputs, c.inputs, type }, { c.rows, dX.data(), dBias.data(), dY.data(), yType }, nullptr);
                    return Arrays { dY.fetch(yType) };
                });
            }
}

// Sequences whose tokens are known to the host and such whose tokens only the step before knows.
void Twins::decodeRows()
{
    constexpr std::int64_t kTableStride = 9, kBlockTokens = 16;
    for (const std::int64_t rows : { 0, 1, 129, 300 }) {
        Rng draws = rng();
        std::vector<DecodeRowPlan> plan;
        std::vector<std::int32_t> drawn, tables;
        for (std::int64_t r = 0; r < rows; ++r) {
            const std::int64_t position = draws.below(kTableStride * kBlockTokens);
            plan.push_back({ philoxStream({ 3, DrawPurpose::TrainRollout, r / 7, r * r, r % 16 }), draws.below(1 << 20), position,
                static_cast<std::int32_t>(draws.below(1000)), static_cast<std::int32_t>(draws.below(rows + 1)) - 1,
                static_cast<std::int32_t>(rows - 1 - r), position % kBlockTokens == 0 ? static_cast<std::int32_t>(r) : -1 });
            drawn.push_back(r == 5 ? -1 : static_cast<std::int32_t>(draws.below(1000)));
        }
        for (std::int64_t i = 0; i < rows * kTableStride; ++i)
            tables.push_back(static_cast<std::int32_t>(draws.below(500)));
        // Everything as whole numbers: tables by their distance from the first one, random numbers by their bits.
        const auto asNumbers = [](const std::vector<std::int64_t>& token, const std::vector<std::int64_t>& position, const std::vector<PagedRow>& row,
                                   const std::int32_t* base, const std::vector<double>& uniform, const std::vector<std::int32_t>& table) {
            std::vector<std::int64_t> numbers(token);
            numbers.insert(numbers.end(), position.begin(), position.end());
            for (const PagedRow& item : row)
                numbers.insert(numbers.end(), { item.table - base, item.length });
            for (const double number : uniform)
                numbers.push_back(std::bit_cast<std::int64_t>(number));
            numbers.insert(numbers.end(), table.begin(), table.end());
            return numbers;
        };
        const auto count = static_cast<std::size_t>(rows);
        std::vector<std::int64_t> token(count), position(count);
        std::vector<PagedRow> row(count);
        std::vector<double> uniform(count);
        std::vector<std::int32_t> expectedTables = tables;
        decodeRowsReference({ rows, plan.data(), drawn.data(), expectedTables.data(), kTableStride, kBlockTokens, token.data(), position.data(),
            row.data(), uniform.data() });
        const std::vector<std::int64_t> expected = asNumbers(token, position, row, expectedTables.data(), uniform, expectedTables);

        const DeviceArray dPlan(m_module, plan), dDrawn(m_module, drawn), dTables(m_module, tables), dToken(m_module, rows * 8);
        const DeviceArray dPosition(m_module, rows * 8), dRow(m_module, rows * static_cast<std::int64_t>(sizeof(PagedRow))), dUniform(m_module, rows * 8);
        operations().decodeRows({ rows, dPlan.data<DecodeRowPlan>(), dDrawn.data<std::int32_t>(), dTables.data<std::int32_t>(), kTableStride,
                                    kBlockTokens, dToken.data<std::int64_t>(), dPosition.data<std::int64_t>(), dRow.data<PagedRow>(), dUniform.data<double>() },
            nullptr);
        dToken.fetch(token);
        dPosition.fetch(position);
        dRow.fetch(row);
        dUniform.fetch(uniform);
        std::vector<std::int32_t> foundTables = tables;
        dTables.fetch(foundTables);
        const std::vector<std::int64_t> found = asNumbers(token, position, row, dTables.data<std::int32_t>(), uniform, foundTables);
        m_report({ m_operation, concat(rows, " rows"), found == expected ? 0.0 : 1.0, 0 });
    }
}

} // namespace midpoint::kernels::cuda
