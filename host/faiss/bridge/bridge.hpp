// What the Rust side calls. Mirrored field by field in src/bridge.rs.
//
// This folder is compiled once for each variant of the instruction set, so nothing in it has a
// name of its own outside of its variant but the function that hands out the table.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dayfly {

struct Handle;

enum Status : int32_t {
    STATUS_OK = 0,
    // FAISS or a check of ours does not accept what it was given.
    STATUS_REFUSED = 1,
    STATUS_MEMORY = 2,
    // Anything else that was thrown.
    STATUS_INTERNAL = 3,
    // The caller's reader or writer failed, and knows why.
    STATUS_TRANSFER = 4,
};

struct Failure {
    // Ends with a zero byte; cut where it is longer.
    char text[512];
};

// Moves `length` bytes between `bytes` and the caller's stream. Returns the number moved; less
// than `length` is a failure or the end.
using Transfer = size_t (*)(void* context, void* bytes, size_t length);

enum Kind : int32_t {
    KIND_OTHER = 0,
    KIND_FLAT = 1,
    KIND_HNSW = 2,
    KIND_IVF = 3,
};

struct Facts {
    uint64_t rows;
    uint32_t dimension;
    uint32_t lists;
    int32_t kind;
    // As faiss::MetricType.
    int32_t metric;
    int32_t trained;
};

struct SearchCall {
    const float* queries;
    uint64_t count;
    uint64_t k;
    // Null for all rows.
    const uint8_t* bitmap;
    uint64_t bitmap_bytes;
    // 0 for what the index has of its own.
    uint32_t nprobe;
    uint32_t ef_search;
    uint32_t threads;
    int32_t exhaustive;
    // Both of count * k.
    float* scores;
    int64_t* rows;
};

struct Table {
    int32_t (*from_factory)(uint32_t, const char*, Handle**, Failure*);
    void (*release)(Handle*);
    int32_t (*set_ef_construction)(Handle*, uint32_t, Failure*);
    int32_t (*train)(Handle*, uint64_t, const float*, Failure*);
    int32_t (*add)(Handle*, uint64_t, const float*, Failure*);
    void (*facts)(const Handle*, Facts*);
    int32_t (*describe)(const Handle*, char*, size_t, Failure*);
    int32_t (*search)(const Handle*, const SearchCall*, Failure*);
    int32_t (*reconstruct)(const Handle*, uint64_t, uint64_t, float*, Failure*);
    int32_t (*write)(const Handle*, Transfer, void*, Failure*);
    int32_t (*read)(Transfer, void*, Handle**, Failure*);
    int32_t (*map)(int, uint64_t, Handle**, Failure*);
    int32_t (*nearest)(
            const float*,
            uint64_t,
            const float*,
            uint64_t,
            uint32_t,
            uint64_t,
            float*,
            int64_t*,
            Failure*);
    void (*set_threads)(uint32_t);
};

int32_t from_factory(uint32_t dimension, const char* text, Handle** out, Failure* failure);
void release(Handle* handle);
int32_t set_ef_construction(Handle* handle, uint32_t ef, Failure* failure);
int32_t train(Handle* handle, uint64_t count, const float* vectors, Failure* failure);
int32_t add(Handle* handle, uint64_t count, const float* vectors, Failure* failure);
void facts(const Handle* handle, Facts* out);
int32_t describe(const Handle* handle, char* out, size_t length, Failure* failure);
int32_t search(const Handle* handle, const SearchCall* call, Failure* failure);
int32_t reconstruct(
        const Handle* handle,
        uint64_t first,
        uint64_t count,
        float* out,
        Failure* failure);
int32_t write(const Handle* handle, Transfer transfer, void* context, Failure* failure);
int32_t read(Transfer transfer, void* context, Handle** out, Failure* failure);
int32_t map(int file, uint64_t length, Handle** out, Failure* failure);
int32_t nearest(
        const float* queries,
        uint64_t count,
        const float* vectors,
        uint64_t rows,
        uint32_t dimension,
        uint64_t k,
        float* scores,
        int64_t* found,
        Failure* failure);
void set_threads(uint32_t threads);

} // namespace dayfly
