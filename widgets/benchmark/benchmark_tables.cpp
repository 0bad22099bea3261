// SPDX-License-Identifier: GPL-3.0-or-later
// The tables of the Benchmark screen: methods, seeds, learning rates, and what the paper reports.
#include "widgets/benchmark/benchmark_page.h"

#include "backend/store/published_savings.h"
#include "widgets/common/empty_hint.h"
#include "widgets/common/table_support.h"
#include "widgets/viewmodels/benchmark_view.h"
#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/rows_model.h"

#include <QHeaderView>
#include <QTableView>

#include <cmath>

namespace midpoint::gui {

namespace {

using store::Quantity;

// Never sorts behind everything that was reached, whichever way the table is sorted.
double orNothing(double value) { return std::isfinite(value) ? value : std::nan(""); }

QString stateOf(const store::MethodRun& run)
{
    switch (run.end) {
    case store::RunEnd::Complete: return BenchmarkPage::tr("complete");
    case store::RunEnd::Failed: return BenchmarkPage::tr("✕ failed");
    case store::RunEnd::Missing: break;
    }
    return BenchmarkPage::tr("… missing");
}

QString reasonAndFolder(const store::MethodRun& run)
{
    return (run.reason.empty() ? QString() : qs(run.reason) + QLatin1Char('\n')) + qs(run.folder);
}

QString accuracy(double value) { return std::isnan(value) ? QStringLiteral("-") : QString::number(value, 'f', 3); }

} // namespace

void BenchmarkPage::buildTables()
{
    styleTable(m_table, QStringLiteral("benchmarkTable"), tr("Methods"));
    m_model->setColumns(methodColumns());
    m_table->setModel(m_model);
    styleTable(m_runTable, QStringLiteral("benchmarkRuns"), tr("Seeds"));
    m_runModel->setColumns(runColumns());
    m_runTable->setModel(m_runModel);
    styleTable(m_rateTable, QStringLiteral("benchmarkRates"), tr("Learning rates that were tried"));
    m_rateModel->setColumns(rateColumns());
    m_rateTable->setModel(m_rateModel);
    new EmptyHint(m_rateTable, tr("No learning rates were tried: every method was run with that of its configuration."));
    styleTable(m_paperTable, QStringLiteral("benchmarkPaper"), tr("What the paper reports"));
    m_paperModel->setColumns(paperColumns());
    m_paperModel->setRows(store::kPublishedSavings.size());
    m_paperTable->setModel(m_paperModel);
    for (QTableView* table : { m_table, m_runTable, m_rateTable, m_paperTable }) {
        table->setSortingEnabled(true);
        table->sortByColumn(-1, Qt::AscendingOrder); // the order of the plan
    }
    m_paperTable->resizeColumnsToContents();
    connect(m_runTable, &QTableView::activated, this, [this](const QModelIndex& index) {
        const SeedRow& row = m_seedRows[m_runModel->sourceRow(index.row())];
        Q_EMIT runRequested(method(row.method).runs[row.run].run.folder);
    });
}

std::vector<ColumnSpec> BenchmarkPage::methodColumns() const
{
    std::vector<ColumnSpec> columns;
    columns.push_back({ tr("method"), tr("In the order of the plan; savings are against the baseline"),
        [this](std::size_t i) { return titleOf(i); }, {}, {} });
    columns.push_back({ tr("lr"), tr("Learning rate that it was run with; “-”: that of its configuration"),
        [this](std::size_t i) { return method(i).learningRate ? fullPrecision(*method(i).learningRate) : QStringLiteral("-"); },
        [this](std::size_t i) { return method(i).learningRate.value_or(std::nan("")); }, {} });
    columns.push_back({ tr("reached"), tr("Seeds that reached the target, of those that count; a seed that failed counts as one that reaches nothing"),
        [this](std::size_t i) {
            const auto missing = std::ssize(method(i).runs) - method(i).counted;
            const QString counted = !target() ? QString::number(method(i).counted) : tr("%1 of %2").arg(method(i).toTarget[*target()].reached).arg(method(i).counted);
            return missing > 0 ? tr("%1, %2 missing").arg(counted).arg(missing) : counted;
        },
        [this](std::size_t i) { return static_cast<double>(target() ? method(i).toTarget[*target()].reached : method(i).counted); }, {} });
    columns.push_back({ tr("saved"), tr("Against the baseline, of the cost chosen above, by the medians. “≥”: the baseline's median never got there, and what its runs "
                                        "spent in all stands for it. Preparation is not counted"),
        [this](std::size_t i) {
            const store::MethodResult* baseline = baselineOf(*m_result);
            return target() && baseline != nullptr ? savingText(saved(method(i).toTarget[*target()], baseline->toTarget[*target()], quantity())) : QStringLiteral("-");
        },
        [this](std::size_t i) {
            const store::MethodResult* baseline = baselineOf(*m_result);
            const auto saving = target() && baseline != nullptr ? saved(method(i).toTarget[*target()], baseline->toTarget[*target()], quantity()) : std::nullopt;
            return saving ? saving->share : std::nan("");
        },
        {} });
    columns.push_back({ tr("end"), tr("Smoothed held-out accuracy at the end: median over seeds [lowest, highest]"),
        [this](std::size_t i) { return accuracyText(method(i).finalAccuracy); }, [this](std::size_t i) { return method(i).finalAccuracy.median; }, {} });
    for (const Quantity each : store::kQuantities)
        columns.push_back({ each == Quantity::GeneratedTokens  ? tr("generated")
                    : each == Quantity::TrainedTokens ? tr("trained")
                                                      : shortTitle(each),
            tr("%1: median over seeds [lowest, highest]; evaluation apart").arg(axisTitle(each)),
            [this, each](std::size_t i) { return rangeText(each, spentBy(method(i), target(), each)); },
            [this, each](std::size_t i) { return orNothing(spentBy(method(i), target(), each).median); },
            [this, each](std::size_t i) { return rangeText(each, spentBy(method(i), target(), each)); } });
    columns.push_back({ tr("preparation"), tr("Spent before any run (labels, training of a predictor); in no other number"),
        [this](std::size_t i) { return method(i).setupSeconds > 0.0 ? duration(method(i).setupSeconds) : QStringLiteral("-"); },
        [this](std::size_t i) { return method(i).setupSeconds; }, {} });
    columns.push_back({ tr("evaluation"), tr("Wall time of the evaluations of a whole run; in no other number"),
        [this](std::size_t i) { return valueText(Quantity::TrainSeconds, method(i).evaluationSeconds.median); },
        [this](std::size_t i) { return method(i).evaluationSeconds.median; }, {} });
    columns.push_back({ tr("measuring"), tr("Wall time of fresh measurements, which the belief “oracle” has for nothing; in no other number"),
        [this](std::size_t i) { return method(i).oracleSeconds.median > 0.0 ? duration(method(i).oracleSeconds.median) : QStringLiteral("-"); },
        [this](std::size_t i) { return method(i).oracleSeconds.median; }, {} });
    return columns;
}

std::vector<ColumnSpec> BenchmarkPage::runColumns() const
{
    const auto runOf = [this](std::size_t i) -> const store::RunResult& { return method(m_seedRows[i].method).runs[m_seedRows[i].run]; };
    const auto spent = [this, runOf](std::size_t i) -> double {
        const store::RunResult& run = runOf(i);
        if (!target())
            return valueOf(run.total, quantity());
        return run.toTarget[*target()] ? valueOf(*run.toTarget[*target()], quantity())
            : run.run.end == store::RunEnd::Missing ? std::nan("")
                                                    : std::numeric_limits<double>::infinity();
    };
    std::vector<ColumnSpec> columns;
    columns.push_back({ tr("method"), {}, [this](std::size_t i) { return qs(method(m_seedRows[i].method).name); }, {}, {} });
    columns.push_back({ tr("seed"), {}, [runOf](std::size_t i) { return QString::number(runOf(i).run.seed); },
        [runOf](std::size_t i) { return static_cast<double>(runOf(i).run.seed); }, {} });
    columns.push_back({ tr("spent"), tr("The cost chosen above, until the target"), [this, spent](std::size_t i) { return valueText(quantity(), spent(i)); },
        [spent](std::size_t i) { return orNothing(spent(i)); }, {} });
    columns.push_back({ tr("end"), tr("Smoothed held-out accuracy at the end"), [runOf](std::size_t i) { return accuracy(runOf(i).finalAccuracy); },
        [runOf](std::size_t i) { return runOf(i).finalAccuracy; }, {} });
    columns.push_back({ tr("state"), tr("A run that failed counts as one that reaches nothing; one that is missing counts nowhere"),
        [runOf](std::size_t i) { return stateOf(runOf(i).run); }, {}, [runOf](std::size_t i) { return reasonAndFolder(runOf(i).run); } });
    columns.push_back({ tr("why"), tr("Why it failed or is missing"), [runOf](std::size_t i) { return qs(runOf(i).run.reason); }, {},
        [runOf](std::size_t i) { return reasonAndFolder(runOf(i).run); } });
    return columns;
}

std::vector<ColumnSpec> BenchmarkPage::rateColumns() const
{
    const auto trialOf = [this](std::size_t i) -> const store::RateTrial& { return method(m_rateRows[i].method).trials[m_rateRows[i].trial]; };
    const auto runOf = [this, trialOf](std::size_t i) -> const store::RateTrialRun& { return trialOf(i).runs[m_rateRows[i].run]; };
    std::vector<ColumnSpec> columns;
    columns.push_back({ tr("method"), {}, [this](std::size_t i) { return qs(method(m_rateRows[i].method).name); }, {}, {} });
    columns.push_back({ tr("rate"), tr("Learning rate; ● marks the one that the method was run with"),
        [this, trialOf](std::size_t i) {
            const double rate = trialOf(i).learningRate;
            return fullPrecision(rate) + (method(m_rateRows[i].method).learningRate == rate ? QStringLiteral(" ●") : QString());
        },
        [trialOf](std::size_t i) { return trialOf(i).learningRate; }, {} });
    columns.push_back({ tr("mean"), tr("Held-out accuracy over the second half of its runs, the mean over seeds: what the rate is chosen by"),
        [trialOf](std::size_t i) { return accuracy(trialOf(i).accuracy); }, [trialOf](std::size_t i) { return trialOf(i).accuracy; }, {} });
    columns.push_back({ tr("seed"), tr("Seeds that are in no other table"), [runOf](std::size_t i) { return QString::number(runOf(i).run.seed); },
        [runOf](std::size_t i) { return static_cast<double>(runOf(i).run.seed); }, {} });
    columns.push_back({ tr("accuracy"), tr("Of this seed"), [runOf](std::size_t i) { return accuracy(runOf(i).lateAccuracy); },
        [runOf](std::size_t i) { return runOf(i).lateAccuracy; }, {} });
    columns.push_back({ tr("state"), {}, [runOf](std::size_t i) { return stateOf(runOf(i).run); }, {},
        [runOf](std::size_t i) { return reasonAndFolder(runOf(i).run); } });
    return columns;
}

std::vector<ColumnSpec> BenchmarkPage::paperColumns() const
{
    const auto share = [](const QString& title, const QString& help, double store::PublishedSaving::*field) {
        return ColumnSpec { title, help, [field](std::size_t i) { return percent(store::kPublishedSavings[i].*field, 1); },
            [field](std::size_t i) { return store::kPublishedSavings[i].*field; }, {} };
    };
    const auto text = [](const QString& title, std::string_view store::PublishedSaving::*field) {
        return ColumnSpec { title, {}, [field](std::size_t i) { return qs(std::string(store::kPublishedSavings[i].*field)); }, {}, {} };
    };
    return { text(tr("model"), &store::PublishedSaving::model),
        share(tr("saved"), tr("Training time to GRPO's final accuracy, saved in total"), &store::PublishedSaving::saved),
        text(tr("pool"), &store::PublishedSaving::pool),
        share(tr("by steps"), tr("Saved by needing fewer steps"), &store::PublishedSaving::stepsSaved),
        share(tr("per step"), tr("Saved in the time of a step"), &store::PublishedSaving::timePerStepSaved) };
}

} // namespace midpoint::gui
