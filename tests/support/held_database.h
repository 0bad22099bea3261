// Another connection that holds a lock of a database, for tests of waiting.
#pragma once

#include <filesystem>
#include <memory>

namespace midpoint::test {

class HeldDatabase {
public:
    enum class Lock { Writes, Everything }; // Everything: nobody else can read either (not in WAL mode)
    explicit HeldDatabase(const std::filesystem::path& file, Lock lock = Lock::Writes);
    ~HeldDatabase();

private:
    struct Connection;
    std::unique_ptr<Connection> m_connection;
};

// Runs SQL on a database file, for tests that damage or look inside.
void runSql(const std::filesystem::path& file, const char* sql);
std::int64_t numberFromSql(const std::filesystem::path& file, const char* sql);

} // namespace midpoint::test
