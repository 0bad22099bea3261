// SPDX-License-Identifier: GPL-3.0-or-later
#include "widgets/log/failure_advice.h"

#include "widgets/viewmodels/format.h"
#include "widgets/viewmodels/run_control.h"

#include <QCoreApplication>

#include <algorithm>
#include <iterator>

namespace midpoint::gui {
namespace {

enum class Remedy {
    Machine, // the same run can go on when the machine is as it should be
    Setting, // it would end the same way again: a setting has to change
};

struct KnownCause {
    const char* mark; // in the reason that the exit record gives, in small letters
    const char* cause;
    const char* advice;
    Remedy remedy;
};

constexpr const char* kNoMemory = QT_TRANSLATE_NOOP("FailureAdvice", "Memory ran out.");
constexpr const char* kLessMemory = QT_TRANSLATE_NOOP("FailureAdvice", "Use fewer sequences at once (rollout.max_sequences) or smaller micro-batches (batch.tokens_per_microbatch).");
constexpr const char* kFullDisk = QT_TRANSLATE_NOOP("FailureAdvice", "The disk is full.");
constexpr const char* kFreeDisk = QT_TRANSLATE_NOOP("FailureAdvice", "Free space, for example old checkpoints or the rollouts.db of other runs.");

constexpr KnownCause kKnownCauses[] = {
    { "cuda out of memory", QT_TRANSLATE_NOOP("FailureAdvice", "The GPU ran out of memory."),
        QT_TRANSLATE_NOOP("FailureAdvice", "Lower batch.tokens_per_microbatch or rollout.kv_cache_megabytes, or turn on model.activation_checkpointing."), Remedy::Setting },
    { "out of memory", kNoMemory, kLessMemory, Remedy::Setting },
    { "can't allocate memory", kNoMemory, kLessMemory, Remedy::Setting },
    { "bad_alloc", kNoMemory, kLessMemory, Remedy::Setting },
    { "no space left on device", kFullDisk, kFreeDisk, Remedy::Machine },
    { "disk is full", kFullDisk, kFreeDisk, Remedy::Machine },
    { "gave no sign of life", QT_TRANSLATE_NOOP("FailureAdvice", "A rank or a host was silent for too long."),
        QT_TRANSLATE_NOOP("FailureAdvice", "The System screen shows where it was: check its host and network."), Remedy::Machine },
    { "nccl error", QT_TRANSLATE_NOOP("FailureAdvice", "The ranks lost contact with each other."),
        QT_TRANSLATE_NOOP("FailureAdvice", "Look for the first rank that failed on the System screen, and check its host and network."), Remedy::Machine },
    { "not finite", QT_TRANSLATE_NOOP("FailureAdvice", "A number of the model was not finite."),
        QT_TRANSLATE_NOOP("FailureAdvice", "Lower optimizer.learning_rate or optimizer.gradient_clip."), Remedy::Setting },
};

QString words(const char* text) { return QCoreApplication::translate("FailureAdvice", text); }

const KnownCause* knownCause(const std::string& reason)
{
    const QString text = qs(reason).toLower();
    const auto* found = std::find_if(std::begin(kKnownCauses), std::end(kKnownCauses), [&](const KnownCause& known) { return text.contains(QLatin1String(known.mark)); });
    return found == std::end(kKnownCauses) ? nullptr : found;
}

// How the run goes on afterwards.
QString goOn(const RunHeader& header, Remedy remedy)
{
    if (header.checkpoints.empty() && header.hasDamagedCheckpoints)
        return words(QT_TRANSLATE_NOOP("FailureAdvice", "Then start a new run: none of this one's checkpoints can be used."));
    if (remedy == Remedy::Setting && header.checkpoints.empty())
        return words(QT_TRANSLATE_NOOP("FailureAdvice", "Then start a new run with the changed setting (in the Runs table: New run with these settings)."));
    if (remedy == Remedy::Setting) {
        const std::vector<std::string> command = RunControl::trainCommand("midpoint", header.path / "resolved.toml", { "KEY=VALUE" }, header.path);
        return words(QT_TRANSLATE_NOOP("FailureAdvice", "Then go on from the newest checkpoint with the changed setting:\n%1")).arg(RunControl::asShellLine(command));
    }
    return header.checkpoints.empty() ? words(QT_TRANSLATE_NOOP("FailureAdvice", "Then start it again."))
                                      : words(QT_TRANSLATE_NOOP("FailureAdvice", "Then resume from the newest checkpoint."));
}

FailureAdvice ofFailed(const RunHeader& header)
{
    FailureAdvice result;
    const std::string reason = header.exit ? header.exit->reason : std::string();
    const QString state = qs(launch::describe(header.state));
    result.cause = state.contains(qs(reason)) ? state : words(QT_TRANSLATE_NOOP("FailureAdvice", "%1: %2")).arg(state, qs(reason));
    Remedy remedy = Remedy::Machine;
    if (const KnownCause* known = knownCause(reason)) {
        result.advice = words(known->cause) + QLatin1Char(' ') + words(known->advice);
        remedy = known->remedy;
    } else if (header.exit && header.exit->signal == 9) {
        result.advice = words(QT_TRANSLATE_NOOP("FailureAdvice",
            "Killed by signal 9, most often by the out-of-memory killer: if so, use less memory (rollout.max_sequences, batch.tokens_per_microbatch)."));
        remedy = Remedy::Setting;
    } else {
        result.advice = words(QT_TRANSLATE_NOOP("FailureAdvice", "Mend the cause."));
    }
    result.advice += QLatin1Char(' ') + goOn(header, remedy);
    return result;
}

} // namespace

FailureAdvice adviseOn(const RunHeader& header)
{
    switch (header.state.kind) {
    case launch::RunStateKind::Failed:
        return ofFailed(header);
    case launch::RunStateKind::Lost:
        return { words(QT_TRANSLATE_NOOP("FailureAdvice", "LOST: the process is gone and left no record of its end: it was killed, or the machine went down.")),
            words(QT_TRANSLATE_NOOP("FailureAdvice", "The system's log (dmesg) says if it was the out-of-memory killer.")) + QLatin1Char(' ') + goOn(header, Remedy::Machine) };
    case launch::RunStateKind::NoHeartbeat:
        return { words(QT_TRANSLATE_NOOP("FailureAdvice", "%1: the process is there but has given no sign of life.")).arg(qs(launch::describe(header.state))),
            words(QT_TRANSLATE_NOOP("FailureAdvice", "It may hang in a collective or on a disk. Stop it.")) + QLatin1Char(' ') + goOn(header, Remedy::Machine) };
    default:
        return {};
    }
}

} // namespace midpoint::gui
