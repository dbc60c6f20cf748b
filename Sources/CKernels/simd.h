// One source for every instruction set.
//
// A kernel family writes its fast loops once, in a template `NAME_simd.h`, in terms of V(vec), V(load), V(fma), V(exp) …,
// LANES and TARGET. templates.h includes all of them, and each kernels_*.c includes that for its instruction set:
//
//     #include "simd_avx2.h"      // V(name) is name_avx2 from here on
//     #include "templates.h"      // TARGET static void V(loop)(…), that is loop_avx2, … and DK_TEMPLATES, their table entries
//
// simd_avx512.h, simd_avx2.h, simd_neon.h and simd_portable.h define the same operations; simd_math.h builds exp and the
// activations from them. `_n` operations take a count of lanes (1…LANES and beyond) and never touch memory behind it. AVX2
// and AVX-512 have some more for levels (UNITS below), AVX-512 and portable vectors for what lies between tiles (amx.h).
#ifndef DIT_T2I_SIMD_H
#define DIT_T2I_SIMD_H
#include "kernels.h"

// What one multiplication of attention and convolution takes: a float, or two neighbours of 16 bits.
typedef uint32_t unit;
#define DK_F32_UNITS 0
#define DK_BF16_UNITS 1
#define DK_I16_UNITS 2  // levels of a row, a band or a block of keys, each with a scale
#endif
