// FAISS's file format, to and from streams and mapped files.
#include <sys/mman.h>

#include <typeinfo>

#include <faiss/impl/FaissAssert.h>
#include <faiss/impl/io.h>
#include <faiss/impl/io_macros.h>
#include <faiss/impl/zerocopy_io.h>
#include <faiss/index_io.h>
#include <faiss/invlists/InvertedLists.h>
#include <faiss/invlists/InvertedListsIOHook.h>

#include "handle.hpp"

namespace dayfly {

Mapping::Mapping(int file, size_t size) : length(size) {
    void* address = mmap(nullptr, size, PROT_READ, MAP_SHARED, file, 0);
    if (address == MAP_FAILED) {
        throw std::bad_alloc();
    }
    bytes = static_cast<const uint8_t*>(address);
}

Mapping::~Mapping() {
    if (bytes != nullptr) {
        munmap(const_cast<uint8_t*>(bytes), length);
    }
}

namespace {

using faiss::idx_t;

struct Writer : faiss::IOWriter {
    Transfer transfer;
    void* context;

    Writer(Transfer transfer, void* context) : transfer(transfer), context(context) {}

    size_t operator()(const void* bytes, size_t size, size_t count) override {
        const size_t length = size * count;
        if (length != 0 && transfer(context, const_cast<void*>(bytes), length) != length) {
            throw TransferFailed();
        }
        return count;
    }
};

struct Reader : faiss::IOReader {
    Transfer transfer;
    void* context;

    Reader(Transfer transfer, void* context) : transfer(transfer), context(context) {
        name = "the stream";
    }

    size_t operator()(void* bytes, size_t size, size_t count) override {
        size_t length = 0;
        FAISS_THROW_IF_NOT_MSG(
                !__builtin_mul_overflow(size, count, &length), "a size beyond all memory");
        if (length != 0 && transfer(context, bytes, length) != length) {
            throw TransferFailed();
        }
        return count;
    }
};

// Inverted lists that stay in a mapped file, each as its codes and then its row numbers.
//
// FAISS's own on-disk lists start 32 threads for a search.
struct MappedLists : faiss::ReadOnlyInvertedLists {
    std::vector<const uint8_t*> starts;
    std::vector<size_t> sizes;

    MappedLists(size_t code_size, std::vector<size_t> list_sizes, faiss::ZeroCopyIOReader* file)
            : ReadOnlyInvertedLists(list_sizes.size(), code_size), sizes(std::move(list_sizes)) {
        const size_t entry = code_size + sizeof(idx_t);
        FAISS_THROW_IF_NOT_MSG(file->rp_ <= file->total_, "the file ends too soon");
        starts.reserve(nlist);
        for (const size_t size : sizes) {
            const size_t room = (file->total_ - file->rp_) / entry;
            FAISS_THROW_IF_NOT_MSG(size <= room, "the file ends within its inverted lists");
            starts.push_back(file->data_ + file->rp_);
            file->rp_ += size * entry;
        }
    }

    size_t list_size(size_t list) const override {
        return sizes[list];
    }

    const uint8_t* get_codes(size_t list) const override {
        return starts[list];
    }

    const idx_t* get_ids(size_t list) const override {
        return reinterpret_cast<const idx_t*>(starts[list] + sizes[list] * code_size);
    }
};

struct MappedListsHook : faiss::InvertedListsIOHook {
    MappedListsHook() : InvertedListsIOHook("ildf", typeid(MappedLists).name()) {}

    // As FAISS writes lists that are in memory, so that any FAISS reads them.
    void write(const faiss::InvertedLists* lists, faiss::IOWriter* f) const override {
        const auto* mapped = dynamic_cast<const MappedLists*>(lists);
        FAISS_THROW_IF_NOT(mapped != nullptr);
        const uint32_t array = faiss::fourcc("ilar");
        WRITE1(array);
        WRITE1(mapped->nlist);
        WRITE1(mapped->code_size);
        const uint32_t full = faiss::fourcc("full");
        WRITE1(full);
        WRITEVECTOR(mapped->sizes);
        for (size_t list = 0; list < mapped->nlist; list++) {
            const size_t size = mapped->sizes[list];
            WRITEANDCHECK(mapped->get_codes(list), size * mapped->code_size);
            WRITEANDCHECK(mapped->get_ids(list), size);
        }
    }

    faiss::InvertedLists* read(faiss::IOReader*, int) const override {
        FAISS_THROW_MSG("these inverted lists are never written as such");
    }

    faiss::InvertedLists* read_ArrayInvertedLists(
            faiss::IOReader* reader,
            int,
            size_t lists,
            size_t code_size,
            const std::vector<size_t>& sizes) const override {
        auto* file = dynamic_cast<faiss::ZeroCopyIOReader*>(reader);
        FAISS_THROW_IF_NOT(file != nullptr && sizes.size() == lists);
        FAISS_THROW_IF_NOT_MSG(code_size <= file->total_, "a code longer than its file");
        return new MappedLists(code_size, sizes, file);
    }
};

// What read_index is told to have lists read by the hook above.
int mapped_lists_flag() {
    static std::once_flag once;
    std::call_once(once, [] {
        faiss::InvertedListsIOHook::add_callback(new MappedListsHook());
    });
    const int upper_half = static_cast<int>(faiss::fourcc("ildf") & 0xffff0000);
    return faiss::IO_FLAG_SKIP_IVF_DATA | upper_half;
}

} // namespace

bool is_mapped(const faiss::InvertedLists* lists) {
    return typeid(*lists) == typeid(MappedLists);
}

int32_t write(const Handle* handle, Transfer transfer, void* context, Failure* failure) {
    return guarded(failure, [&] {
        Writer writer(transfer, context);
        faiss::write_index(handle->index.get(), &writer);
    });
}

int32_t read(Transfer transfer, void* context, Handle** out, Failure* failure) {
    return guarded(failure, [&] {
        auto handle = std::make_unique<Handle>();
        Reader reader(transfer, context);
        handle->index.reset(faiss::read_index(&reader));
        check(handle->index.get(), true);
        quicken(handle->index.get());
        *out = handle.release();
    });
}

int32_t map(int file, uint64_t length, Handle** out, Failure* failure) {
    return guarded(failure, [&] {
        auto handle = std::make_unique<Handle>();
        handle->mapping = std::make_unique<Mapping>(file, length);
        faiss::ZeroCopyIOReader reader(handle->mapping->bytes, handle->mapping->length);
        reader.name = "the mapped file";
        handle->index.reset(faiss::read_index(&reader, mapped_lists_flag()));
        // The reader rounds what is left of a vector up.
        FAISS_THROW_IF_NOT_MSG(reader.rp_ <= reader.total_, "the file ends too soon");
        check(handle->index.get(), false);
        quicken(handle->index.get());
        *out = handle.release();
    });
}

} // namespace dayfly
