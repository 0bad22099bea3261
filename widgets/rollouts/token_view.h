// SPDX-License-Identifier: GPL-3.0-or-later
// Paints the text of one rollout token by token, each on a tint that stands for a number. Lays out all lines once (widths are
// measured per distinct token) and paints only the visible ones, so that thousands of tokens stay quick.
#pragma once

#include <QAbstractScrollArea>

#include <cstdint>
#include <limits>
#include <vector>

namespace midpoint::gui {

class Theme;

enum class TokenColoring { LogProb, Advantage, Ratio, Entropy, None };

struct TokenPiece {
    QString text;
    std::int32_t id = 0;
    double logprob = std::numeric_limits<double>::quiet_NaN();
    double trainerLogprob = std::numeric_limits<double>::quiet_NaN();
    double ratio = std::numeric_limits<double>::quiet_NaN();
    double entropy = std::numeric_limits<double>::quiet_NaN();
    double advantage = std::numeric_limits<double>::quiet_NaN();
    bool isClipped = false; // underlined: the update ignores it
};

struct TokenText {
    QString prompt; // shown above, without tint
    std::vector<TokenPiece> pieces;
};

// -1..1 for diverging colourings, 0..1 for sequential ones; NaN: no tint.
double tintOf(const TokenPiece& piece, TokenColoring coloring);

class TokenView : public QAbstractScrollArea {
    Q_OBJECT
public:
    TokenView(const Theme& theme, const QString& name, QWidget* parent = nullptr);

    void setText(TokenText text);
    void setColoring(TokenColoring coloring);
    void setWraps(bool on);
    void setShowsSpecial(bool on); // line ends and token borders
    int find(const QString& needle, int fromToken); // token index, or -1; scrolls there
    QString plainText() const;
    std::size_t lineCount() const { return m_lines.size(); }
    const TokenText& text() const { return m_text; }

Q_SIGNALS:
    void hovered(QString description);

protected:
    void paintEvent(QPaintEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void mouseMoveEvent(QMouseEvent* event) override;
    void leaveEvent(QEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void contextMenuEvent(QContextMenuEvent* event) override;

private:
    struct Run { // part of a token on one line
        int token = 0; // -1: prompt
        int x = 0;
        int width = 0;
        QString text;
    };
    using Line = std::vector<Run>;
    void relayout();
    void place(const QString& text, int token, int& x, int maximum);
    void updateBars();
    int tokenAt(QPoint position) const;
    QString describe(int token) const;
    int lineHeight() const;

    const Theme& m_theme;
    TokenText m_text;
    TokenColoring m_coloring = TokenColoring::LogProb;
    bool m_wraps = true;
    bool m_showsSpecial = false;
    std::vector<Line> m_lines;
    int m_widest = 0;
    int m_highlighted = -1;
    int m_hoveredToken = -1;
};

// The numbers behind the tints, drawn as a gradient with its ends.
class TokenLegend : public QWidget {
    Q_OBJECT
public:
    TokenLegend(const Theme& theme, QWidget* parent = nullptr);
    void setColoring(TokenColoring coloring);
    QSize sizeHint() const override;
    QSize minimumSizeHint() const override { return sizeHint(); }

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    const Theme& m_theme;
    TokenColoring m_coloring = TokenColoring::LogProb;
};

QColor tintColor(const Theme& theme, TokenColoring coloring, double tint);

} // namespace midpoint::gui
