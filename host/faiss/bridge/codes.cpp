// Inner products with codes of one byte a component, for graphs. A component is a linear function
// of its code, so a query is turned into weights of codes once, where FAISS decodes every component
// of every row; and four rows are looked at together.
#include <memory>
#include <utility>
#include <vector>

#include <faiss/IndexHNSW.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexScalarQuantizer.h>
#include <faiss/impl/DistanceComputer.h>

#include "handle.hpp"

namespace dayfly {

namespace {

using faiss::idx_t;

struct ByteCodes : faiss::FlatCodesDistanceComputer {
    const size_t d;
    // FAISS's own, which is as fast with one row or two.
    std::unique_ptr<faiss::ScalarQuantizer::SQDistanceComputer> single;
    // Component i of a row with the code c is least[i] + (c + 0.5) * step[i].
    const float* least;
    std::vector<float> step;
    // The query's.
    std::vector<float> weight;
    float constant = 0;

    explicit ByteCodes(const faiss::IndexScalarQuantizer& index)
            : FlatCodesDistanceComputer(index.codes.data(), index.code_size),
              d(index.d),
              single(index.sq.get_distance_computer(index.metric_type)),
              least(index.sq.trained.data()),
              step(d),
              weight(d) {
        single->codes = codes;
        single->code_size = code_size;
        const float* range = least + d;
        for (size_t i = 0; i < d; i++) {
            step[i] = range[i] / 255;
        }
    }

    void set_query(const float* x) override {
        single->set_query(x);
        constant = 0;
        for (size_t i = 0; i < d; i++) {
            constant += x[i] * (least[i] + step[i] / 2);
            weight[i] = x[i] * step[i];
        }
    }

    float distance_to_code(const uint8_t* code) override {
        return single->query_to_code(code);
    }

    void distances_batch_4(
            const idx_t row0,
            const idx_t row1,
            const idx_t row2,
            const idx_t row3,
            float& score0,
            float& score1,
            float& score2,
            float& score3) override {
        const float* w = weight.data();
        const uint8_t* code0 = codes + row0 * code_size;
        const uint8_t* code1 = codes + row1 * code_size;
        const uint8_t* code2 = codes + row2 * code_size;
        const uint8_t* code3 = codes + row3 * code_size;
        float sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
#pragma omp simd reduction(+ : sum0, sum1, sum2, sum3)
        for (size_t i = 0; i < d; i++) {
            sum0 += w[i] * static_cast<float>(code0[i]);
            sum1 += w[i] * static_cast<float>(code1[i]);
            sum2 += w[i] * static_cast<float>(code2[i]);
            sum3 += w[i] * static_cast<float>(code3[i]);
        }
        score0 = constant + sum0;
        score1 = constant + sum1;
        score2 = constant + sum2;
        score3 = constant + sum3;
    }

    float symmetric_dis(idx_t a, idx_t b) override {
        return single->symmetric_dis(a, b);
    }
};

// The same index to all who look at it but for how it compares.
struct QuickCodes : faiss::IndexScalarQuantizer {
    explicit QuickCodes(const faiss::IndexScalarQuantizer& plain) : IndexScalarQuantizer(plain) {}

    faiss::FlatCodesDistanceComputer* get_FlatCodesDistanceComputer() const override {
        return new ByteCodes(*this);
    }
};

} // namespace

void quicken(faiss::Index* index) {
    while (auto* outer = dynamic_cast<faiss::IndexPreTransform*>(index)) {
        index = outer->index;
    }
    auto* graph = dynamic_cast<faiss::IndexHNSW*>(index);
    if (graph == nullptr || !graph->own_fields) {
        return;
    }
    auto* plain = dynamic_cast<faiss::IndexScalarQuantizer*>(graph->storage);
    if (plain == nullptr || plain->sq.qtype != faiss::ScalarQuantizer::QT_8bit ||
        plain->metric_type != faiss::METRIC_INNER_PRODUCT) {
        return;
    }
    // Codes may be many, and in a file: they are not copied.
    auto codes = std::move(plain->codes);
    plain->codes = {};
    auto quick = std::make_unique<QuickCodes>(*plain);
    quick->codes = std::move(codes);
    delete plain;
    graph->storage = quick.release();
}

} // namespace dayfly
