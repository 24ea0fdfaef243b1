// Finding rows, and giving their vectors back.
#include <optional>

#include <faiss/IndexHNSW.h>
#include <faiss/IndexIVF.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/impl/FaissAssert.h>
#include <faiss/impl/IDSelector.h>
#include <faiss/utils/distances.h>

#include "handle.hpp"

namespace dayfly {

namespace {

using faiss::idx_t;

// One search, after the transformations of the index.
struct Query {
    const SearchCall& call;
    const float* vectors;
    idx_t count;
    idx_t k;
    faiss::IDSelector* selector;
};

void search_flat(const faiss::Index* index, const Query& query) {
    faiss::SearchParameters parameters;
    parameters.sel = query.selector;
    // Not every index takes parameters at all.
    index->search(
            query.count,
            query.vectors,
            query.k,
            query.call.scores,
            query.call.rows,
            query.selector == nullptr ? nullptr : &parameters);
}

void search_hnsw(const faiss::IndexHNSW* index, const Query& query) {
    if (query.call.exhaustive) {
        search_flat(index->storage, query);
        return;
    }
    faiss::SearchParametersHNSW parameters;
    parameters.sel = query.selector;
    parameters.efSearch = query.call.ef_search != 0 ? static_cast<int>(query.call.ef_search)
                                                    : index->hnsw.efSearch;
    parameters.check_relative_distance = index->hnsw.check_relative_distance;
    parameters.bounded_queue = index->hnsw.search_bounded_queue;
    index->search(
            query.count,
            query.vectors,
            query.k,
            query.call.scores,
            query.call.rows,
            &parameters);
}

void search_ivf(const faiss::IndexIVF* index, const Query& query) {
    faiss::SearchParametersIVF parameters;
    parameters.sel = query.selector;
    parameters.max_codes = query.call.exhaustive ? 0 : index->max_codes;
    parameters.nprobe = query.call.exhaustive ? index->nlist
            : query.call.nprobe != 0          ? query.call.nprobe
                                              : index->nprobe;
    const auto* graph = dynamic_cast<const faiss::IndexHNSW*>(index->quantizer);
    if (query.call.exhaustive && graph != nullptr) {
        // A graph of centroids need not lead to all of them.
        const idx_t lists = static_cast<idx_t>(index->nlist);
        std::vector<float> distances(query.count * lists);
        std::vector<idx_t> keys(query.count * lists);
        graph->storage->search(query.count, query.vectors, lists, distances.data(), keys.data());
        index->search_preassigned(
                query.count,
                query.vectors,
                query.k,
                keys.data(),
                distances.data(),
                query.call.scores,
                query.call.rows,
                false,
                &parameters);
        return;
    }
    index->search(
            query.count,
            query.vectors,
            query.k,
            query.call.scores,
            query.call.rows,
            &parameters);
}

} // namespace

int32_t search(const Handle* handle, const SearchCall* call, Failure* failure) {
    return guarded(failure, [&] {
        const Threads threads(call->threads);
        std::optional<faiss::IDSelectorBitmap> selector;
        if (call->bitmap != nullptr) {
            selector.emplace(call->bitmap_bytes, call->bitmap);
        }
        Query query = {
                *call,
                call->queries,
                static_cast<idx_t>(call->count),
                static_cast<idx_t>(call->k),
                selector ? &*selector : nullptr};
        const faiss::Index* index = handle->index.get();
        std::unique_ptr<const float[]> transformed;
        while (const auto* outer = dynamic_cast<const faiss::IndexPreTransform*>(index)) {
            const float* vectors = outer->apply_chain(query.count, query.vectors);
            if (vectors != query.vectors) {
                transformed.reset(vectors);
                query.vectors = vectors;
            }
            index = outer->index;
        }
        const size_t width = static_cast<size_t>(index->d);
        for (idx_t i = 0; transformed && i < query.count; i++) {
            FAISS_THROW_IF_NOT_MSG(
                    has_length(query.vectors + i * width, width),
                    "the index turns the query into no numbers");
        }
        if (const auto* hnsw = dynamic_cast<const faiss::IndexHNSW*>(index)) {
            search_hnsw(hnsw, query);
        } else if (const auto* ivf = dynamic_cast<const faiss::IndexIVF*>(index)) {
            search_ivf(ivf, query);
        } else {
            search_flat(index, query);
        }
    });
}

namespace {

void find_places(const faiss::IndexIVF* index, std::vector<Place>& out) {
    const Place nowhere = {UINT32_MAX, 0};
    std::vector<Place> places(index->ntotal, nowhere);
    for (size_t list = 0; list < index->nlist; list++) {
        const size_t size = index->invlists->list_size(list);
        const faiss::InvertedLists::ScopedIds ids(index->invlists, list);
        for (size_t offset = 0; offset < size; offset++) {
            const idx_t row = ids[offset];
            if (row >= 0 && row < index->ntotal) {
                places[row] = {static_cast<uint32_t>(list), static_cast<uint32_t>(offset)};
            }
        }
    }
    out = std::move(places);
}

void reconstruct_ivf(
        const Handle* handle,
        const faiss::IndexIVF* index,
        uint64_t first,
        uint64_t count,
        float* out) {
    std::call_once(handle->places_once, [&] { find_places(index, handle->places); });
    for (uint64_t i = 0; i < count; i++) {
        const Place place = handle->places[first + i];
        FAISS_THROW_IF_NOT_MSG(place.list != UINT32_MAX, "a row of this number is not in any list");
        index->reconstruct_from_offset(place.list, place.offset, out + i * index->d);
    }
}

void reconstruct_under(
        const Handle* handle,
        const faiss::Index* index,
        uint64_t first,
        uint64_t count,
        float* out) {
    if (const auto* outer = dynamic_cast<const faiss::IndexPreTransform*>(index)) {
        std::vector<float> inner(count * outer->index->d);
        reconstruct_under(handle, outer->index, first, count, inner.data());
        outer->reverse_chain(static_cast<idx_t>(count), inner.data(), out);
    } else if (const auto* hnsw = dynamic_cast<const faiss::IndexHNSW*>(index)) {
        reconstruct_under(handle, hnsw->storage, first, count, out);
    } else if (const auto* ivf = dynamic_cast<const faiss::IndexIVF*>(index)) {
        reconstruct_ivf(handle, ivf, first, count, out);
    } else {
        index->reconstruct_n(static_cast<idx_t>(first), static_cast<idx_t>(count), out);
    }
}

} // namespace

int32_t reconstruct(
        const Handle* handle,
        uint64_t first,
        uint64_t count,
        float* out,
        Failure* failure) {
    return guarded(failure, [&] {
        const Threads threads(1);
        reconstruct_under(handle, handle->index.get(), first, count, out);
    });
}

int32_t nearest(
        const float* queries,
        uint64_t count,
        const float* vectors,
        uint64_t rows,
        uint32_t dimension,
        uint64_t k,
        float* scores,
        int64_t* found,
        Failure* failure) {
    return guarded(failure, [&] {
        faiss::knn_inner_product(
                queries, vectors, dimension, count, rows, k, scores, found, nullptr);
    });
}

} // namespace dayfly
