// Selects NEON, as every arm64 has it, for the template that is included next. See simd.h.
#undef V
#undef LANES
#undef TARGET
#define V(name) name##_neon
#define LANES 4
#define TARGET

#ifndef DK_SIMD_NEON
#define DK_SIMD_NEON
#define OP DK_INLINE
typedef float32x4_t V(vec);
OP V(vec) V(set)(float x) { return vdupq_n_f32(x); }
OP V(vec) V(load)(const float *p) { return vld1q_f32(p); }
OP V(vec) V(load_n)(const float *p, long count) {
  V(vec) x = vdupq_n_f32(0);
  memcpy(&x, p, (size_t)(count < 4 ? count : 4) * 4);
  return x;
}
OP void V(store)(float *p, V(vec) x) { vst1q_f32(p, x); }
OP void V(store_n)(float *p, V(vec) x, long count) { memcpy(p, &x, (size_t)(count < 4 ? count : 4) * 4); }
OP V(vec) V(widen)(uint16x4_t x) { return vreinterpretq_f32_u32(vshlq_n_u32(vmovl_u16(x), 16)); }
OP V(vec) V(load_bf16)(const uint16_t *p) { return V(widen)(vld1_u16(p)); }
OP V(vec) V(load_bf16_n)(const uint16_t *p, long count) {
  uint16x4_t x = vdup_n_u16(0);
  memcpy(&x, p, (size_t)(count < 4 ? count : 4) * 2);
  return V(widen)(x);
}
OP uint16x4_t V(narrow)(V(vec) x) {
  uint32x4_t bits = vreinterpretq_u32_f32(x), odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
  uint32x4_t rounded = vaddq_u32(vaddq_u32(bits, vdupq_n_u32(0x7fff)), odd);
  uint32x4_t quiet = vorrq_u32(bits, vdupq_n_u32(0x400000));
  return vshrn_n_u32(vbslq_u32(vceqq_f32(x, x), rounded, quiet), 16);
}
OP void V(store_bf16)(uint16_t *p, V(vec) x) { vst1_u16(p, V(narrow)(x)); }
OP void V(store_bf16_n)(uint16_t *p, V(vec) x, long count) {
  uint16x4_t part = V(narrow)(x);
  memcpy(p, &part, (size_t)(count < 4 ? count : 4) * 2);
}
OP V(vec) V(load_difference)(const int32_t *a, const int32_t *b) {
  return vcvtq_f32_s32(vsubq_s32(vld1q_s32(a), vld1q_s32(b)));
}
OP V(vec) V(add)(V(vec) a, V(vec) b) { return vaddq_f32(a, b); }
OP V(vec) V(sub)(V(vec) a, V(vec) b) { return vsubq_f32(a, b); }
OP V(vec) V(mul)(V(vec) a, V(vec) b) { return vmulq_f32(a, b); }
OP V(vec) V(div)(V(vec) a, V(vec) b) { return vdivq_f32(a, b); }
OP V(vec) V(fma)(V(vec) a, V(vec) b, V(vec) c) { return vfmaq_f32(c, a, b); }
OP V(vec) V(max)(V(vec) a, V(vec) b) { return vmaxq_f32(a, b); }  // NaN where either is
OP V(vec) V(min)(V(vec) a, V(vec) b) { return vminq_f32(a, b); }
OP V(vec) V(round)(V(vec) x) { return vrndnq_f32(x); }
OP V(vec) V(scale2)(V(vec) x, V(vec) n) {
  int32x4_t exponent = vshlq_n_s32(vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127)), 23);
  return vmulq_f32(x, vreinterpretq_f32_s32(exponent));
}
OP V(vec) V(reciprocal)(V(vec) x) { return vdivq_f32(vdupq_n_f32(1), x); }
// By their bits, as of integers: `most` is a magnitude already.
OP V(vec) V(larger_magnitude)(V(vec) most, V(vec) x) {
  uint32x4_t magnitude = vandq_u32(vreinterpretq_u32_f32(x), vdupq_n_u32(0x7fffffff));
  return vreinterpretq_f32_u32(vmaxq_u32(vreinterpretq_u32_f32(most), magnitude));
}
OP uint32_t V(largest_bits)(V(vec) x) { return vmaxvq_u32(vreinterpretq_u32_f32(x)); }
OP float V(sum)(V(vec) x) { return vaddvq_f32(x); }
OP float V(largest)(V(vec) x) { return vmaxvq_f32(x); }
#undef OP
#include "simd_math.h"
#endif
