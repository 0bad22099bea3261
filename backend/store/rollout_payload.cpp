#include "backend/store/rollout_payload.h"

#include "backend/core/error.h"
#include "backend/core/text.h"
#include "backend/store/blobs.h"

#include <cstring>
#include <type_traits>

namespace midpoint::store {
namespace {

constexpr int kCompressionLevel = 3;
constexpr std::uint32_t kPayloadVersion = 1;

// Layout, little-endian: u32 version, u32 rollouts, the texts, prompt tokens, then per rollout its arrays. Every array and text is
// a u32 count and its elements.
class Packer {
public:
    template <typename Number>
    void number(Number value)
    {
        static_assert(std::is_arithmetic_v<Number>);
        m_bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    template <typename Sequence>
    void sequence(const Sequence& values)
    {
        number(static_cast<std::uint32_t>(values.size()));
        if (!values.empty())
            m_bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(values[0]));
    }
    const std::string& bytes() const { return m_bytes; }

private:
    std::string m_bytes;
};

class Unpacker {
public:
    Unpacker(std::string_view bytes, std::string_view what)
        : m_rest(bytes)
        , m_what(what)
    {
    }
    template <typename Number>
    Number number()
    {
        Number value {};
        std::memcpy(&value, take(sizeof value), sizeof value);
        return value;
    }
    template <typename Sequence>
    Sequence sequence()
    {
        const auto count = number<std::uint32_t>();
        const std::size_t bytes = std::size_t(count) * sizeof(typename Sequence::value_type);
        const char* begin = take(bytes);
        Sequence values(count, typename Sequence::value_type {});
        if (bytes != 0)
            std::memcpy(values.data(), begin, bytes);
        return values;
    }
    std::string text() { return sequence<std::string>(); }

private:
    const char* take(std::size_t count)
    {
        if (count > m_rest.size())
            throw Error(ErrorKind::Store, concat(m_what, ": expected ", count, " more bytes of a group, found ", m_rest.size()));
        const char* begin = m_rest.data();
        m_rest.remove_prefix(count);
        return begin;
    }

    std::string_view m_rest;
    std::string_view m_what;
};

std::uint32_t readHeader(Unpacker& in, std::string_view what)
{
    const auto version = in.number<std::uint32_t>();
    if (version != kPayloadVersion)
        throw Error(ErrorKind::Store, concat(what, ": expected group payload version ", kPayloadVersion, ", found ", version));
    return in.number<std::uint32_t>();
}

} // namespace

std::string packGroup(const StoredGroup& group)
{
    Packer out;
    out.number(kPayloadVersion);
    out.number(static_cast<std::uint32_t>(group.rollouts.size()));
    for (const StoredRollout& one : group.rollouts)
        out.sequence(one.rollout.text);
    out.sequence(group.promptTokens);
    for (const StoredRollout& one : group.rollouts) {
        out.sequence(one.rollout.tokens);
        out.sequence(one.rollout.logprobs);
        out.sequence(one.trainerLogprobs);
        out.sequence(one.entropies);
        out.sequence(one.tokenEnds);
        out.sequence(one.rollout.rule);
        out.number(static_cast<std::uint32_t>(one.rollout.rewardParts.size()));
        for (const auto& [name, value] : one.rollout.rewardParts) {
            out.sequence(name);
            out.number(value);
        }
    }
    return compress(out.bytes(), kCompressionLevel);
}

void unpackGroup(std::string_view frame, std::string_view what, StoredGroup& group)
{
    const std::string bytes = decompress(frame, what);
    Unpacker in(bytes, what);
    const std::uint32_t count = readHeader(in, what);
    group.rollouts.clear();
    for (std::uint32_t i = 0; i < count; ++i)
        group.rollouts.emplace_back().rollout.text = in.text();
    group.promptTokens = in.sequence<std::vector<std::int32_t>>();
    for (StoredRollout& one : group.rollouts) {
        one.rollout.tokens = in.sequence<std::vector<std::int32_t>>();
        one.rollout.logprobs = in.sequence<std::vector<float>>();
        one.trainerLogprobs = in.sequence<std::vector<float>>();
        one.entropies = in.sequence<std::vector<float>>();
        one.tokenEnds = in.sequence<std::vector<std::int32_t>>();
        one.rollout.rule = in.text();
        const auto parts = in.number<std::uint32_t>();
        for (std::uint32_t part = 0; part < parts; ++part) {
            std::string name = in.text();
            one.rollout.rewardParts.emplace_back(std::move(name), in.number<double>());
        }
    }
}

std::vector<std::string> textsOf(std::string_view frame, std::string_view what)
{
    const std::string bytes = decompress(frame, what);
    Unpacker in(bytes, what);
    std::vector<std::string> texts;
    for (std::uint32_t left = readHeader(in, what); left > 0; --left)
        texts.push_back(in.text());
    return texts;
}

} // namespace midpoint::store
