// Whether an index that has been read is of a kind that is known here, and its parts fit together.
//
// FAISS reads many kinds, and checks some of what it reads; the rest it would find out by reading
// where nothing is. So only kinds all of whose parts are looked at here are let through. Flipped
// bits in vectors and codes cannot be seen here.
#include <limits>
#include <typeinfo>
#include <vector>

#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIVF.h>
#include <faiss/IndexIVFFlat.h>
#include <faiss/IndexIVFPQ.h>
#include <faiss/IndexPQ.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexScalarQuantizer.h>
#include <faiss/VectorTransform.h>
#include <faiss/impl/FaissAssert.h>
#include <faiss/invlists/InvertedLists.h>

#include "handle.hpp"

namespace dayfly {

namespace {

void must(bool holds, const char* text) {
    if (!holds) {
        throw faiss::FaissException(text);
    }
}

// `thing` if it is a `Kind` and nothing derived from it.
template <class Kind, class Base>
const Kind* exactly(const Base* thing) {
    return typeid(*thing) == typeid(Kind) ? static_cast<const Kind*>(thing) : nullptr;
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
    must(pq.M > 0 && pq.d % pq.M == 0 && pq.nbits > 0 && pq.nbits <= 24 &&
                 pq.dsub == pq.d / pq.M && pq.ksub == size_t(1) << pq.nbits &&
                 pq.code_size == (pq.M * pq.nbits + 7) / 8,
         "a product quantizer of an impossible shape");
    must(pq.centroids.size() == pq.d * pq.ksub, "a product quantizer without its centroids");
}

// Answers whether it is one.
bool check_flat(const faiss::Index* index) {
    must(index->is_trained || index->ntotal == 0, "codes that nothing was trained for");
    const auto* codes = dynamic_cast<const faiss::IndexFlatCodes*>(index);
    if (const auto* sq = exactly<faiss::IndexScalarQuantizer>(index)) {
        check_quantizer(sq->sq, index->d, index->is_trained);
        must(codes->code_size == sq->sq.code_size, "codes of a wrong size");
    } else if (const auto* pq = exactly<faiss::IndexPQ>(index)) {
        check_quantizer(pq->pq, index->d);
        must(codes->code_size == pq->pq.code_size, "codes of a wrong size");
        must(pq->search_type == faiss::IndexPQ::ST_PQ && !pq->encode_signs,
             "product codes that are compared in an unusual way");
    } else if (
            exactly<faiss::IndexFlat>(index) || exactly<faiss::IndexFlatIP>(index) ||
            exactly<faiss::IndexFlatL2>(index)) {
        must(codes->code_size == index->d * sizeof(float), "codes of a wrong size");
    } else {
        return false;
    }
    size_t bytes = 0;
    must(!__builtin_mul_overflow(static_cast<size_t>(index->ntotal), codes->code_size, &bytes) &&
                 codes->codes.size() == bytes,
         "more or fewer codes than rows");
    return true;
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

// A search that follows links gets lost among distances that are no numbers: no row may be longer
// than a query.
void check_lengths(const faiss::Index* vectors) {
    std::vector<float> row(vectors->d);
    for (faiss::idx_t number = 0; number < vectors->ntotal; number++) {
        vectors->reconstruct(number, row.data());
        must(has_length(row.data(), row.size()), "a graph over vectors that are no numbers");
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
        check_lengths(index->storage);
    }
}

void check_list_contents(const faiss::IndexIVF* index, bool links) {
    const faiss::InvertedLists* lists = index->invlists;
    must(is_mapped(lists) || typeid(*lists) == typeid(faiss::ArrayInvertedLists),
         "inverted lists that are kept elsewhere");
    must(lists->nlist == index->nlist && lists->code_size == index->code_size,
         "inverted lists of another shape");
    if (const auto* arrays = exactly<faiss::ArrayInvertedLists>(lists)) {
        must(arrays->ids.size() == lists->nlist && arrays->codes.size() == lists->nlist,
             "inverted lists of another number");
        for (size_t list = 0; list < lists->nlist; list++) {
            must(arrays->codes[list].size() == arrays->ids[list].size() * lists->code_size,
                 "an inverted list with more or fewer codes than rows");
        }
    }
    must(lists->compute_ntotal() == static_cast<size_t>(index->ntotal),
         "lists of another number of rows");
    for (size_t list = 0; links && list < lists->nlist; list++) {
        const faiss::idx_t* ids = lists->get_ids(list);
        for (size_t at = 0; at < lists->list_size(list); at++) {
            must(ids[at] >= 0 && ids[at] < index->ntotal, "a list with a row that is not");
        }
    }
}

void check_lists(const faiss::IndexIVF* index, bool links) {
    must(index->quantizer != nullptr && index->invlists != nullptr, "lists without a quantizer");
    must(index->nlist > 0 && index->nlist <= INT32_MAX && index->nprobe > 0, "no lists");
    must(index->quantizer->d == index->d &&
                 (!index->is_trained ||
                  index->quantizer->ntotal == static_cast<faiss::idx_t>(index->nlist)),
         "a coarse quantizer of another shape");
    must(index->direct_map.type == faiss::DirectMap::NoMap, "lists with a map of their rows");
    if (const auto* sq = exactly<faiss::IndexIVFScalarQuantizer>(index)) {
        check_quantizer(sq->sq, index->d, index->is_trained);
        must(index->code_size == sq->sq.code_size, "codes of a wrong size");
    } else if (const auto* pq = exactly<faiss::IndexIVFPQ>(index)) {
        check_quantizer(pq->pq, index->d);
        must(index->code_size == pq->pq.code_size, "codes of a wrong size");
        must(pq->polysemous_ht == 0, "product codes that are compared in an unusual way");
    } else {
        must(exactly<faiss::IndexIVFFlat>(index) != nullptr, "inverted lists of an unknown kind");
        must(index->code_size == index->d * sizeof(float), "codes of a wrong size");
    }
    check_list_contents(index, links);
    check(index->quantizer, links);
}

// A matrix has all of its numbers, and what picks components picks such as there are.
void check_transform(const faiss::VectorTransform* transform) {
    const size_t in = static_cast<size_t>(transform->d_in);
    const size_t out = static_cast<size_t>(transform->d_out);
    must(transform->is_trained, "a transform that has not been trained");
    if (exactly<faiss::LinearTransform>(transform) || exactly<faiss::OPQMatrix>(transform) ||
        exactly<faiss::PCAMatrix>(transform) || exactly<faiss::RandomRotationMatrix>(transform)) {
        const auto* linear = static_cast<const faiss::LinearTransform*>(transform);
        must(linear->A.size() == in * out && (!linear->have_bias || linear->b.size() == out),
             "a matrix without some of its numbers");
    } else if (const auto* remap = exactly<faiss::RemapDimensionsTransform>(transform)) {
        must(remap->map.size() == out, "a choice of components of another number");
        for (const int from : remap->map) {
            must(from >= -1 && from < transform->d_in, "a choice of a component that is not");
        }
    } else if (const auto* centre = exactly<faiss::CenteringTransform>(transform)) {
        must(in == out && centre->mean.size() == in, "a centre of another dimension");
    } else {
        must(exactly<faiss::NormalizationTransform>(transform) != nullptr && in == out,
             "a transform of an unknown kind");
    }
}

} // namespace

bool has_length(const float* vector, size_t components) {
    double square = 0;
    for (size_t i = 0; i < components; i++) {
        square += static_cast<double>(vector[i]) * vector[i];
    }
    // False where it is no number.
    return square <= std::numeric_limits<float>::max();
}

void check(const faiss::Index* index, bool links) {
    must(index != nullptr, "a file without an index");
    must(index->d > 0 && index->ntotal >= 0, "an index of an impossible shape");
    must(index->is_trained || index->ntotal == 0, "an index with rows that has not been trained");
    if (const auto* outer = exactly<faiss::IndexPreTransform>(index)) {
        int dimension = outer->d;
        for (const faiss::VectorTransform* transform : outer->chain) {
            must(transform != nullptr && transform->d_in == dimension && transform->d_out > 0,
                 "transforms do not fit");
            check_transform(transform);
            dimension = transform->d_out;
        }
        must(outer->index != nullptr && outer->index->d == dimension &&
                     outer->index->ntotal == outer->ntotal,
             "transforms do not fit their index");
        check(outer->index, links);
        return;
    }
    if (check_flat(index)) {
        return;
    }
    must(index->metric_type == faiss::METRIC_INNER_PRODUCT ||
                 index->metric_type == faiss::METRIC_L2,
         "rows that are compared in an unusual way");
    if (exactly<faiss::IndexHNSWFlat>(index) || exactly<faiss::IndexHNSWSQ>(index) ||
        exactly<faiss::IndexHNSWPQ>(index)) {
        const auto* graph = static_cast<const faiss::IndexHNSW*>(index);
        must(graph->storage != nullptr && check_flat(graph->storage),
             "a graph over vectors of an unknown kind");
        check_graph(graph, links);
    } else if (const auto* ivf = dynamic_cast<const faiss::IndexIVF*>(index)) {
        check_lists(ivf, links);
    } else {
        must(false, "an index of a kind that is not read here: use a flat one, HNSW or IVF over "
                    "plain vectors, SQ or PQ codes, perhaps under OPQ, PCA or a rotation");
    }
}

} // namespace dayfly
