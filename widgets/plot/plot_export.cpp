// SPDX-License-Identifier: GPL-3.0-or-later
// What leaves the window: pictures with title, legend and where they come from, and tables of the visible range.
#include "widgets/plot/plot_tile.h"

#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"
#include "widgets/theme/theme.h"

#include "widgets/plot/qcustomplot_keywords.h"

#include <QApplication>
#include <QClipboard>
#include <QFileDialog>
#include <QLabel>
#include <QMessageBox>
#include <QPageSize>
#include <QPdfWriter>
#include <QSvgGenerator>

namespace midpoint::gui {

namespace {
constexpr double kPictureScale = 2.0; // of bitmaps: sharp on a slide
constexpr int kEdge = 8;
constexpr int kPixelsPerInch = 96; // of a page: lines and letters are as large as on a screen
constexpr double kPointsPerInch = 72.0;
} // namespace

QImage PlotTile::image(double scale) const { return m_plot->toPixmap(m_plot->width(), m_plot->height(), scale).toImage(); }

// The plot between its title and legend above and its origin below.
PlotTile::PictureLayout PlotTile::pictureLayout() const
{
    const QFontMetrics title(m_theme.strongFont());
    const QFontMetrics small(m_theme.smallFont());
    const int width = m_plot->width();
    PictureLayout layout;
    layout.title = QRect(kEdge, kEdge / 2, width - 2 * kEdge, title.height());
    layout.legend = QRect(kEdge, layout.title.bottom() + 3, width - 2 * kEdge, m_legend->heightForWidth(width - 2 * kEdge));
    layout.plot = QRect(0, layout.legend.bottom() + 3, width, m_plot->height());
    layout.origin = QRect(kEdge, layout.plot.bottom() + 1, width - 2 * kEdge, m_exportDescription.isEmpty() ? 0 : small.height() + kEdge / 2);
    layout.size = QSize(width, layout.origin.bottom() + 1);
    return layout;
}

void PlotTile::paintPicture(QCPPainter& painter, const PictureLayout& layout) const
{
    painter.fillRect(QRect(QPoint(), layout.size), m_theme.color(ColorRole::Plot));
    painter.setFont(m_theme.strongFont());
    painter.setPen(m_theme.color(ColorRole::Text));
    painter.drawText(layout.title, Qt::AlignLeft | Qt::AlignVCenter, QFontMetrics(m_theme.strongFont()).elidedText(title(), Qt::ElideRight, layout.title.width()));
    painter.save();
    painter.translate(layout.legend.topLeft());
    m_legend->draw(painter, layout.legend.width());
    painter.restore();
    painter.save();
    painter.translate(layout.plot.topLeft());
    m_plot->toPainter(&painter, layout.plot.width(), layout.plot.height());
    painter.restore();
    painter.setFont(m_theme.smallFont());
    painter.setPen(m_theme.color(ColorRole::Secondary));
    painter.drawText(layout.origin, Qt::AlignLeft | Qt::AlignTop, QFontMetrics(m_theme.smallFont()).elidedText(m_exportDescription, Qt::ElideMiddle, layout.origin.width()));
}

QImage PlotTile::picture() const
{
    const PictureLayout layout = pictureLayout();
    QImage image(layout.size * kPictureScale, QImage::Format_ARGB32_Premultiplied);
    QCPPainter painter;
    painter.begin(&image);
    painter.setMode(QCPPainter::pmNoCaching);
    painter.setMode(QCPPainter::pmNonCosmetic); // lines grow with the scale
    painter.scale(kPictureScale, kPictureScale);
    paintPicture(painter, layout);
    painter.end();
    image.setText(QStringLiteral("Description"), m_exportDescription);
    return image;
}

void PlotTile::copyImage() { QApplication::clipboard()->setImage(picture()); }
void PlotTile::copyTable() { QApplication::clipboard()->setText(csv()); }

QString PlotTile::csv() const
{
    const QCPRange range = m_plot->xAxis->range();
    QString text = csvHeader().join(QLatin1Char(',')) + QLatin1Char('\n');
    for (const std::vector<double>& row : csvRows(range.lower, range.upper)) {
        QStringList cells;
        for (const double value : row)
            cells << QString::fromStdString(shortest(value));
        text += cells.join(QLatin1Char(',')) + QLatin1Char('\n');
    }
    return text;
}

void PlotTile::exportTo(const QString& path)
{
    const std::filesystem::path target(path.toStdString());
    if (path.endsWith(QStringLiteral(".csv"))) {
        writeFileAtomically(target, csv().toStdString());
        return;
    }
    bool isWritten = false;
    if (path.endsWith(QStringLiteral(".svg"))) {
        const PictureLayout layout = pictureLayout();
        QSvgGenerator generator;
        generator.setFileName(path);
        generator.setSize(layout.size);
        generator.setViewBox(QRect(QPoint(), layout.size));
        generator.setTitle(title());
        generator.setDescription(m_exportDescription);
        QCPPainter painter;
        isWritten = painter.begin(&generator);
        if (isWritten) {
            painter.setMode(QCPPainter::pmVectorized);
            paintPicture(painter, layout);
            painter.end();
        }
    } else if (path.endsWith(QStringLiteral(".pdf"))) {
        const PictureLayout layout = pictureLayout();
        QPdfWriter page(path);
        page.setResolution(kPixelsPerInch);
        page.setPageSize(QPageSize(QSizeF(layout.size) * (kPointsPerInch / kPixelsPerInch), QPageSize::Point, QString(), QPageSize::ExactMatch));
        page.setPageMargins(QMarginsF());
        page.setTitle(m_exportDescription.isEmpty() ? title() : QStringLiteral("%1 — %2").arg(title(), m_exportDescription));
        page.setCreator(QApplication::applicationDisplayName());
        QCPPainter painter;
        isWritten = painter.begin(&page);
        if (isWritten) {
            painter.setMode(QCPPainter::pmVectorized);
            painter.setMode(QCPPainter::pmNoCaching);
            paintPicture(painter, layout);
            isWritten = painter.end();
        }
    } else {
        isWritten = picture().save(path);
    }
    if (!isWritten)
        throw Error(ErrorKind::Io, concat("cannot write the plot to '", target.string(), "': is the folder there and writable?"));
}

void PlotTile::exportByDialog(const QString& filter, const QString& ending)
{
    QString path = QFileDialog::getSaveFileName(this, tr("Save plot"), objectName() + QLatin1Char('.') + ending, filter);
    if (path.isEmpty())
        return;
    if (!path.endsWith(QLatin1Char('.') + ending))
        path += QLatin1Char('.') + ending;
    try {
        exportTo(path);
    } catch (const Error& error) {
        QMessageBox::warning(this, tr("Save plot"), QString::fromUtf8(error.what()));
    }
}

} // namespace midpoint::gui
