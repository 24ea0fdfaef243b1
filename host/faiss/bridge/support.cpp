// What the libraries that are linked statically want beside themselves.
#include <cstddef>
#include <cstring>

// OpenBLAS's LAPACK is Fortran, and this is all it wants of Fortran's runtime: `s1 // s2` into a
// text of a fixed length, padded with blanks.
extern "C" __attribute__((weak)) void _gfortran_concat_string(
        size_t length,
        char* out,
        size_t length1,
        const char* text1,
        size_t length2,
        const char* text2) {
    const size_t first = length1 < length ? length1 : length;
    std::memcpy(out, text1, first);
    const size_t room = length - first;
    const size_t second = length2 < room ? length2 : room;
    std::memcpy(out + first, text2, second);
    std::memset(out + first + second, ' ', room - second);
}
