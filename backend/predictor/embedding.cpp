// `midpoint predictor embed`: a backbone over a prompt set, batch by batch, with the work so far kept beside the
// result.
#include "backend/predictor/training.h"

#include "backend/core/error.h"
#include "backend/core/files.h"
#include "backend/core/text.h"

#include <algorithm>
#include <system_error>

namespace midpoint::predictor {
namespace {

std::filesystem::path partialPath(const std::filesystem::path& out)
{
    return out.string() + ".partial";
}

Metadata metadataOf(const EmbedOptions& options)
{
    Metadata metadata = { { "model_hash", options.modelHash }, { "data_hash", options.dataHash },
        { "pooling",
            options.pooling == Pooling::Mean ? "mean of the last hidden state"
                                             : "mean of the last hidden state, then that of the last token" } };
    if (options.maxTokens > 0)
        metadata["max_tokens"] = std::to_string(options.maxTokens);
    return metadata;
}

void expectSameOrigin(const EmbeddingMatrix& found, const EmbedOptions& options)
{
    for (const auto& [key, expected] : metadataOf(options)) {
        const auto place = found.metadata().find(key);
        const std::string value = place == found.metadata().end() ? "" : place->second;
        if (value != expected)
            throw Error(ErrorKind::Data,
                concat(found.name(), ": holds embeddings of another origin: expected ", key, " ", expected, ", found ",
                    value.empty() ? "none" : value, "; remove the file or choose another"));
    }
}

// The rows of `items` that a file already holds: it must be a beginning of them.
std::int64_t rowsDone(const EmbeddingMatrix& found, std::span<const EmbedItem> items, const EmbedOptions& options)
{
    expectSameOrigin(found, options);
    const bool isBeginning = found.size() <= std::ssize(items)
        && std::equal(found.ids().begin(), found.ids().end(), items.begin(),
            [](PromptId id, const EmbedItem& item) { return id == item.id; });
    if (!isBeginning)
        throw Error(ErrorKind::Data,
            concat(found.name(), ": holds embeddings of other prompts than the ", items.size(),
                " given; remove the file or choose another"));
    return found.size();
}

class Embedder {
public:
    Embedder(std::span<const EmbedItem> items, const Backbone& backbone, const EmbedOptions& options)
        : m_items(items)
        , m_backbone(backbone)
        , m_options(options)
    {
        if (!std::filesystem::exists(partialPath(options.out)))
            return;
        const EmbeddingMatrix partial = EmbeddingMatrix::open(partialPath(options.out));
        m_done = rowsDone(partial, items, options);
        m_chunks.push_back(partial.slice(0, m_done));
    }

    EmbeddingMatrix run()
    {
        std::int64_t saved = m_done;
        while (m_done < std::ssize(m_items)) {
            if (m_options.stop.stop_requested()) {
                save(partialPath(m_options.out));
                throw Error(ErrorKind::Cancelled,
                    concat("stopped after ", m_done, " of ", m_items.size(),
                        " embeddings; the same command goes on from there"));
            }
            embedNextBatch();
            if (m_done - saved >= m_options.saveEveryRows && m_done < std::ssize(m_items)) {
                save(partialPath(m_options.out));
                saved = m_done;
            }
            if (m_options.progress)
                m_options.progress(m_done, std::ssize(m_items));
        }
        save(m_options.out);
        std::error_code ignored;
        std::filesystem::remove(partialPath(m_options.out), ignored);
        return EmbeddingMatrix::open(m_options.out);
    }

private:
    void embedNextBatch()
    {
        std::vector<std::vector<std::int32_t>> batch;
        for (std::int64_t i = m_done; i < std::min(m_done + m_options.batch, std::ssize(m_items)); ++i) {
            const EmbedItem& item = m_items[static_cast<std::size_t>(i)];
            if (item.tokens.empty())
                throw Error(ErrorKind::Data, concat("prompt ", item.id, " has no tokens to embed"));
            batch.push_back(item.tokens);
        }
        const torch::Tensor rows = m_backbone(batch).to(torch::kFloat32);
        if (rows.dim() != 2 || rows.size(0) != std::ssize(batch))
            throw Error(ErrorKind::Internal,
                concat("embedding: expected one row for each of ", batch.size(), " prompts, found the shape ",
                    rows.sizes()));
        if (!rows.isfinite().all().item<bool>())
            throw Error(ErrorKind::Numeric,
                concat("embedding: the backbone gave a number that is not finite for a prompt among ",
                    m_items[static_cast<std::size_t>(m_done)].id, " and the ", batch.size() - 1, " after it"));
        m_chunks.push_back(rows);
        m_done += std::ssize(batch);
    }
    void save(const std::filesystem::path& path)
    {
        if (m_chunks.empty())
            return;
        m_chunks = { torch::cat(m_chunks) };
        std::vector<PromptId> ids;
        for (const EmbedItem& item : m_items.first(static_cast<std::size_t>(m_done)))
            ids.push_back(item.id);
        EmbeddingMatrix(m_chunks.front(), std::move(ids), metadataOf(m_options)).save(path);
    }

    std::span<const EmbedItem> m_items;
    const Backbone& m_backbone;
    const EmbedOptions& m_options;
    std::vector<torch::Tensor> m_chunks;
    std::int64_t m_done = 0;
};

} // namespace

Pooling poolingFromName(const std::string& name)
{
    if (name == "mean")
        return Pooling::Mean;
    if (name == "mean-last")
        return Pooling::MeanAndLast;
    throw Error(ErrorKind::Usage, concat("--pooling: expected mean or mean-last, found '", name, "'"));
}

EmbeddingMatrix embedPrompts(std::span<const EmbedItem> items, const Backbone& backbone, const EmbedOptions& options)
{
    if (items.empty())
        throw Error(ErrorKind::Data, "embedding: the prompt set is empty");
    if (std::filesystem::exists(options.out)) {
        EmbeddingMatrix found = EmbeddingMatrix::open(options.out);
        if (rowsDone(found, items, options) != std::ssize(items))
            throw Error(ErrorKind::Data,
                concat(options.out.string(), ": holds ", found.size(), " of ", items.size(),
                    " prompts; remove the file or choose another"));
        return found;
    }
    if (options.out.has_parent_path())
        createFolders(options.out.parent_path());
    return Embedder(items, backbone, options).run();
}

} // namespace midpoint::predictor
