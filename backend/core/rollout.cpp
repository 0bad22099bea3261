#include "backend/core/rollout.h"

namespace midpoint {

const char* nameOf(Purpose purpose)
{
    switch (purpose) {
    case Purpose::Train:
        return "train";
    case Purpose::Reference:
        return "reference";
    case Purpose::Screen:
        return "screen";
    case Purpose::Explore:
        return "explore";
    case Purpose::Evaluate:
        return "evaluate";
    case Purpose::Oracle:
        return "oracle";
    }
    return "?";
}

const char* nameOf(FinishReason reason)
{
    switch (reason) {
    case FinishReason::EndOfSequence:
        return "end-of-sequence";
    case FinishReason::Length:
        return "length";
    case FinishReason::Aborted:
        return "aborted";
    }
    return "?";
}

const char* nameOf(Verdict verdict)
{
    switch (verdict) {
    case Verdict::Correct:
        return "correct";
    case Verdict::Wrong:
        return "wrong";
    case Verdict::Unparseable:
        return "unparseable";
    case Verdict::Truncated:
        return "truncated";
    case Verdict::UnparseableReference:
        return "unparseable-reference";
    case Verdict::Timeout:
        return "timeout";
    case Verdict::GraderFailed:
        return "grader-failed";
    }
    return "?";
}

} // namespace midpoint
