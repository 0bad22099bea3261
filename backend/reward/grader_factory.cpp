#include "backend/reward/grader_factory.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/reward/math_grader.h"
#include "backend/reward/text_graders.h"

namespace midpoint::reward {

std::unique_ptr<Grader> makeGrader(const config::RewardSection& settings)
{
    if (settings.kind == "math")
        return makeMathGrader(extractionOptions(settings.extraction));
    if (settings.kind == "exact")
        return makeExactGrader(settings.pattern);
    if (settings.kind == "numeric")
        return makeNumericGrader(settings.tolerance, extractionOptions(settings.extraction));
    if (settings.kind == "choice")
        return makeChoiceGrader(extractionOptions(settings.extraction));
    if (settings.kind == "regex")
        return makeRegexGrader(settings.pattern);
    throw Error(ErrorKind::Config,
        concat("reward.kind: expected math, exact, numeric, choice, regex or external, found '", settings.kind, "'"));
}

} // namespace midpoint::reward
