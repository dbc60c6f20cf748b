// One source for three instruction sets.
//
// A kernel family writes its fast loops once, in a template `NAME_simd.h`, in terms of V(vec), V(load), V(fma), V(exp) …,
// LANES and TARGET, and NAME.c includes it once for each instruction set:
//
//     #if DK_X86
//     #include "simd_avx512.h"
//     #include "NAME_simd.h"      // defines TARGET static void V(loop)(…), that is loop_avx512
//     #include "simd_avx2.h"
//     #include "NAME_simd.h"
//     #endif
//     #include "simd_portable.h"
//     #include "NAME_simd.h"
//     …
//     DK_CHOOSE(engine, loop)(…)
//
// simd_avx512.h, simd_avx2.h and simd_portable.h define the same operations; simd_math.h builds exp and the activations
// from them. `_n` operations take a count of lanes (1…LANES and beyond) and never touch memory behind it.
#ifndef DIT_T2I_SIMD_H
#define DIT_T2I_SIMD_H
#include "kernels.h"

#if DK_X86
#define DK_CHOOSE(engine, name) \
  ((engine)->level == DK_CPU_AVX512 ? name##_avx512 : (engine)->level == DK_CPU_AVX2 ? name##_avx2 : name##_portable)
#else
#define DK_CHOOSE(engine, name) ((void)(engine), name##_portable)
#endif
#endif
