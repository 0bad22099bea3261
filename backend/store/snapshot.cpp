#include "backend/store/snapshot.h"

#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"
#include "backend/store/database.h"

namespace midpoint::store {
namespace {

const char* const kVacuumInto = "VACUUM INTO ?";
const char* const kAttach = "ATTACH ? AS rollouts_file";
// The tables as RolloutReader reads them, without the indexes, which are made after the copy.
const char* const kCopyRollouts = R"sql(
CREATE TABLE groups AS SELECT * FROM rollouts_file.groups;
CREATE TABLE rollouts AS SELECT * FROM rollouts_file.rollouts;
CREATE UNIQUE INDEX groups_by_id ON groups(id);
CREATE INDEX groups_by_step ON groups(step, prompt);
CREATE INDEX groups_by_prompt ON groups(prompt, step);
CREATE UNIQUE INDEX rollouts_by_group ON rollouts(group_id, sample);
)sql";

void vacuumInto(ReadSource& source, const std::filesystem::path& file)
{
    source.withConnection("take a snapshot", [&](SQLite::Database& database) {
        SQLite::Statement vacuum(database, kVacuumInto);
        vacuum.bind(1, file.string());
        vacuum.exec();
    });
}

void addRollouts(const std::filesystem::path& run, const std::filesystem::path& file)
{
    ReadSource source(run, kRolloutDatabase);
    const std::filesystem::path copy = file.string() + ".rollouts";
    std::error_code ignored;
    std::filesystem::remove(copy, ignored);
    vacuumInto(source, copy);
    guarded(file, "add the rollouts to the snapshot", [&] {
        SQLite::Database snapshot(file.string(), SQLite::OPEN_READWRITE);
        SQLite::Statement attach(snapshot, kAttach);
        attach.bind(1, copy.string());
        attach.exec();
        attach.reset();
        snapshot.exec(concat("BEGIN;", kCopyRollouts, "COMMIT;"));
        snapshot.exec("DETACH rollouts_file");
    });
    std::filesystem::remove(copy, ignored);
}

} // namespace

void writeSnapshot(const std::filesystem::path& run, const std::filesystem::path& file, WithRollouts rollouts)
{
    std::error_code error;
    if (std::filesystem::exists(file, error))
        throw Error(ErrorKind::Store, concat(file.string(), ": expected a new file for the snapshot, found one there; choose another name"));
    const std::filesystem::path beside = file.string() + ".writing";
    std::filesystem::remove(beside, error);
    try {
        ReadSource source(run, kRunDatabase);
        vacuumInto(source, beside);
        if (rollouts == WithRollouts::Yes)
            addRollouts(run, beside);
        syncFile(beside);
        std::filesystem::rename(beside, file);
    } catch (const std::filesystem::filesystem_error& cause) {
        std::filesystem::remove(beside, error);
        throw Error(ErrorKind::Store, concat(file.string(), ": cannot write the snapshot: ", cause.code().message()));
    } catch (...) {
        std::filesystem::remove(beside, error);
        std::filesystem::remove(beside.string() + ".rollouts", error);
        throw;
    }
}

} // namespace midpoint::store
