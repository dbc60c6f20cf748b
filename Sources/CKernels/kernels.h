// What the kernels of this folder share: the engine, scratch memory, targets, bfloat16. Not seen from Swift.
#ifndef DIT_T2I_KERNELS_PRIVATE_H
#define DIT_T2I_KERNELS_PRIVATE_H

#include "CKernels.h"

#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) && !defined(DK_PORTABLE_ONLY)
#define DK_X86 1
#include <immintrin.h>
// The package is compiled without -march; a function that needs more than SSE2 says so itself.
#define DK_TARGET_AVX2 __attribute__((target("avx2,fma,f16c")))
#define DK_TARGET_AVX512 __attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl")))
#define DK_TARGET_AVX512_BF16 __attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))
#define DK_TARGET_AVX512_VNNI __attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#define DK_TARGET_AMX \
  __attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx512vnni,amx-tile,amx-bf16,amx-int8")))
#define DK_TARGET_AVX2_VNNI __attribute__((target("avx2,fma,f16c,avxvnni")))
#else
#define DK_X86 0
#endif

#if defined(__aarch64__) && !defined(DK_PORTABLE_ONLY)
#define DK_ARM64 1
#include <arm_neon.h>
#define DK_TARGET_NEON_DOT __attribute__((target("dotprod")))
#define DK_TARGET_NEON_BF16 __attribute__((target("bf16,i8mm")))
#else
#define DK_ARM64 0
#endif

// A product and a sum are rounded once only where the code says so (V(fma)): left to compilers, a processor that always has
// fused multiply-adds would have other bits than the rest.
#pragma STDC FP_CONTRACT OFF

#define DK_INLINE static inline __attribute__((always_inline, unused))
#define DK_UNROLL _Pragma("clang loop unroll(full)")

typedef struct dk_pool dk_pool;

typedef struct {
  char *data;  // 64-byte aligned
  size_t bytes;
  char padding[48];  // a cache line of its own
} dk_buffer;

typedef struct dk_kernels dk_kernels;  // kernel_table.h

struct dk_engine {
  int threads;  // the caller's thread included
  dk_backend backend;
  const dk_kernels *kernels;
  dk_sgemm sgemm;
  dk_buffer *scratch;  // one a thread
  _Atomic(char *) spare;  // a block that nobody has: dk_take_block
  dk_pool *pool;
};

// Memory of this thread in a task of dk_parallel, as much as was asked for there. 64-byte aligned; contents are not kept.
DK_INLINE void *dk_scratch(const dk_engine *engine, int thread) { return engine->scratch[thread].data; }
// Makes every thread's scratch at least this large. memory.c; called by dk_parallel, when no task is running.
dk_status dk_reserve_scratch(dk_engine *engine, size_t bytes) DK_CHECKED;

// Freed with dk_free, unless it says otherwise. memory.c
void *dk_allocate_zeroed(size_t bytes);
void *dk_allocate_matrix(size_t bytes);  // in large pages where there are some; dk_free_matrix
void dk_free_matrix(void *matrix);       // NULL is fine
// Memory for all tasks of an operation, 64-byte aligned and in large pages: the engine keeps a block for the next one, whose
// pages are then there. NULL when memory is short. memory.c
void *dk_take_block(dk_engine *engine, size_t bytes);
void dk_give_block(dk_engine *engine, void *block);
int dk_allocation_fails(void);           // counts an allocation; 1 where a test wants it to fail

DK_INLINE size_t dk_type_size(dk_type type) { return type == DK_F32 ? 4 : 2; }
DK_INLINE long dk_stored_size(dk_stored type) {
  return type == DK_STORED_F64 ? 8 : type == DK_STORED_F32 ? 4 : type == DK_STORED_I8 ? 1 : 2;
}
// First element of a row.
DK_INLINE void *dk_row(dk_rows rows, long row) {
  return (char *)rows.data + row * rows.stride * (long)dk_type_size(rows.type);
}
DK_INLINE long dk_min(long a, long b) { return a < b ? a : b; }
DK_INLINE long dk_max(long a, long b) { return a > b ? a : b; }
DK_INLINE long dk_ceil_div(long a, long b) { return (a + b - 1) / b; }

enum { DK_I16_LEVELS = 2047 };  // of twelve bits, ±, kept in sixteen

// Levels of 0…±`most` for numbers up to the magnitude whose bits are `largest`: returns what a level is worth, NaN for NaN,
// and in `levels` how many levels 1 is. Of next to nothing the reciprocal would overflow: that is all 0.
DK_INLINE float dk_choose_levels(uint32_t largest, float most, float *levels) {
  float magnitude;
  memcpy(&magnitude, &largest, 4);
  *levels = magnitude > 1e-36f ? most / magnitude : 0;
  return magnitude > 1e-36f || magnitude != magnitude ? magnitude / most : 0;
}

DK_INLINE float dk_bf16_to_f32(uint16_t value) {
  uint32_t bits = (uint32_t)value << 16;
  float result;
  memcpy(&result, &bits, 4);
  return result;
}
// Round to nearest even; NaN stays NaN.
DK_INLINE uint16_t dk_f32_to_bf16(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
// One number of a row, whatever its type.
DK_INLINE float dk_get(dk_type type, const void *row, long column) {
  return type == DK_F32 ? ((const float *)row)[column] : dk_bf16_to_f32(((const uint16_t *)row)[column]);
}
DK_INLINE void dk_put(dk_type type, void *row, long column, float value) {
  if (type == DK_F32) ((float *)row)[column] = value;
  else ((uint16_t *)row)[column] = dk_f32_to_bf16(value);
}

// Activation in double, by libm: what the references use.
double dk_activate_exactly(dk_activation activation, double x);

#endif
