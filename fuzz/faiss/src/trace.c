// GCC reports each edge by this call, under its plain name, for which libFuzzer has a function that
// does nothing; the linker puts this one in its place (`cargo xtask fuzz --sanitize`).
#include <stdint.h>

#define COUNTERS (1 << 16)

__attribute__((section("__libfuzzer_extra_counters"))) uint8_t dayfly_trace_counters[COUNTERS];

void __wrap___sanitizer_cov_trace_pc(void) {
    const uintptr_t from = (uintptr_t)__builtin_return_address(0);
    uint8_t* counter = &dayfly_trace_counters[(from ^ from >> 16) % COUNTERS];
    if (*counter < UINT8_MAX) {
        ++*counter;
    }
}
