// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/rollouts/token_view.h"
#include "widgets/theme/theme.h"

#include <gtest/gtest.h>

#include <QTest>

#include <cmath>

namespace midpoint::gui {
namespace {

TokenText text(int count, const QString& piece)
{
    TokenText result;
    for (int i = 0; i < count; ++i) {
        TokenPiece token;
        token.text = piece;
        token.id = i;
        token.logprob = -0.001 * i;
        result.pieces.push_back(token);
    }
    return result;
}

TEST(TokenView, Lines_WrapAtTheWidthAndHoldEveryToken)
{
    Theme theme(ThemeChoice::Light);
    TokenView view(theme, QStringLiteral("view"));
    view.resize(400, 300);
    view.show();
    view.setText(text(400, QStringLiteral(" word")));
    EXPECT_GT(view.lineCount(), 20u);
    EXPECT_EQ(view.plainText().size(), 2000);
    view.setWraps(false);
    EXPECT_EQ(view.lineCount(), 1u);
    view.setText(text(5, QStringLiteral("a\nb")));
    EXPECT_EQ(view.lineCount(), 6u);
}

TEST(TokenView, Find_GoesToTheTokenAndWrapsAround)
{
    Theme theme(ThemeChoice::Light);
    TokenView view(theme, QStringLiteral("view"));
    TokenText content = text(10, QStringLiteral("ab"));
    content.pieces[4].text = QStringLiteral("NEEDLE");
    view.setText(content);
    EXPECT_EQ(view.find(QStringLiteral("needle"), 0), 4);
    EXPECT_EQ(view.find(QStringLiteral("needle"), 7), 4);
    EXPECT_EQ(view.find(QStringLiteral("bNE"), 0), 3);
    EXPECT_EQ(view.find(QStringLiteral("missing"), 0), -1);
}

TEST(TokenView, Tint_IsClampedAndMissingForMissingNumbers)
{
    TokenPiece piece;
    EXPECT_TRUE(std::isnan(tintOf(piece, TokenColoring::LogProb)));
    piece.logprob = -3.0;
    EXPECT_DOUBLE_EQ(tintOf(piece, TokenColoring::LogProb), 0.5);
    piece.logprob = -60.0;
    EXPECT_DOUBLE_EQ(tintOf(piece, TokenColoring::LogProb), 1.0);
    piece.ratio = 0.5;
    EXPECT_DOUBLE_EQ(tintOf(piece, TokenColoring::Ratio), -0.5);
    EXPECT_TRUE(std::isnan(tintOf(piece, TokenColoring::None)));
}

// WCAG: text keeps 4.5 to 1 on the strongest tint of every colouring, in both themes.
TEST(TokenView, StrongestTint_KeepsTextReadable)
{
    const auto luminance = [](const QColor& color) {
        const auto channel = [](double c) { return c <= 0.03928 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4); };
        return 0.2126 * channel(color.redF()) + 0.7152 * channel(color.greenF()) + 0.0722 * channel(color.blueF());
    };
    for (const ThemeChoice choice : { ThemeChoice::Light, ThemeChoice::Dark }) {
        Theme theme(choice);
        for (const TokenColoring coloring : { TokenColoring::LogProb, TokenColoring::Advantage, TokenColoring::Ratio, TokenColoring::Entropy })
            for (const double tint : { -1.0, 1.0 }) {
                const QColor over = tintColor(theme, coloring, coloring == TokenColoring::LogProb || coloring == TokenColoring::Entropy ? 1.0 : tint);
                const QColor base = theme.color(ColorRole::Plot);
                const double a = over.alphaF();
                const QColor mixed = QColor::fromRgbF(static_cast<float>(over.redF() * a + base.redF() * (1 - a)), static_cast<float>(over.greenF() * a + base.greenF() * (1 - a)),
                    static_cast<float>(over.blueF() * a + base.blueF() * (1 - a)));
                const double one = luminance(theme.color(ColorRole::Text)) + 0.05;
                const double two = luminance(mixed) + 0.05;
                EXPECT_GE(std::max(one, two) / std::min(one, two), 4.5);
            }
    }
}

} // namespace
} // namespace midpoint::gui
