#include "backend/store/schema.h"

namespace midpoint::store {

// Rows are never updated in the big tables and carry the segment that wrote them: a resume closes the segments before it by
// setting cut_after, and rows of a closed segment beyond it are hidden. Integers 0 and 1 take no room in SQLite's row format.
const char* const kRunSchema = R"sql(
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE segments(id INTEGER PRIMARY KEY, first_step INTEGER NOT NULL, cut_after INTEGER, started_ms INTEGER NOT NULL);
CREATE TABLE ranks(segment INTEGER NOT NULL, rank INTEGER NOT NULL, host TEXT NOT NULL, pid INTEGER NOT NULL, device TEXT NOT NULL,
    device_name TEXT NOT NULL, memory_bytes INTEGER NOT NULL, PRIMARY KEY(segment, rank)) WITHOUT ROWID;
CREATE TABLE prompts(prompt INTEGER PRIMARY KEY, id INTEGER NOT NULL, text TEXT NOT NULL, answer TEXT NOT NULL, source TEXT NOT NULL);

CREATE TABLE steps(id INTEGER PRIMARY KEY, step INTEGER NOT NULL, segment INTEGER NOT NULL, wall_ms INTEGER NOT NULL,
    first_metric INTEGER NOT NULL, metric_count INTEGER NOT NULL);
CREATE INDEX steps_by_step ON steps(step);
CREATE TABLE metric_names(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, last_row INTEGER);
CREATE TABLE metrics(id INTEGER PRIMARY KEY, step INTEGER NOT NULL, metric INTEGER NOT NULL, segment INTEGER NOT NULL, value REAL);

CREATE TABLE observations(id INTEGER PRIMARY KEY, step INTEGER NOT NULL, segment INTEGER NOT NULL, prompt INTEGER NOT NULL,
    purpose INTEGER NOT NULL, attempts INTEGER NOT NULL, successes INTEGER NOT NULL, tokens INTEGER NOT NULL, truncated INTEGER NOT NULL,
    unparseable INTEGER NOT NULL, reward_sum REAL, logprob_sum REAL);
CREATE INDEX observations_by_step ON observations(step);
CREATE INDEX observations_by_prompt ON observations(prompt, step);
CREATE TABLE prediction_rounds(id INTEGER PRIMARY KEY, step INTEGER NOT NULL, segment INTEGER NOT NULL, belief TEXT NOT NULL,
    success_rates BLOB NOT NULL, signals BLOB NOT NULL, reference_prompts BLOB NOT NULL, selected_prompts BLOB NOT NULL);
CREATE INDEX prediction_rounds_by_step ON prediction_rounds(step);

CREATE TABLE buffer(id INTEGER PRIMARY KEY, step INTEGER NOT NULL, segment INTEGER NOT NULL, entries INTEGER NOT NULL,
    capacity INTEGER NOT NULL, reused_groups INTEGER NOT NULL, fresh_groups INTEGER NOT NULL, admitted INTEGER NOT NULL,
    evicted INTEGER NOT NULL, histograms TEXT NOT NULL);
CREATE INDEX buffer_by_step ON buffer(step);
CREATE TABLE buffer_entries(id INTEGER PRIMARY KEY, step INTEGER NOT NULL, segment INTEGER NOT NULL, entries BLOB NOT NULL);
CREATE INDEX buffer_entries_by_step ON buffer_entries(step);

CREATE TABLE events(id INTEGER PRIMARY KEY, wall_ms INTEGER NOT NULL, step INTEGER NOT NULL, segment INTEGER NOT NULL,
    level INTEGER NOT NULL, rule TEXT NOT NULL, message TEXT NOT NULL, data TEXT NOT NULL);
CREATE TABLE phases(id INTEGER PRIMARY KEY, step INTEGER NOT NULL, segment INTEGER NOT NULL, rank INTEGER NOT NULL, phase TEXT NOT NULL,
    start_seconds REAL, seconds REAL);
CREATE INDEX phases_by_step ON phases(step);

CREATE VIEW visible_metrics AS SELECT m.step, n.name, m.value FROM metrics m JOIN metric_names n ON n.id = m.metric
    JOIN segments s ON s.id = m.segment WHERE s.cut_after IS NULL OR m.step <= s.cut_after;
CREATE VIEW visible_steps AS SELECT t.step, t.segment, t.wall_ms FROM steps t JOIN segments s ON s.id = t.segment
    WHERE s.cut_after IS NULL OR t.step <= s.cut_after;
CREATE VIEW ledger AS SELECT o.step, o.prompt, p.id AS prompt_id,
    CASE o.purpose WHEN 0 THEN 'train' WHEN 1 THEN 'reference' WHEN 2 THEN 'screen' WHEN 3 THEN 'explore' WHEN 5 THEN 'oracle' ELSE 'evaluate' END AS purpose,
    o.attempts, o.successes, o.tokens, o.truncated, o.unparseable, o.reward_sum, o.logprob_sum
    FROM observations o JOIN segments s ON s.id = o.segment LEFT JOIN prompts p ON p.prompt = o.prompt
    WHERE s.cut_after IS NULL OR o.step <= s.cut_after;
)sql";

