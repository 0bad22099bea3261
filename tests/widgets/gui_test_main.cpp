// SPDX-License-Identifier: GPL-3.0-or-later
// One application for all tests of a program: offscreen, Fusion, one font, the C locale, settings in a folder of its own.
#include <gtest/gtest.h>

#include <QApplication>
#include <QFont>
#include <QLocale>
#include <QSettings>
#include <QTemporaryDir>

int main(int argc, char** argv)
{
    qputenv("QT_QPA_PLATFORM", "offscreen");
    testing::InitGoogleTest(&argc, argv);
    QTemporaryDir settings;
    QSettings::setPath(QSettings::NativeFormat, QSettings::UserScope, settings.path());
    QApplication application(argc, argv);
    QApplication::setOrganizationName(QStringLiteral("midpoint-test"));
    QApplication::setApplicationName(QStringLiteral("midpoint-test"));
    QApplication::setFont(QFont(QStringLiteral("DejaVu Sans"), 10));
    QLocale::setDefault(QLocale::c());
    return RUN_ALL_TESTS();
}
