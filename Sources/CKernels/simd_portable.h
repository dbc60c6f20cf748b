// Selects plain four-lane vectors (SSE2, NEON or whatever clang has) for the template that is included next. See simd.h.
#undef V
#undef LANES
#undef TARGET
#define V(name) name##_portable
#define LANES 4
#define TARGET

#ifndef DK_SIMD_PORTABLE
#define DK_SIMD_PORTABLE
#define OP DK_INLINE
typedef float V(vec) __attribute__((ext_vector_type(4)));
typedef int32_t V(ivec) __attribute__((ext_vector_type(4)));
typedef uint32_t V(uvec) __attribute__((ext_vector_type(4)));
typedef uint16_t V(halves) __attribute__((ext_vector_type(4)));
OP V(vec) V(set)(float x) { return (V(vec))(x); }
OP V(vec) V(load)(const float *p) {
  V(vec) x;
  memcpy(&x, p, 16);
  return x;
}
OP V(vec) V(load_n)(const float *p, long count) {
  V(vec) x = 0;
  memcpy(&x, p, (size_t)(count < 4 ? count : 4) * 4);
  return x;
}
OP void V(store)(float *p, V(vec) x) { memcpy(p, &x, 16); }
OP void V(store_n)(float *p, V(vec) x, long count) { memcpy(p, &x, (size_t)(count < 4 ? count : 4) * 4); }
OP V(vec) V(widen)(V(halves) x) { return (V(vec))(__builtin_convertvector(x, V(uvec)) << 16); }
OP V(vec) V(load_bf16)(const uint16_t *p) {
  V(halves) x;
  memcpy(&x, p, 8);
  return V(widen)(x);
}
OP V(vec) V(load_bf16_n)(const uint16_t *p, long count) {
  V(halves) x = 0;
  memcpy(&x, p, (size_t)(count < 4 ? count : 4) * 2);
  return V(widen)(x);
}
OP V(halves) V(narrow)(V(vec) x) {
  V(uvec) bits = (V(uvec))x, nan = (V(uvec))(x != x);
  V(uvec) rounded = bits + 0x7fff + (bits >> 16 & 1);
  rounded = (nan & (bits | 0x400000)) | (~nan & rounded);
  return __builtin_convertvector(rounded >> 16, V(halves));
}
OP void V(store_bf16)(uint16_t *p, V(vec) x) {
  V(halves) h = V(narrow)(x);
  memcpy(p, &h, 8);
}
OP void V(store_bf16_n)(uint16_t *p, V(vec) x, long count) {
  V(halves) h = V(narrow)(x);
  memcpy(p, &h, (size_t)(count < 4 ? count : 4) * 2);
}
OP V(vec) V(load_difference)(const int32_t *a, const int32_t *b) {
  V(ivec) left, right;
  memcpy(&left, a, 16);
  memcpy(&right, b, 16);
  return __builtin_convertvector(left - right, V(vec));
}
OP V(vec) V(add)(V(vec) a, V(vec) b) { return a + b; }
OP V(vec) V(sub)(V(vec) a, V(vec) b) { return a - b; }
OP V(vec) V(mul)(V(vec) a, V(vec) b) { return a * b; }
OP V(vec) V(div)(V(vec) a, V(vec) b) { return a / b; }
OP V(vec) V(fma)(V(vec) a, V(vec) b, V(vec) c) { return a * b + c; }  // two roundings, on arm64 too: kernels.h
OP V(vec) V(select)(V(ivec) mask, V(vec) a, V(vec) b) { return (V(vec))((mask & (V(ivec))a) | (~mask & (V(ivec))b)); }
OP V(vec) V(max)(V(vec) a, V(vec) b) { return V(select)(a > b, a, b); }
OP V(vec) V(min)(V(vec) a, V(vec) b) { return V(select)(a < b, a, b); }
// Adding and taking off 1.5·2²³ rounds to nearest even, for |x| < 2²².
OP V(vec) V(round)(V(vec) x) {
  V(vec) shifted = x + 12582912.0f;
  return shifted - 12582912.0f;
}
OP V(vec) V(scale2)(V(vec) x, V(vec) n) {
  return x * (V(vec))((__builtin_convertvector(n, V(ivec)) + 127) << 23);
}
OP V(vec) V(reciprocal)(V(vec) x) { return 1.0f / x; }
// By their bits, as of integers: `most` is a magnitude already.
OP V(vec) V(larger_magnitude)(V(vec) most, V(vec) x) {
  V(uvec) magnitude = (V(uvec))x & 0x7fffffff, before = (V(uvec))most;
  return V(select)(magnitude > before, (V(vec))magnitude, most);
}
OP uint32_t V(largest_bits)(V(vec) x) {
  V(uvec) bits = (V(uvec))x;
  uint32_t a = bits.x > bits.y ? bits.x : bits.y, b = bits.z > bits.w ? bits.z : bits.w;
  return a > b ? a : b;
}
OP float V(sum)(V(vec) x) { return (x.x + x.z) + (x.y + x.w); }
OP float V(largest)(V(vec) x) {
  float a = x.x > x.y ? x.x : x.y, b = x.z > x.w ? x.z : x.w;
  return a > b ? a : b;
}
#undef OP
#include "simd_math.h"

// Between emulated tiles: what AVX-512 has to 1e-4, and for two vectors at once.
DK_INLINE V(vec) V(gelu_coarse)(V(vec) x) { return V(gelu_tanh)(x); }
DK_INLINE V(vec) V(exp2_coarse)(V(vec) x) { return V(exp2)(x); }
DK_INLINE void V(store_as_bf16)(uint16_t *p, V(vec) x) { V(store_bf16)(p, x); }
DK_INLINE void V(store_two_as_bf16)(uint16_t *p, V(vec) low, V(vec) high) {
  V(store_bf16)(p, low);
  V(store_bf16)(p + LANES, high);
}
#endif