const char* const kRolloutSchema = R"sql(
CREATE TABLE counters(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counters VALUES('dropped_groups', 0);
CREATE TABLE groups(id INTEGER PRIMARY KEY AUTOINCREMENT, step INTEGER NOT NULL, prompt INTEGER NOT NULL, birth_step INTEGER NOT NULL,
    purpose INTEGER NOT NULL, replayed INTEGER NOT NULL, rollouts INTEGER NOT NULL, successes INTEGER NOT NULL, payload BLOB NOT NULL);
CREATE INDEX groups_by_step ON groups(step, prompt);
CREATE INDEX groups_by_prompt ON groups(prompt, step);
CREATE TABLE rollouts(group_id INTEGER NOT NULL, sample INTEGER NOT NULL, verdict INTEGER NOT NULL, finish INTEGER NOT NULL,
    reward REAL, advantage REAL, tokens INTEGER NOT NULL, extracted TEXT NOT NULL, PRIMARY KEY(group_id, sample)) WITHOUT ROWID;
)sql";

const char* const kProjectSchema = R"sql(
CREATE TABLE runs(run TEXT PRIMARY KEY, note TEXT NOT NULL DEFAULT '', starred INTEGER NOT NULL DEFAULT 0, color INTEGER NOT NULL DEFAULT -1) WITHOUT ROWID;
CREATE TABLE tags(run TEXT NOT NULL, tag TEXT NOT NULL, PRIMARY KEY(run, tag)) WITHOUT ROWID;
CREATE TABLE settings(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE drafts(name TEXT PRIMARY KEY, text TEXT NOT NULL, changed_ms INTEGER NOT NULL) WITHOUT ROWID;
)sql";

// The names of costs are those of nameOf(Quantity). Never is infinity, not known is NULL.
#define MIDPOINT_COSTS "steps REAL, rollouts REAL, generated_tokens REAL, trained_tokens REAL, cpu_seconds REAL, train_seconds REAL, total_seconds REAL"
const char* const kTimeToTargetSchema = R"sql(
CREATE TABLE benchmark(metric TEXT NOT NULL, smoothing REAL NOT NULL, baseline TEXT NOT NULL);
CREATE TABLE targets(target INTEGER PRIMARY KEY, accuracy REAL NOT NULL, is_plateau INTEGER NOT NULL);
CREATE TABLE methods(method INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, learning_rate REAL, setup_seconds REAL NOT NULL);
CREATE TABLE rate_trials(trial INTEGER PRIMARY KEY, method INTEGER NOT NULL, learning_rate REAL NOT NULL, accuracy REAL);
CREATE TABLE rate_trial_runs(trial INTEGER NOT NULL, seed INTEGER NOT NULL, folder TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL,
    accuracy REAL);
CREATE TABLE runs(run INTEGER PRIMARY KEY, method INTEGER NOT NULL, seed INTEGER NOT NULL, folder TEXT NOT NULL, state TEXT NOT NULL,
    reason TEXT NOT NULL, final_accuracy REAL, best_accuracy REAL, evaluation_seconds REAL, oracle_seconds REAL, generation_seconds REAL,
    update_seconds REAL, choice_seconds REAL, rest_seconds REAL, )sql" MIDPOINT_COSTS R"sql();
CREATE TABLE run_targets(run INTEGER NOT NULL, target INTEGER NOT NULL, )sql" MIDPOINT_COSTS R"sql(, PRIMARY KEY(run, target)) WITHOUT ROWID;
CREATE TABLE evaluations(id INTEGER PRIMARY KEY, run INTEGER NOT NULL, accuracy REAL, smoothed REAL, )sql" MIDPOINT_COSTS R"sql();
CREATE TABLE over_seeds(method INTEGER NOT NULL, target INTEGER, quantity TEXT NOT NULL, median REAL, lowest REAL, highest REAL, saved REAL,
    saved_is_at_least INTEGER);
)sql";
#undef MIDPOINT_COSTS

const std::vector<const char*>& runMigrations()
{
    static const std::vector<const char*> migrations; // version 1 is the first
    return migrations;
}

const std::vector<const char*>& rolloutMigrations()
{
    static const std::vector<const char*> migrations;
    return migrations;
}

const std::vector<const char*>& projectMigrations()
{
    static const std::vector<const char*> migrations;
    return migrations;
}

} // namespace midpoint::store
