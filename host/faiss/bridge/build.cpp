// Making an index: its kind, training, rows.
#include <cxxabi.h>
#include <omp.h>

#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <typeinfo>

#include <faiss/IndexFlatCodes.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIVF.h>
#include <faiss/IndexIVFPQ.h>
#include <faiss/IndexPQ.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexScalarQuantizer.h>
#include <faiss/VectorTransform.h>
#include <faiss/impl/FaissAssert.h>
#include <faiss/index_factory.h>

#include "handle.hpp"

namespace dayfly {

Threads::Threads(uint32_t threads) : before(omp_get_max_threads()) {
    omp_set_num_threads(static_cast<int>(threads));
}

Threads::~Threads() {
    omp_set_num_threads(before);
}

void set_threads(uint32_t threads) {
    omp_set_num_threads(static_cast<int>(threads));
}

const faiss::Index* under_transforms(const faiss::Index* index) {
    while (const auto* outer = dynamic_cast<const faiss::IndexPreTransform*>(index)) {
        index = outer->index;
    }
    return index;
}

namespace {

faiss::Index* under_transforms(faiss::Index* index) {
    const faiss::Index* under = dayfly::under_transforms(const_cast<const faiss::Index*>(index));
    return const_cast<faiss::Index*>(under);
}

// FAISS warns on stderr where it has fewer vectors than it likes to train with. Who trains knows.
void silence(faiss::ClusteringParameters& clustering) {
    clustering.min_points_per_centroid = 1;
}

// What the factory leaves to be set.
void prepare(faiss::Index* index, Handle* handle) {
    if (auto* outer = dynamic_cast<faiss::IndexPreTransform*>(index)) {
        for (faiss::VectorTransform* transform : outer->chain) {
            if (auto* opq = dynamic_cast<faiss::OPQMatrix*>(transform)) {
                handle->quantizers.push_back(
                        std::make_unique<faiss::ProductQuantizer>(opq->d_out, opq->M, 8));
                opq->pq = handle->quantizers.back().get();
                silence(opq->pq->cp);
            }
        }
        prepare(outer->index, handle);
    } else if (auto* hnsw = dynamic_cast<faiss::IndexHNSW*>(index)) {
        // With fewer than two links to a row there are no levels to choose from.
        FAISS_THROW_IF_NOT_MSG(
                hnsw->hnsw.cum_nneighbor_per_level.size() > 1, "HNSW wants at least 2 links");
        prepare(hnsw->storage, handle);
    } else if (auto* ivf = dynamic_cast<faiss::IndexIVF*>(index)) {
        FAISS_THROW_IF_NOT_MSG(ivf->nlist > 0, "IVF wants at least one list");
        silence(ivf->cp);
        prepare(ivf->quantizer, handle);
        if (auto* ivfpq = dynamic_cast<faiss::IndexIVFPQ*>(ivf)) {
            silence(ivfpq->pq.cp);
            // An order of the centroids for searches that nobody makes here; takes many times
            // as long as all other training.
            ivfpq->do_polysemous_training = false;
        }
    } else if (auto* pq = dynamic_cast<faiss::IndexPQ*>(index)) {
        silence(pq->pq.cp);
        pq->do_polysemous_training = false;
    }
}

std::string name(const faiss::Index* index) {
    if (dynamic_cast<const faiss::IndexScalarQuantizer*>(index) != nullptr) {
        return "IndexScalarQuantizer";
    }
    int status = 0;
    char* text = abi::__cxa_demangle(typeid(*index).name(), nullptr, nullptr, &status);
    std::string result = status == 0 ? text : typeid(*index).name();
    std::free(text);
    const std::string space = "faiss::";
    return result.compare(0, space.size(), space) == 0 ? result.substr(space.size()) : result;
}

std::string description(const faiss::Index* index) {
    std::string text = name(index);
    if (const auto* outer = dynamic_cast<const faiss::IndexPreTransform*>(index)) {
        return text + " over " + description(outer->index);
    }
    if (const auto* hnsw = dynamic_cast<const faiss::IndexHNSW*>(index)) {
        return text + " over " + description(hnsw->storage);
    }
    if (const auto* ivf = dynamic_cast<const faiss::IndexIVF*>(index)) {
        return text + " of " + std::to_string(ivf->nlist) + " lists";
    }
    return text;
}

} // namespace

int32_t from_factory(uint32_t dimension, const char* text, Handle** out, Failure* failure) {
    return guarded(failure, [&] {
        auto handle = std::make_unique<Handle>();
        handle->index.reset(faiss::index_factory(
                static_cast<int>(dimension), text, faiss::METRIC_INNER_PRODUCT));
        prepare(handle->index.get(), handle.get());
        quicken(handle->index.get());
        *out = handle.release();
    });
}

void release(Handle* handle) {
    delete handle;
}

int32_t set_ef_construction(Handle* handle, uint32_t ef, Failure* failure) {
    return guarded(failure, [&] {
        auto* hnsw = dynamic_cast<faiss::IndexHNSW*>(under_transforms(handle->index.get()));
        FAISS_THROW_IF_NOT_MSG(hnsw != nullptr, "only HNSW has efConstruction");
        hnsw->hnsw.efConstruction = static_cast<int>(ef);
    });
}

int32_t train(Handle* handle, uint64_t count, const float* vectors, Failure* failure) {
    return guarded(failure, [&] {
        handle->index->train(static_cast<faiss::idx_t>(count), vectors);
    });
}

int32_t add(Handle* handle, uint64_t count, const float* vectors, Failure* failure) {
    return guarded(failure, [&] {
        const faiss::Index* under = under_transforms(handle->index.get());
        const uint64_t rows = static_cast<uint64_t>(under->ntotal) + count;
        if (dynamic_cast<const faiss::IndexHNSW*>(under) != nullptr) {
            FAISS_THROW_IF_NOT_MSG(
                    rows <= std::numeric_limits<int32_t>::max(), "HNSW holds at most 2^31 rows");
        }
        handle->index->add(static_cast<faiss::idx_t>(count), vectors);
    });
}

void facts(const Handle* handle, Facts* out) {
    const faiss::Index* index = handle->index.get();
    const faiss::Index* under = under_transforms(index);
    out->rows = static_cast<uint64_t>(index->ntotal);
    out->dimension = static_cast<uint32_t>(index->d);
    out->metric = static_cast<int32_t>(index->metric_type);
    out->trained = index->is_trained;
    out->lists = 0;
    out->kind = KIND_OTHER;
    if (const auto* ivf = dynamic_cast<const faiss::IndexIVF*>(under)) {
        out->kind = KIND_IVF;
        out->lists = static_cast<uint32_t>(ivf->nlist);
    } else if (dynamic_cast<const faiss::IndexHNSW*>(under) != nullptr) {
        out->kind = KIND_HNSW;
    } else if (dynamic_cast<const faiss::IndexFlatCodes*>(under) != nullptr) {
        out->kind = KIND_FLAT;
    }
}

int32_t describe(const Handle* handle, char* out, size_t length, Failure* failure) {
    return guarded(failure, [&] {
        std::snprintf(out, length, "%s", description(handle->index.get()).c_str());
    });
}

} // namespace dayfly
