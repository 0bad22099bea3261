// Plain bytes for checkpoints: fixed-width little-endian values one after another, written and read in the same order.
// Reading past the end, or a wrong tag, is an Error{Checkpoint} that names what was being read.
#pragma once

#include "backend/core/error.h"
#include "backend/core/text.h"

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace midpoint {

static_assert(
    std::endian::native == std::endian::little, "checkpoints are little-endian; other machines need a swap here");

class ByteWriter {
public:
    template <typename Value> void put(Value value)
    {
        static_assert(std::is_arithmetic_v<Value> || std::is_enum_v<Value>, "only numbers have one fixed width");
        m_bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
    }
    void putText(std::string_view text)
    {
        put(static_cast<std::uint64_t>(text.size()));
        m_bytes.append(text);
    }
    template <typename Value> void putVector(const std::vector<Value>& values)
    {
        static_assert(std::is_arithmetic_v<Value>, "only numbers have one fixed width");
        put(static_cast<std::uint64_t>(values.size()));
        m_bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Value));
    }
    std::string take() { return std::move(m_bytes); }

private:
    std::string m_bytes;
};

class ByteReader {
public:
    // `what` names the object in errors, for example "replay buffer".
    ByteReader(std::string_view bytes, std::string what)
        : m_bytes(bytes)
        , m_what(std::move(what))
    {
    }
    template <typename Value> Value get()
    {
        static_assert(std::is_arithmetic_v<Value> || std::is_enum_v<Value>, "only numbers have one fixed width");
        Value value;
        std::memcpy(&value, advance(sizeof(Value)), sizeof(Value));
        return value;
    }
    std::string getText()
    {
        const auto size = get<std::uint64_t>();
        return std::string(advance(size), size);
    }
    template <typename Value> std::vector<Value> getVector()
    {
        static_assert(std::is_arithmetic_v<Value>, "only numbers have one fixed width");
        const auto count = get<std::uint64_t>();
        if (count > m_bytes.size() / sizeof(Value))
            fail(concat("a list of ", count, " values"));
        std::vector<Value> values(count);
        const char* source = advance(count * sizeof(Value));
        if (count > 0)
            std::memcpy(values.data(), source, count * sizeof(Value));
        return values;
    }
    // The first thing in every saved state: its kind and the version of its layout.
    void expectTag(std::string_view tag)
    {
        const std::string found = getText();
        if (found != tag)
            throw Error(
                ErrorKind::Checkpoint, concat(m_what, ": expected a state of kind '", tag, "', found '", found, "'"));
    }
    void expectEnd() const
    {
        if (m_position != m_bytes.size())
            throw Error(ErrorKind::Checkpoint,
                concat(m_what, ": ", m_bytes.size() - m_position, " bytes left over after the end of the saved state"));
    }

private:
    const char* advance(std::uint64_t size)
    {
        if (size > m_bytes.size() - m_position)
            fail(concat(size, " bytes"));
        const char* place = m_bytes.data() + m_position;
        m_position += size;
        return place;
    }
    [[noreturn]] void fail(const std::string& expected) const
    {
        throw Error(ErrorKind::Checkpoint,
            concat(m_what, ": the saved state is damaged: expected ", expected, " at byte ", m_position,
                ", found the end after ", m_bytes.size()));
    }

    std::string_view m_bytes;
    std::string m_what;
    std::uint64_t m_position = 0;
};

} // namespace midpoint
