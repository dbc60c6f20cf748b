// Conversions eight numbers at a time (convert.c has them one at a time). Included by kernels_neon.c only.
#include <math.h>

static long f16_to_f32_neon(const char *from, long count, float *to) {
  long i = 0;
  for (; i + 8 <= count; i += 8) {
    float16x8_t half = vreinterpretq_f16_u8(vld1q_u8((const uint8_t *)from + 2 * i));
    vst1q_f32(to + i, vcvt_f32_f16(vget_low_f16(half)));
    vst1q_f32(to + i + 4, vcvt_high_f32_f16(half));
  }
  return i;
}

static long bf16_to_f32_neon(const char *from, long count, float *to) {
  long i = 0;
  for (; i + 8 <= count; i += 8) {
    uint16x8_t half = vreinterpretq_u16_u8(vld1q_u8((const uint8_t *)from + 2 * i));
    vst1q_f32(to + i, widen_neon(vget_low_u16(half)));
    vst1q_f32(to + i + 4, widen_neon(vget_high_u16(half)));
  }
  return i;
}

static long f32_to_f16_neon(const float *from, long count, char *to) {
  long i = 0;
  for (; i + 8 <= count; i += 8) {
    float16x8_t half = vcvt_high_f16_f32(vcvt_f16_f32(vld1q_f32(from + i)), vld1q_f32(from + i + 4));
    vst1q_u8((uint8_t *)to + 2 * i, vreinterpretq_u8_f16(half));
  }
  return i;
}

static long f32_to_bf16_neon(const float *from, long count, char *to) {
  long i = 0;
  for (; i + 8 <= count; i += 8) {
    uint16x8_t half = vcombine_u16(narrow_neon(vld1q_f32(from + i)), narrow_neon(vld1q_f32(from + i + 4)));
    vst1q_u8((uint8_t *)to + 2 * i, vreinterpretq_u8_u16(half));
  }
  return i;
}

static long i8_to_f32_neon(const int8_t *from, float scale, long count, float *to) {
  long i = 0;
  for (; i + 8 <= count; i += 8) {
    int16x8_t wide = vmovl_s8(vld1_s8(from + i));
    vst1q_f32(to + i, vmulq_n_f32(vcvtq_f32_s32(vmovl_s16(vget_low_s16(wide))), scale));
    vst1q_f32(to + i + 4, vmulq_n_f32(vcvtq_f32_s32(vmovl_high_s16(wide)), scale));
  }
  return i;
}

static long f32_to_i8_neon(const float *from, float scale, long count, int8_t *to) {
  const float32x4_t divisor = vdupq_n_f32(scale);
  long i = 0;
  for (; i + 8 <= count; i += 8) {
    int32x4_t low = vcvtnq_s32_f32(vdivq_f32(vld1q_f32(from + i), divisor));  // to nearest even
    int32x4_t high = vcvtnq_s32_f32(vdivq_f32(vld1q_f32(from + i + 4), divisor));
    vst1_s8(to + i, vqmovn_s16(vqmovn_high_s32(vqmovn_s32(low), high)));
  }
  return i;
}

static long most_neon(const float *from, long count, float *largest) {
  long i = 0;
  float32x4_t most = vdupq_n_f32(0);
  for (; i + 4 <= count; i += 4) most = vmaxnmq_f32(most, vabsq_f32(vld1q_f32(from + i)));  // like fmaxf without NaN
  *largest = fmaxf(*largest, vmaxnmvq_f32(most));
  return i;
}

static const dk_conversions conversions_neon = {f16_to_f32_neon, bf16_to_f32_neon, f32_to_f16_neon, f32_to_bf16_neon,
                                                i8_to_f32_neon,  f32_to_i8_neon,   most_neon};
