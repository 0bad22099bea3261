// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/viewmodels/rows_model.h"

#include <gtest/gtest.h>

#include <QAbstractItemModelTester>
#include <QSignalSpy>

#include <cmath>

namespace midpoint::gui {
namespace {

class RowsModelTest : public testing::Test {
protected:
    RowsModelTest()
        : tester(&model, QAbstractItemModelTester::FailureReportingMode::Fatal)
    {
        model.setColumns({ { "name", {}, [this](std::size_t i) { return names[i]; }, {}, {} },
            { "value", "help", [this](std::size_t i) { return QString::number(values[i]); }, [this](std::size_t i) { return values[i]; }, {} } });
        model.setRows(names.size());
    }
    QStringList shown() const
    {
        QStringList result;
        for (int row = 0; row < model.rowCount(); ++row)
            result << model.index(row, 0).data().toString();
        return result;
    }

    QStringList names { "delta", "Alpha", "charlie", "bravo" };
    std::vector<double> values { 4.0, NAN, 3.0, 10.0 };
    RowsModel model;
    QAbstractItemModelTester tester;
};

TEST_F(RowsModelTest, Sort_ByNumber_PutsMissingLastBothWays)
{
    model.sort(1, Qt::AscendingOrder);
    EXPECT_EQ(shown(), (QStringList { "charlie", "delta", "bravo", "Alpha" }));
    model.sort(1, Qt::DescendingOrder);
    EXPECT_EQ(shown(), (QStringList { "bravo", "delta", "charlie", "Alpha" }));
}

TEST_F(RowsModelTest, Sort_ByText_IgnoresCaseAndKeepsPersistentIndices)
{
    const QPersistentModelIndex delta(model.index(0, 0));
    model.sort(0, Qt::AscendingOrder);
    EXPECT_EQ(shown(), (QStringList { "Alpha", "bravo", "charlie", "delta" }));
    EXPECT_EQ(delta.data().toString(), "delta");
    EXPECT_EQ(delta.row(), 3);
}

TEST_F(RowsModelTest, Filter_HidesRowsAndMapsBack)
{
    model.setFilter([this](std::size_t i) { return names[i].contains(QLatin1Char('r')); });
    EXPECT_EQ(shown(), (QStringList { "charlie", "bravo" }));
    EXPECT_EQ(model.sourceRow(1), 3u);
    EXPECT_EQ(model.rowOfSource(0), -1);
    EXPECT_EQ(model.rowOfSource(3), 1);
}

TEST_F(RowsModelTest, AppendRows_InsertsOnlyFittingOnes)
{
    model.setFilter([this](std::size_t i) { return names[i].contains(QLatin1Char('r')); });
    const QSignalSpy inserted(&model, &QAbstractItemModel::rowsInserted);
    names << "romeo" << "echo";
    values.insert(values.end(), { 1.0, 2.0 });
    model.appendRows(2);
    EXPECT_EQ(inserted.count(), 1);
    EXPECT_EQ(shown(), (QStringList { "charlie", "bravo", "romeo" }));
    EXPECT_EQ(model.sourceRows(), 6u);
}

TEST_F(RowsModelTest, Families_StayTogetherInEveryOrder)
{
    model.setRows(4, { 0, 0, 0, 3 }); // the second and third stand below the first
    const auto together = [this] {
        const QStringList now = shown();
        const qsizetype head = now.indexOf(names[0]);
        return head + 2 < now.size() && QSet<QString>({ now[head + 1], now[head + 2] }) == QSet<QString>({ names[1], names[2] });
    };
    EXPECT_TRUE(together());
    for (const int column : { 0, 1 })
        for (const Qt::SortOrder order : { Qt::AscendingOrder, Qt::DescendingOrder }) {
            model.sort(column, order);
            EXPECT_TRUE(together()) << shown().join(QLatin1Char(' ')).toStdString();
        }
    const QStringList down = shown();
    model.sort(1, Qt::AscendingOrder);
    EXPECT_NE(shown(), down) << "heads, and rows within a family, are sorted";
}

TEST_F(RowsModelTest, Data_AlignsNumbersRightAndNamesColumns)
{
    EXPECT_TRUE(model.index(0, 1).data(Qt::TextAlignmentRole).value<Qt::Alignment>().testFlag(Qt::AlignRight));
    EXPECT_TRUE(model.index(0, 0).data(Qt::TextAlignmentRole).value<Qt::Alignment>().testFlag(Qt::AlignLeft));
    EXPECT_EQ(model.headerData(1, Qt::Horizontal).toString(), "value");
    EXPECT_EQ(model.headerData(1, Qt::Horizontal, Qt::ToolTipRole).toString(), "help");
}

} // namespace
} // namespace midpoint::gui
