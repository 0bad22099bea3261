// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/rollouts/token_view.h"

#include "widgets/theme/theme.h"
#include "widgets/viewmodels/format.h"

#include <QApplication>
#include <QClipboard>
#include <QContextMenuEvent>
#include <QKeyEvent>
#include <QMenu>
#include <QMouseEvent>
#include <QPainter>
#include <QScrollBar>
#include <QToolTip>

#include <algorithm>
#include <cmath>

namespace midpoint::gui {

namespace {
constexpr double kDarkestLogProb = -6.0; // nats: anything less likely is drawn alike
constexpr double kLargestAdvantage = 2.5;
constexpr double kLargestEntropy = 3.0;
constexpr double kMaximumTint = 0.35;    // so that text keeps its contrast
constexpr int kMargin = 8;

bool isDiverging(TokenColoring coloring) { return coloring == TokenColoring::Advantage || coloring == TokenColoring::Ratio; }
} // namespace

double tintOf(const TokenPiece& piece, TokenColoring coloring)
{
    switch (coloring) {
    case TokenColoring::LogProb: return std::clamp(piece.logprob / kDarkestLogProb, 0.0, 1.0);
    case TokenColoring::Entropy: return std::clamp(piece.entropy / kLargestEntropy, 0.0, 1.0);
    case TokenColoring::Advantage: return std::clamp(piece.advantage / kLargestAdvantage, -1.0, 1.0);
    case TokenColoring::Ratio: return std::clamp(piece.ratio - 1.0, -1.0, 1.0);
    case TokenColoring::None: break;
    }
    return std::numeric_limits<double>::quiet_NaN();
}

QColor tintColor(const Theme& theme, TokenColoring coloring, double tint)
{
    if (std::isnan(tint))
        return Qt::transparent;
    QColor color;
    if (isDiverging(coloring)) {
        color = theme.diverging(tint >= 0 ? 1.0 : -1.0);
        color.setAlphaF(static_cast<float>(kMaximumTint * std::abs(tint)));
    } else {
        color = theme.color(theme.isDark() ? ColorRole::Warning : ColorRole::Accent);
        color.setAlphaF(static_cast<float>(kMaximumTint * tint));
    }
    return color;
}

TokenView::TokenView(const Theme& theme, const QString& name, QWidget* parent)
    : QAbstractScrollArea(parent)
    , m_theme(theme)
{
    setObjectName(name);
    setAccessibleName(tr("Text of the rollout"));
    viewport()->setMouseTracking(true);
    viewport()->setBackgroundRole(QPalette::Base);
    viewport()->setAutoFillBackground(true);
    setFrameShape(QFrame::NoFrame);
    setFont(theme.fixedFont());
    setFocusPolicy(Qt::StrongFocus);
    connect(&theme, &Theme::changed, viewport(), qOverload<>(&QWidget::update));
}

void TokenView::setText(TokenText text)
{
    m_text = std::move(text);
    m_highlighted = m_hoveredToken = -1;
    relayout();
    verticalScrollBar()->setValue(0);
}

void TokenView::setColoring(TokenColoring coloring)
{
    m_coloring = coloring;
    viewport()->update();
}

void TokenView::setWraps(bool on)
{
    m_wraps = on;
    relayout();
}

void TokenView::setShowsSpecial(bool on)
{
    m_showsSpecial = on;
    relayout();
}

int TokenView::lineHeight() const { return fontMetrics().height() + 4; }

void TokenView::place(const QString& text, int token, int& x, int maximum)
{
    const QFontMetrics metrics(font());
    qsizetype start = 0;
    const auto newLine = [&] {
        m_widest = std::max(m_widest, x);
        m_lines.emplace_back();
        x = 0;
    };
    while (start < text.size()) {
        const qsizetype end = text.indexOf(QLatin1Char('\n'), start);
        QString part = text.mid(start, end < 0 ? -1 : end - start);
        part.replace(QLatin1Char('\t'), QStringLiteral("    "));
        if (end >= 0 && m_showsSpecial)
            part += QStringLiteral("⏎");
        while (!part.isEmpty()) {
            int width = metrics.horizontalAdvance(part);
            QString piece = part;
            if (x + width > maximum && x > 0 && (width <= maximum || token >= 0)) {
                // Break at the last space of a long prompt, before the token otherwise.
                const qsizetype space = token < 0 ? part.lastIndexOf(QLatin1Char(' '), std::max<qsizetype>(1, (maximum - x) / std::max(1, metrics.averageCharWidth()) - 1)) : -1;
                if (space <= 0) {
                    newLine();
                    continue;
                }
                piece = part.left(space + 1);
            } else if (width > maximum) {
                qsizetype fit = std::max<qsizetype>(1, (maximum - x) / std::max(1, metrics.averageCharWidth()));
                const qsizetype space = part.lastIndexOf(QLatin1Char(' '), fit);
                if (token < 0 && space > 0)
                    fit = space + 1;
                piece = part.left(fit);
            }
            width = metrics.horizontalAdvance(piece);
            m_lines.back().push_back({ token, x, width, piece });
            x += width;
            part.remove(0, piece.size());
            if (!part.isEmpty())
                newLine();
        }
        if (end < 0)
            break;
        newLine();
        start = end + 1;
    }
}

void TokenView::relayout()
{
    m_lines.assign(1, {});
    m_widest = 0;
    const int maximum = m_wraps ? std::max(viewport()->width() - 2 * kMargin, 80) : std::numeric_limits<int>::max() / 2;
    int x = 0;
    if (!m_text.prompt.isEmpty()) {
        place(m_text.prompt, -1, x, maximum);
        m_lines.emplace_back();
        m_lines.emplace_back();
        x = 0;
    }
    for (std::size_t i = 0; i < m_text.pieces.size(); ++i)
        place(m_text.pieces[i].text, static_cast<int>(i), x, maximum);
    m_widest = std::max(m_widest, x);
    updateBars();
    viewport()->update();
}

void TokenView::updateBars()
{
    verticalScrollBar()->setPageStep(viewport()->height());
    verticalScrollBar()->setSingleStep(lineHeight());
    verticalScrollBar()->setRange(0, std::max(0, static_cast<int>(m_lines.size()) * lineHeight() + 2 * kMargin - viewport()->height()));
    horizontalScrollBar()->setPageStep(viewport()->width());
    horizontalScrollBar()->setRange(0, m_wraps ? 0 : std::max(0, m_widest + 2 * kMargin - viewport()->width()));
}

void TokenView::resizeEvent(QResizeEvent*)
{
    if (m_wraps)
        relayout();
    else
        updateBars();
}

void TokenView::paintEvent(QPaintEvent* event)
{
    QPainter painter(viewport());
    painter.setFont(font());
    const int height = lineHeight();
    const int top = kMargin - verticalScrollBar()->value();
    const int left = kMargin - horizontalScrollBar()->value();
    const int first = std::max(0, (event->rect().top() - top) / height);
    const int last = std::min(static_cast<int>(m_lines.size()) - 1, (event->rect().bottom() - top) / height);
    const int ascent = fontMetrics().ascent();
    const QColor text = m_theme.color(ColorRole::Text);
    const QColor secondary = m_theme.color(ColorRole::Secondary);
    for (int i = first; i <= last; ++i) {
        const int y = top + i * height;
        for (const Run& part : m_lines[static_cast<std::size_t>(i)]) {
            const QRect box(left + part.x, y, part.width, height - 1);
            if (part.token >= 0) {
                const TokenPiece& piece = m_text.pieces[static_cast<std::size_t>(part.token)];
                const double tint = tintOf(piece, m_coloring);
                if (!std::isnan(tint))
                    painter.fillRect(box, tintColor(m_theme, m_coloring, tint));
                if (m_showsSpecial) {
                    painter.setPen(m_theme.color(ColorRole::Grid));
                    painter.drawLine(box.topRight(), box.bottomRight());
                }
                if (piece.isClipped) {
                    painter.setPen(QPen(m_theme.color(ColorRole::Alert), 1));
                    painter.drawLine(box.left(), y + ascent + 4, box.right() - 1, y + ascent + 4);
                }
                if (part.token == m_highlighted || part.token == m_hoveredToken) {
                    painter.setPen(QPen(m_theme.color(ColorRole::Accent), part.token == m_highlighted ? 2 : 1));
                    painter.drawRect(box.adjusted(0, 0, -1, -1));
                }
            }
            painter.setPen(part.token < 0 ? secondary : text);
            painter.drawText(box.left(), y + ascent + 2, part.text);
        }
    }
}

int TokenView::tokenAt(QPoint position) const
{
    const int line = (position.y() - kMargin + verticalScrollBar()->value()) / lineHeight();
    if (line < 0 || line >= static_cast<int>(m_lines.size()))
        return -1;
    const int x = position.x() - kMargin + horizontalScrollBar()->value();
    for (const Run& part : m_lines[static_cast<std::size_t>(line)])
        if (x >= part.x && x < part.x + part.width)
            return part.token;
    return -1;
}

QString TokenView::describe(int token) const
{
    const TokenPiece& piece = m_text.pieces[static_cast<std::size_t>(token)];
    QString shown = piece.text;
    shown.replace(QLatin1Char('\n'), QStringLiteral("⏎"));
    QStringList parts { tr("token %1 “%2”").arg(token + 1).arg(shown), tr("id %1").arg(piece.id) };
    const auto add = [&](const QString& name, double value) {
        if (!std::isnan(value))
            parts << QStringLiteral("%1 %2").arg(name, number(value));
    };
    add(tr("log-prob"), piece.logprob);
    add(tr("when trained"), piece.trainerLogprob);
    add(tr("ratio"), piece.ratio);
    add(tr("advantage"), piece.advantage);
    add(tr("entropy"), piece.entropy);
    if (piece.isClipped)
        parts << tr("clipped");
    return parts.join(QStringLiteral("   "));
}

void TokenView::mouseMoveEvent(QMouseEvent* event)
{
    const int token = tokenAt(event->position().toPoint());
    if (token == m_hoveredToken)
        return;
    m_hoveredToken = token;
    viewport()->update();
    Q_EMIT hovered(token >= 0 ? describe(token) : QString());
}

void TokenView::leaveEvent(QEvent*)
{
    m_hoveredToken = -1;
    viewport()->update();
    Q_EMIT hovered(QString());
}

void TokenView::keyPressEvent(QKeyEvent* event)
{
    if (event->matches(QKeySequence::Copy))
        QApplication::clipboard()->setText(plainText());
    else if (event->key() == Qt::Key_Home)
        verticalScrollBar()->setValue(0);
    else if (event->key() == Qt::Key_End)
        verticalScrollBar()->setValue(verticalScrollBar()->maximum());
    else
        QAbstractScrollArea::keyPressEvent(event);
}

void TokenView::contextMenuEvent(QContextMenuEvent* event)
{
    auto* menu = new QMenu(this);
    menu->setObjectName(QStringLiteral("tokenMenu"));
    menu->setAttribute(Qt::WA_DeleteOnClose);
    menu->addAction(tr("Copy the response"), QKeySequence::Copy, this, [this] { QApplication::clipboard()->setText(plainText()); });
    menu->addAction(tr("Copy prompt and response"), this, [this] { QApplication::clipboard()->setText(m_text.prompt + QStringLiteral("\n\n") + plainText()); });
    menu->addSeparator();
    const auto add = [&](const QString& text, bool isOn, void (TokenView::*set)(bool)) {
        QAction* action = menu->addAction(text);
        action->setCheckable(true);
        action->setChecked(isOn);
        connect(action, &QAction::toggled, this, set);
    };
    add(tr("Wrap lines"), m_wraps, &TokenView::setWraps);
    add(tr("Show where tokens end, and line breaks"), m_showsSpecial, &TokenView::setShowsSpecial);
    menu->popup(event->globalPos());
}

int TokenView::find(const QString& needle, int fromToken)
{
    m_highlighted = -1;
    QString whole;
    std::vector<qsizetype> starts;
    for (const TokenPiece& piece : m_text.pieces) {
        starts.push_back(whole.size());
        whole += piece.text;
    }
    if (!needle.isEmpty() && !starts.empty()) {
        const auto from = static_cast<std::size_t>(std::clamp(fromToken, 0, static_cast<int>(starts.size()) - 1));
        qsizetype found = whole.indexOf(needle, starts[from], Qt::CaseInsensitive);
        if (found < 0)
            found = whole.indexOf(needle, 0, Qt::CaseInsensitive);
        if (found >= 0)
            m_highlighted = static_cast<int>(std::upper_bound(starts.begin(), starts.end(), found) - starts.begin()) - 1;
    }
    for (std::size_t line = 0; line < m_lines.size() && m_highlighted >= 0; ++line)
        for (const Run& part : m_lines[line])
            if (part.token == m_highlighted) {
                verticalScrollBar()->setValue(static_cast<int>(line) * lineHeight() - viewport()->height() / 2);
                line = m_lines.size();
                break;
            }
    viewport()->update();
    return m_highlighted;
}

QString TokenView::plainText() const
{
    QString whole;
    for (const TokenPiece& piece : m_text.pieces)
        whole += piece.text;
    return whole;
}

TokenLegend::TokenLegend(const Theme& theme, QWidget* parent)
    : QWidget(parent)
    , m_theme(theme)
{
    setObjectName(QStringLiteral("tokenLegend"));
    setFont(theme.smallFont());
    setSizePolicy(QSizePolicy::Fixed, QSizePolicy::Fixed);
    connect(&theme, &Theme::changed, this, qOverload<>(&QWidget::update));
}

void TokenLegend::setColoring(TokenColoring coloring)
{
    m_coloring = coloring;
    setVisible(coloring != TokenColoring::None);
    update();
}

QSize TokenLegend::sizeHint() const { return { 250, fontMetrics().height() + 6 }; }

void TokenLegend::paintEvent(QPaintEvent*)
{
    QPainter painter(this);
    QString low, high;
    switch (m_coloring) {
    case TokenColoring::LogProb: low = tr("likely 0"); high = tr("−6 unlikely"); break;
    case TokenColoring::Entropy: low = tr("sure 0"); high = tr("3 nats"); break;
    case TokenColoring::Advantage: low = tr("−2.5 worse"); high = tr("better +2.5"); break;
    case TokenColoring::Ratio: low = tr("0"); high = tr("ratio 2"); break;
    case TokenColoring::None: return;
    }
    const QFontMetrics metrics(font());
    const int from = metrics.horizontalAdvance(low) + 8;
    const int to = width() - metrics.horizontalAdvance(high) - 8;
    painter.setPen(m_theme.color(ColorRole::Secondary));
    painter.drawText(rect(), Qt::AlignLeft | Qt::AlignVCenter, low);
    painter.drawText(rect(), Qt::AlignRight | Qt::AlignVCenter, high);
    for (int x = from; x < to; ++x) {
        const double share = static_cast<double>(x - from) / std::max(1, to - from);
        painter.fillRect(x, 3, 1, height() - 6, tintColor(m_theme, m_coloring, isDiverging(m_coloring) ? share * 2 - 1 : share));
    }
    painter.setPen(m_theme.color(ColorRole::Grid));
    painter.drawRect(from, 3, to - from, height() - 7);
}

} // namespace midpoint::gui
