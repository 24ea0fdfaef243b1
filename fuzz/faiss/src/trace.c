// What GCC calls of a FAISS that reports where it comes by (`cargo xtask fuzz --sanitize`).
#include <stdint.h>

#define COUNTERS (1 << 16)

__attribute__((section("__libfuzzer_extra_counters"))) uint8_t dayfly_trace_counters[COUNTERS];

// Each edge. libFuzzer's function of this name does nothing: the linker puts this one in its place.
void __wrap___sanitizer_cov_trace_pc(void) {
    const uintptr_t from = (uintptr_t)__builtin_return_address(0);
    uint8_t* counter = &dayfly_trace_counters[(from ^ from >> 16) % COUNTERS];
    if (*counter < UINT8_MAX) {
        ++*counter;
    }
}

// Comparisons of numbers that are no integers, which libFuzzer has no use for.
void __sanitizer_cov_trace_cmpf(float a, float b) {
    (void)a;
    (void)b;
}

void __sanitizer_cov_trace_cmpd(double a, double b) {
    (void)a;
    (void)b;
}
