#include "tests/support/held_database.h"

#include <SQLiteCpp/SQLiteCpp.h>

namespace midpoint::test {

struct HeldDatabase::Connection {
    Connection(const std::filesystem::path& file, Lock lock)
        : database(file.string(), SQLite::OPEN_READWRITE)
    {
        database.exec(lock == Lock::Writes ? "BEGIN IMMEDIATE" : "BEGIN EXCLUSIVE");
    }
    SQLite::Database database;
};

HeldDatabase::HeldDatabase(const std::filesystem::path& file, Lock lock)
    : m_connection(std::make_unique<Connection>(file, lock))
{
}

HeldDatabase::~HeldDatabase() = default;

void runSql(const std::filesystem::path& file, const char* sql)
{
    SQLite::Database(file.string(), SQLite::OPEN_READWRITE).exec(sql);
}

std::int64_t numberFromSql(const std::filesystem::path& file, const char* sql)
{
    SQLite::Database database(file.string(), SQLite::OPEN_READONLY);
    return database.execAndGet(sql).getInt64();
}

} // namespace midpoint::test
