#include "backend/reward/agreement.h"

namespace midpoint::reward {

Agreement compareGrades(std::span<const Grade> first, std::span<const Grade> second)
{
    const auto isJudged = [](const Grade& grade) { return grade.verdict != Verdict::GraderFailed && grade.verdict != Verdict::Timeout; };
    Agreement out;
    for (std::size_t i = 0; i < first.size() && i < second.size(); ++i) {
        if (!isJudged(first[i]) || !isJudged(second[i])) {
            ++out.notJudged;
            continue;
        }
        ++out.both;
        const bool isFirst = first[i].verdict == Verdict::Correct;
        const bool isSecond = second[i].verdict == Verdict::Correct;
        if (isFirst == isSecond)
            continue;
        ++(isFirst ? out.onlyFirst : out.onlySecond);
        out.disagreements.push_back(i);
    }
    return out;
}

} // namespace midpoint::reward
