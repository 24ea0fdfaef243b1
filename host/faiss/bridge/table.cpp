// The one function of a variant that the program sees.
#include "bridge.hpp"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

extern "C" {
// The initialisers of the variant's static objects, between marks that variant.ld sets. The
// program does not run them at its start, as they may use instructions that the machine lacks.
extern void (*dayfly_faiss_initialisers[])(int, char**, char**);
extern void (*dayfly_faiss_initialisers_end[])(int, char**, char**);

// Call once, and only on a machine that has the variant's instructions.
const dayfly::Table* JOIN(dayfly_faiss_, DAYFLY_VARIANT)() {
    static const dayfly::Table table = {
            dayfly::from_factory,
            dayfly::release,
            dayfly::set_ef_construction,
            dayfly::train,
            dayfly::add,
            dayfly::facts,
            dayfly::describe,
            dayfly::search,
            dayfly::reconstruct,
            dayfly::write,
            dayfly::read,
            dayfly::map,
            dayfly::nearest,
            dayfly::set_threads,
    };
    for (auto each = dayfly_faiss_initialisers; each != dayfly_faiss_initialisers_end; each++) {
        (*each)(0, nullptr, nullptr);
    }
    return &table;
}
}
