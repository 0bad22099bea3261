// SPDX-License-Identifier: GPL-3.0-or-later
#include "backend/core/error.h"
#include "backend/core/text.h"
#include "tests/support/fixtures.h"
#include "tests/widgets/gui_test.h"
#include "widgets/plot/bar_tile.h"
#include "widgets/plot/curve_tile.h"
#include "widgets/plot/map_tile.h"
#include "widgets/plot/plot_group.h"
#include "widgets/plot/scatter_tile.h"
#include "widgets/theme/theme.h"

#include <gtest/gtest.h>

#include <QImage>
#include <QScrollArea>
#include <QTest>
#include <QTimer>
#include <QVBoxLayout>

namespace midpoint::gui {
namespace {

class PlotTest : public testing::Test {
protected:
    PlotTest()
        : theme(ThemeChoice::Light)
        , tile(theme, QStringLiteral("tile"), QStringLiteral("Title"), { QStringLiteral("step"), QStringLiteral("reward") })
    {
        tile.resize(500, 300);
        auto curve = std::make_shared<Curve>(0.5);
        for (int i = 1; i <= 100; ++i)
            curve->append(i, i * 0.01);
        tile.setCurves({ { QStringLiteral("reward"), curve, 0 } });
        tile.show();
        QTest::qWait(30);
    }
    test::TemporaryFolder folder;
    Theme theme;
    CurveTile tile;
};

TEST_F(PlotTest, Csv_HoldsHeaderRawAndSmoothedOfTheVisibleRange)
{
    const QStringList lines = tile.csv().split(QLatin1Char('\n'), Qt::SkipEmptyParts);
    ASSERT_EQ(lines.size(), 101);
    EXPECT_EQ(lines[0], "\"step\",\"reward\",\"reward (smoothed)\"");
    EXPECT_EQ(lines[1], "1,0.01,0.01");
}

TEST_F(PlotTest, Export_WritesPngSvgPdfAndCsv_AndNamesAPathThatCannotBe)
{
    tile.setExportDescription(QStringLiteral("run alpha, smoothing 0.5"));
    for (const char* name : { "plot.png", "plot.svg", "plot.pdf", "plot.csv" }) {
        tile.exportTo(QString::fromStdString((folder / name).string()));
        EXPECT_GT(std::filesystem::file_size(folder / name), 500u) << name;
    }
    EXPECT_FALSE(QImage(QString::fromStdString((folder / "plot.png").string())).isNull());
    const std::string svg = test::read(folder / "plot.svg");
    EXPECT_NE(svg.find("<svg"), std::string::npos);
    for (const char* part : { "Title", "(raw 1)", "step", "run alpha, smoothing 0.5" }) // title, legend, axis, where it comes from
        EXPECT_NE(svg.find(part), std::string::npos) << part;
    EXPECT_GT(tile.picture().height(), 2 * tile.findChild<QWidget*>(QStringLiteral("tileCanvas"))->height()) << "more than the bare plot";
    const std::string pdf = test::read(folder / "plot.pdf");
    EXPECT_TRUE(pdf.starts_with("%PDF-")) << pdf.substr(0, 8);
    const double points = tile.findChild<QWidget*>(QStringLiteral("tileCanvas"))->width() * 72.0 / 96.0;
    EXPECT_NE(pdf.find(concat("/MediaBox [0 0 ", shortest(std::round(points)))), std::string::npos) << "the page is as wide as the plot: " << points;
    EXPECT_EQ(pdf.find("/Subtype /Image"), std::string::npos) << "lines stay lines";
    EXPECT_THROW(tile.exportTo(QString::fromStdString((folder / "missing" / "plot.png").string())), Error);
    EXPECT_THROW(tile.exportTo(QString::fromStdString((folder / "missing" / "plot.pdf").string())), Error);
    EXPECT_THROW(tile.exportTo(QString::fromStdString((folder / "missing" / "plot.csv").string())), Error);
}

TEST_F(PlotTest, Band_IsFilledBetweenItsEdges_NamedAndInTheTable)
{
    const auto line = [](double height) {
        auto curve = std::make_shared<Curve>(0.0);
        curve->append(0, height);
        curve->append(100, height);
        return curve;
    };
    CurveSpec spec { QStringLiteral("reward"), line(0.5), 0 };
    spec.band = CurveBand { QStringLiteral("p10–p90"), line(0.25), line(0.75) };
    tile.setCurves({ spec });
    tile.setFixedY(Range { 0.0, 1.0 });
    tile.settle();
    const QImage image = tile.image(1.0);
    const QColor empty = theme.color(ColorRole::Plot);
    const auto at = [&](double height) { return image.pixelColor(image.width() * 2 / 3 + 7, static_cast<int>(9 + (image.height() - 60) * (1.0 - height))); };
    EXPECT_NE(at(0.62), empty) << "between curve and edge";
    EXPECT_NE(at(0.38), empty);
    EXPECT_EQ(at(0.9), empty);
    EXPECT_EQ(at(0.1), empty);
    const auto& legend = tile.findChild<LegendRow*>()->entries();
    ASSERT_EQ(legend.size(), 2u);
    EXPECT_EQ(legend[1].name + legend[1].value, "p10–p900.250 to 0.750");
    EXPECT_EQ(tile.csv().section(QLatin1Char('\n'), 0, 1), "\"step\",\"reward\",\"reward: p10–p90, lower\",\"reward: p10–p90, upper\"\n0,0.5,0.25,0.75");
}

TEST_F(PlotTest, Legend_LeavesOutRemarksAndThenValues_BeforeItTakesAThirdRow)
{
    LegendRow row(theme);
    std::vector<LegendEntry> entries;
    for (int i = 0; i < 5; ++i)
        entries.push_back({ QStringLiteral("curve %1").arg(i), QStringLiteral("0.123"), Qt::blue, Qt::SolidLine, LegendShape::Line, QStringLiteral("raw 0.456") });
    row.setEntries(entries);
    const int line = row.fontMetrics().height() + 2;
    EXPECT_LE(row.heightForWidth(1200), line);
    for (const int width : { 260, 400, 600, 800 })
        EXPECT_LE(row.heightForWidth(width), 2 * line + 2) << width;
    EXPECT_TRUE(row.toolTip().contains(QStringLiteral("curve 4  0.123 (raw 0.456)"))) << "all of it is there";
}

TEST_F(PlotTest, EmptyText_ReplacesThePlotUntilThereIsData)
{
    tile.setEmptyText(QStringLiteral("nothing yet"));
    EXPECT_EQ(tile.emptyText(), "nothing yet");
    tile.setEmptyText({});
    EXPECT_TRUE(tile.emptyText().isEmpty());
}

TEST_F(PlotTest, Replots_AreCoalesced)
{
    const int before = tile.replotsDone();
    for (int i = 0; i < 50; ++i)
        tile.dataChanged();
    QTest::qWait(700);
    EXPECT_GT(tile.replotsDone(), before);
    EXPECT_LE(tile.replotsDone(), before + 2);
}

TEST_F(PlotTest, Crosshair_IsSharedByItsGroup)
{
    PlotGroup group;
    CurveTile other(theme, QStringLiteral("other"), QStringLiteral("Other"), { QStringLiteral("step"), QStringLiteral("y") });
    tile.setGroup(&group);
    other.setGroup(&group);
    group.move(50.0);
    EXPECT_EQ(group.position(), 50.0);
    const auto* legend = tile.findChild<LegendRow*>();
    ASSERT_NE(legend, nullptr);
    ASSERT_EQ(legend->entries().size(), 1u);
    EXPECT_TRUE(legend->entries()[0].remark.contains(QStringLiteral("raw 0.500"))) << legend->entries()[0].value.toStdString();
}

TEST_F(PlotTest, ShiftClick_FixesALineThatValuesAreComparedWith)
{
    PlotGroup group;
    tile.setGroup(&group);
    tile.settle();
    auto* canvas = tile.findChild<QWidget*>(QStringLiteral("tileCanvas"));
    const auto* legend = tile.findChild<LegendRow*>();
    bool wasClicked = false;
    QObject::connect(&tile, &PlotTile::clickedAt, &tile, [&] { wasClicked = true; });
    QTest::mouseClick(canvas, Qt::LeftButton, Qt::ShiftModifier, canvas->rect().center());
    EXPECT_FALSE(wasClicked) << "the step that other screens look at stays";
    group.move(90.0);
    ASSERT_EQ(legend->entries().size(), 2u);
    EXPECT_TRUE(legend->entries()[0].value.contains(QStringLiteral("Δ +0."))) << legend->entries()[0].value.toStdString();
    EXPECT_TRUE(legend->entries()[1].name.startsWith(QStringLiteral("Δ x "))) << legend->entries()[1].name.toStdString();
    QTest::mouseClick(canvas, Qt::LeftButton, Qt::ShiftModifier, canvas->rect().center());
    group.move(80.0);
    EXPECT_EQ(legend->entries().size(), 1u);
    EXPECT_FALSE(legend->entries()[0].value.contains(QStringLiteral("Δ")));
}

TEST_F(PlotTest, Group_DrawsOnePlotInATurn_AndOneScrolledOutOfSightWhenItIsSeen)
{
    QScrollArea area;
    auto* canvas = new QWidget;
    auto* column = new QVBoxLayout(canvas);
    PlotGroup group;
    std::vector<CurveTile*> tiles;
    for (const char* name : { "one", "two", "three" }) {
        tiles.push_back(new CurveTile(theme, QString::fromUtf8(name), QString::fromUtf8(name), { QStringLiteral("step"), QStringLiteral("y") }));
        tiles.back()->setFixedHeight(300);
        tiles.back()->setGroup(&group);
        tiles.back()->setCurves(tile.curves());
        column->addWidget(tiles.back());
    }
    area.setWidgetResizable(true);
    area.setWidget(canvas);
    area.resize(500, 500); // the third is below
    area.show();
    ASSERT_TRUE(test::waitFor([&] { return tiles[0]->replotsDone() > 0 && tiles[1]->replotsDone() > 0; }));
    EXPECT_EQ(tiles[2]->replotsDone(), 0);
    const auto drawn = [&] { return tiles[0]->replotsDone() + tiles[1]->replotsDone() + tiles[2]->replotsDone(); };
    int before = drawn();
    int mostInATurn = 0;
    QTimer turns;
    QObject::connect(&turns, &QTimer::timeout, &turns, [&] {
        mostInATurn = std::max(mostInATurn, drawn() - before);
        before = drawn();
    });
    turns.start(0);
    const int first = tiles[0]->replotsDone();
    const int second = tiles[1]->replotsDone();
    for (CurveTile* each : tiles)
        each->setLogY(true);
    ASSERT_TRUE(test::waitFor([&] { return tiles[0]->replotsDone() > first && tiles[1]->replotsDone() > second; }));
    EXPECT_EQ(mostInATurn, 1);
    area.ensureWidgetVisible(tiles[2]);
    EXPECT_TRUE(test::waitFor([&] { return tiles[2]->replotsDone() > 0; }));
}

TEST_F(PlotTest, Keys_MoveTheCrosshairAndChooseItsStep)
{
    auto* canvas = tile.findChild<QWidget*>(QStringLiteral("tileCanvas"));
    canvas->setFocus();
    double chosen = 0.0;
    QObject::connect(&tile, &PlotTile::clickedAt, &tile, [&](double x) { chosen = x; });
    for (int i = 0; i < 5; ++i)
        QTest::keyClick(canvas, Qt::Key_Right, Qt::ShiftModifier);
    QTest::keyClick(canvas, Qt::Key_Left);
    const auto* legend = tile.findChild<LegendRow*>();
    EXPECT_TRUE(legend->entries()[0].remark.contains(QStringLiteral("raw 0.75"))) << legend->entries()[0].value.toStdString();
    QTest::keyClick(canvas, Qt::Key_Return);
    EXPECT_NEAR(chosen, 75.0, 1.0);
    QTest::keyClick(canvas, Qt::Key_Escape);
    EXPECT_TRUE(legend->entries()[0].remark.contains(QStringLiteral("raw 1"))) << "without a crosshair the last value";
}

// The rightmost and the leftmost column of the picture whose upper third holds a pixel of the curve's colour family.
std::pair<int, int> columnsWithInkAbove(const QImage& image, const QColor& background)
{
    int first = image.width();
    int last = -1;
    for (int x = image.width() / 5; x < image.width() - 10; ++x) // right of the axis
        for (int y = image.height() / 8; y < image.height() / 3; ++y) {
            const QColor pixel = image.pixelColor(x, y);
            if (pixel.blue() - pixel.red() > 30 && pixel != background) {
                first = std::min(first, x);
                last = std::max(last, x);
            }
        }
    return { first, last };
}

TEST_F(PlotTest, NoiseOfManyPoints_KeepsItsOneSpikeAtEveryScale)
{
    auto curve = std::make_shared<Curve>(0.9);
    constexpr int kPoints = 100'000;
    for (int i = 0; i < kPoints; ++i)
        curve->append(i, i == kPoints / 2 ? 5.0 : (i * 7919 % 101) / 500.0);
    tile.setCurves({ { QStringLiteral("noise"), curve, 0 } });
    tile.refreshForBenchmark();
    for (const double scale : { 1.0, 2.0 }) {
        const auto [first, last] = columnsWithInkAbove(tile.image(scale), theme.color(ColorRole::Plot));
        ASSERT_GE(last, 0) << "the spike is lost at scale " << scale;
        EXPECT_LE(last - first, 3 * scale) << "only the spike reaches so high";
    }
}

TEST_F(PlotTest, DashedNoise_HasGaps)
{
    const auto inkOf = [&](int color) {
        auto curve = std::make_shared<Curve>(0.0);
        for (int i = 0; i < 20'000; ++i)
            curve->append(i, i % 2);
        tile.setCurves({ { QStringLiteral("noise"), curve, color } });
        tile.refreshForBenchmark();
        const QImage image = tile.image(1.0);
        int ink = 0;
        for (int x = 0; x < image.width(); ++x)
            ink += image.pixelColor(x, image.height() / 2).blue() - image.pixelColor(x, image.height() / 2).red() > 60 ? 1 : 0;
        return ink;
    };
    const int solid = inkOf(0);
    const int dashed = inkOf(Theme::kSeriesCount); // the first hue again, dashed
    EXPECT_GT(solid, 300);
    EXPECT_NEAR(static_cast<double>(dashed) / solid, 8.0 / 12.0, 0.08);
}

TEST_F(PlotTest, ScatterOfMany_DrawsADensity)
{
    ScatterTile scatter(theme, QStringLiteral("scatter"), QStringLiteral("Scatter"), { QStringLiteral("x"), QStringLiteral("y") });
    std::vector<ScatterPoint> points(ScatterTile::kMaximumDiscs + 1);
    scatter.setPoints(points, { QStringLiteral("all") });
    EXPECT_TRUE(scatter.showsDensity());
    points.pop_back();
    scatter.setPoints(points, { QStringLiteral("all") });
    EXPECT_FALSE(scatter.showsDensity());
}

// Measurements of four rollouts are jittered by a tenth: none may fall off the plot.
TEST_F(PlotTest, ScatterOfJitteredPoints_ShowsThoseBeyondTheEnds)
{
    ScatterTile scatter(theme, QStringLiteral("scatter"), QStringLiteral("Scatter"), { QStringLiteral("x"), QStringLiteral("y") });
    scatter.resize(400, 400);
    scatter.setPoints({ { 0.5, 1.1, 1, 0 }, { 0.5, -0.1, 2, 0 } }, { QStringLiteral("all") });
    scatter.show();
    scatter.settle();
    const QImage image = scatter.image(1.0);
    const auto hasDisc = [&](int from, int to) {
        int pixels = 0;
        for (int y = from; y < to; ++y)
            for (int x = image.width() / 4; x < image.width() - 20; ++x)
                pixels += image.pixelColor(x, y).blue() - image.pixelColor(x, y).red() > 60 ? 1 : 0;
        return pixels >= 12;
    };
    EXPECT_TRUE(hasDisc(0, image.height() / 3));
    EXPECT_TRUE(hasDisc(image.height() / 2, image.height()));
}

TEST(Theme, RolesAndSeries_ContrastWithTheBackgroundInBothThemes)
{
    const auto luminance = [](const QColor& color) {
        const auto channel = [](double c) { return c <= 0.03928 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4); };
        return 0.2126 * channel(color.redF()) + 0.7152 * channel(color.greenF()) + 0.0722 * channel(color.blueF());
    };
    const auto contrast = [&](const QColor& a, const QColor& b) {
        return (std::max(luminance(a), luminance(b)) + 0.05) / (std::min(luminance(a), luminance(b)) + 0.05);
    };
    for (const ThemeChoice choice : { ThemeChoice::Light, ThemeChoice::Dark }) {
        Theme theme(choice);
        for (const ColorRole role : { ColorRole::Text, ColorRole::Secondary, ColorRole::Accent, ColorRole::Good, ColorRole::Warning, ColorRole::Alert })
            EXPECT_GE(contrast(theme.color(role), theme.color(ColorRole::Plot)), 4.5) << static_cast<int>(role) << " dark " << theme.isDark();
        for (int i = 0; i < 5; ++i) // the sixth is told apart by its dash pattern in the light theme
            EXPECT_GE(contrast(theme.series(i), theme.color(ColorRole::Plot)), 3.0);
    }
    EXPECT_EQ(Theme::seriesDash(5), Qt::SolidLine);
    EXPECT_EQ(Theme::seriesDash(6), Qt::DashLine);
}

} // namespace
} // namespace midpoint::gui
