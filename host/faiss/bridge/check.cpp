// Whether the parts of an index that has been read fit together.
//
// FAISS checks some of it; the rest it would find out by reading where nothing is. Flipped bits
// in vectors and codes cannot be seen here.
#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIVF.h>
#include <faiss/IndexIVFPQ.h>
#include <faiss/IndexPQ.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexScalarQuantizer.h>
#include <faiss/impl/FaissAssert.h>

#include "handle.hpp"

namespace dayfly {

namespace {

void must(bool holds, const char* text) {
    if (!holds) {
        throw faiss::FaissException(text);
    }
}

void check_quantizer(const faiss::ScalarQuantizer& sq, int dimension, bool trained) {
    must(sq.qtype >= faiss::ScalarQuantizer::QT_8bit &&
                 sq.qtype <= faiss::ScalarQuantizer::QT_8bit_direct_signed,
         "a scalar quantizer of an unknown type");
    must(sq.d == static_cast<size_t>(dimension), "a scalar quantizer of another dimension");
    const faiss::ScalarQuantizer expected(sq.d, sq.qtype);
    must(sq.code_size == expected.code_size, "scalar codes of a wrong size");
    size_t values = 0;
    switch (sq.qtype) {
        case faiss::ScalarQuantizer::QT_8bit_uniform:
        case faiss::ScalarQuantizer::QT_4bit_uniform:
            values = 2;
            break;
        case faiss::ScalarQuantizer::QT_8bit:
        case faiss::ScalarQuantizer::QT_6bit:
        case faiss::ScalarQuantizer::QT_4bit:
            values = 2 * sq.d;
            break;
        default:
            break;
    }
    must(!trained || sq.trained.size() >= values, "a scalar quantizer without its ranges");
}

void check_quantizer(const faiss::ProductQuantizer& pq, int dimension) {
    must(pq.d == static_cast<size_t>(dimension), "a product quantizer of another dimension");
    must(pq.M > 0 && pq.d % pq.M == 0 && pq.nbits > 0 && pq.nbits <= 24,
         "a product quantizer of an impossible shape");
    must(pq.centroids.size() == pq.d * pq.ksub, "a product quantizer without its centroids");
}

void check_flat(const faiss::IndexFlatCodes* index) {
    if (const auto* sq = dynamic_cast<const faiss::IndexScalarQuantizer*>(index)) {
        check_quantizer(sq->sq, index->d, index->is_trained);
        must(index->code_size == sq->sq.code_size, "codes of a wrong size");
    } else if (const auto* pq = dynamic_cast<const faiss::IndexPQ*>(index)) {
        check_quantizer(pq->pq, index->d);
        must(index->code_size == pq->pq.code_size, "codes of a wrong size");
    } else if (dynamic_cast<const faiss::IndexFlat*>(index) != nullptr) {
        must(index->code_size == index->d * sizeof(float), "codes of a wrong size");
    }
    size_t bytes = 0;
    must(!__builtin_mul_overflow(static_cast<size_t>(index->ntotal), index->code_size, &bytes) &&
                 index->codes.size() == bytes,
         "more or fewer codes than rows");
}

void check_links(const faiss::HNSW& hnsw, size_t rows) {
    for (size_t row = 0; row < rows; row++) {
        for (int level = 0; level < hnsw.levels[row]; level++) {
            size_t begin = 0;
            size_t end = 0;
            hnsw.neighbor_range(static_cast<faiss::idx_t>(row), level, &begin, &end);
            for (size_t i = begin; i < end; i++) {
                const int64_t to = hnsw.neighbors[i];
                must(to >= -1 && to < static_cast<int64_t>(rows), "a link to a row that is not");
                must(to < 0 || hnsw.levels[to] > level, "a link to a row of a lower level");
            }
        }
    }
}

void check_graph(const faiss::IndexHNSW* index, bool links) {
    const faiss::HNSW& hnsw = index->hnsw;
    const size_t rows = static_cast<size_t>(index->ntotal);
    must(index->storage != nullptr, "a graph without vectors");
    must(index->storage->d == index->d && index->storage->ntotal == index->ntotal &&
                 index->storage->metric_type == index->metric_type,
         "a graph over other vectors");
    must(hnsw.levels.size() == rows && hnsw.offsets.size() == rows + 1 && hnsw.offsets[0] == 0,
         "a graph of another number of rows");
    const std::vector<int>& widths = hnsw.cum_nneighbor_per_level;
    must(widths.size() > 1 && widths[0] == 0, "a graph without levels");
    for (size_t level = 1; level < widths.size(); level++) {
        must(widths[level] >= widths[level - 1], "a graph whose levels overlap");
    }
    const int levels = static_cast<int>(widths.size()) - 1;
    for (size_t row = 0; row < rows; row++) {
        const int level = hnsw.levels[row];
        must(level >= 1 && level <= levels, "a row of a level that is not");
        must(hnsw.offsets[row + 1] - hnsw.offsets[row] == static_cast<size_t>(widths[level]),
             "a row with another number of links");
    }
    must(hnsw.neighbors.size() == hnsw.offsets[rows], "a graph of another number of links");
    must(hnsw.efSearch > 0 && hnsw.efConstruction > 0, "a graph of an impossible breadth");
    if (rows == 0) {
        must(hnsw.entry_point == -1, "an empty graph that has an entry");
    } else {
        must(hnsw.entry_point >= 0 && static_cast<size_t>(hnsw.entry_point) < rows,
             "a graph whose entry is not");
        must(hnsw.max_level >= 0 && hnsw.levels[hnsw.entry_point] > hnsw.max_level,
             "a graph whose entry is too low");
    }
    if (links) {
        check_links(hnsw, rows);
    }
    check(index->storage, links);
}

void check_lists(const faiss::IndexIVF* index, bool links) {
    must(index->quantizer != nullptr && index->invlists != nullptr, "lists without a quantizer");
    must(index->nlist > 0 && index->nlist <= INT32_MAX && index->nprobe > 0, "no lists");
    must(index->quantizer->d == index->d &&
                 (!index->is_trained ||
                  index->quantizer->ntotal == static_cast<faiss::idx_t>(index->nlist)),
         "a coarse quantizer of another shape");
    if (const auto* sq = dynamic_cast<const faiss::IndexIVFScalarQuantizer*>(index)) {
        check_quantizer(sq->sq, index->d, index->is_trained);
        must(index->code_size == sq->sq.code_size, "codes of a wrong size");
    } else if (const auto* pq = dynamic_cast<const faiss::IndexIVFPQ*>(index)) {
        check_quantizer(pq->pq, index->d);
        must(index->code_size == pq->pq.code_size, "codes of a wrong size");
    }
    must(index->invlists->compute_ntotal() == static_cast<size_t>(index->ntotal),
         "lists of another number of rows");
    check(index->quantizer, links);
}

} // namespace

void check(const faiss::Index* index, bool links) {
    must(index != nullptr, "a file without an index");
    must(index->d > 0 && index->ntotal >= 0, "an index of an impossible shape");
    if (const auto* outer = dynamic_cast<const faiss::IndexPreTransform*>(index)) {
        int dimension = outer->d;
        for (const faiss::VectorTransform* transform : outer->chain) {
            must(transform->d_in == dimension && transform->d_out > 0, "transforms do not fit");
            dimension = transform->d_out;
        }
        must(outer->index != nullptr && outer->index->d == dimension &&
                     outer->index->ntotal == outer->ntotal,
             "transforms do not fit their index");
        check(outer->index, links);
    } else if (const auto* hnsw = dynamic_cast<const faiss::IndexHNSW*>(index)) {
        check_graph(hnsw, links);
    } else if (const auto* ivf = dynamic_cast<const faiss::IndexIVF*>(index)) {
        check_lists(ivf, links);
    } else if (const auto* flat = dynamic_cast<const faiss::IndexFlatCodes*>(index)) {
        check_flat(flat);
    }
}

} // namespace dayfly
