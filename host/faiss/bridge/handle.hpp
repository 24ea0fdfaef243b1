// The index behind a handle, and what all files of the bridge use.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <vector>

#include <faiss/Index.h>
#include <faiss/invlists/InvertedLists.h>
#include <faiss/impl/FaissException.h>
#include <faiss/impl/ProductQuantizer.h>

#include "bridge.hpp"

namespace dayfly {

// A file's bytes, read-only, for as long as an index looks at them.
struct Mapping {
    const uint8_t* bytes = nullptr;
    size_t length = 0;

    Mapping() = default;
    Mapping(int file, size_t length);
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    ~Mapping();
};

// Where a row is in the inverted lists.
struct Place {
    uint32_t list;
    uint32_t offset;
};

struct Handle {
    // Before the index, so that it outlives it.
    std::unique_ptr<Mapping> mapping;
    std::unique_ptr<faiss::Index> index;
    // What transformations of the index are trained with, and do not own.
    std::vector<std::unique_ptr<faiss::ProductQuantizer>> quantizers;
    // By row, for inverted lists only; found when first asked for. FAISS's own direct map would
    // be written into files.
    mutable std::once_flag places_once;
    mutable std::vector<Place> places;
};

// The caller's reader or writer failed.
struct TransferFailed {};

// What the index is under its transformations.
const faiss::Index* under_transforms(const faiss::Index* index);

// Has a graph over codes of one byte compare them faster, in building and searching alike.
void quicken(faiss::Index* index);

// Whether inverted lists are those of a mapped file.
bool is_mapped(const faiss::InvertedLists* lists);

// Throws where a file that has been read holds no index of a known kind, or its parts contradict
// each other. With `links`, looks
// at every link of a graph as well, which reads all of it.
void check(const faiss::Index* index, bool links);

// Whether a vector's components are numbers, and so is every product of it with another such vector.
bool has_length(const float* vector, size_t components);

// FAISS takes the number of threads from the calling thread.
struct Threads {
    int before;

    explicit Threads(uint32_t threads);
    Threads(const Threads&) = delete;
    ~Threads();
};

// Runs `action` and turns what it throws into a status and a text.
template <class Action>
int32_t guarded(Failure* failure, Action action) noexcept {
    const auto note = [failure](const char* text) {
        std::snprintf(failure->text, sizeof failure->text, "%s", text);
    };
    try {
        action();
        return STATUS_OK;
    } catch (const TransferFailed&) {
        note("the stream failed");
        return STATUS_TRANSFER;
    } catch (const std::bad_alloc&) {
        note("out of memory");
        return STATUS_MEMORY;
    } catch (const std::length_error& error) {
        note(error.what());
        return STATUS_REFUSED;
    } catch (const faiss::FaissException& error) {
        note(error.msg.c_str());
        return STATUS_REFUSED;
    } catch (const std::exception& error) {
        note(error.what());
        return STATUS_INTERNAL;
    } catch (...) {
        note("an exception of an unknown type");
        return STATUS_INTERNAL;
    }
}

} // namespace dayfly
