// Numbers as files store them to float32 and back. Pointers may have any alignment.
#include "kernel_table.h"

#include <math.h>

// ---------------------------------------------------------------- reference: one number at a time

static float f16_to_f32(uint16_t half) {
  uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 1023, bits;
  if (exponent == 31) bits = sign | 0x7f800000 | fraction << 13 | (fraction ? 0x400000 : 0);
  else if (exponent) bits = sign | (exponent + 112) << 23 | fraction << 13;
  else {
    float value = (float)fraction * 0x1p-24f;  // exact
    return sign ? -value : value;
  }
  float result;
  memcpy(&result, &bits, 4);
  return result;
}

static uint16_t f32_to_f16(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
  bits &= 0x7fffffff;
  if (bits > 0x7f800000) return (uint16_t)(sign | 0x7e00 | (bits >> 13 & 0x3ff));
  if (bits >= 0x477ff000) return sign | 0x7c00;  // rounds to infinity
  if (bits < 0x38800000) {                       // denormal: adding 0.5 leaves round(value · 2²⁴) in the low bits
    float magnitude;
    memcpy(&magnitude, &bits, 4);
    magnitude += 0.5f;
    memcpy(&bits, &magnitude, 4);
    return (uint16_t)(sign | (bits - 0x3f000000));
  }
  return (uint16_t)(sign | ((bits - 0x38000000 + 0xfff + (bits >> 13 & 1)) >> 13));
}

static inline float load_f32(const char *p) {
  float x;
  memcpy(&x, p, 4);
  return x;
}

static inline uint16_t load_16(const char *p) {
  uint16_t x;
  memcpy(&x, p, 2);
  return x;
}

static float one_to_f32(dk_stored type, const char *from, long i) {
  double wide;
  switch (type) {
    case DK_STORED_F32: return load_f32(from + 4 * i);
    case DK_STORED_F16: return f16_to_f32(load_16(from + 2 * i));
    case DK_STORED_BF16: return dk_bf16_to_f32(load_16(from + 2 * i));
    case DK_STORED_F64: memcpy(&wide, from + 8 * i, 8); return (float)wide;
    case DK_STORED_I8: return (float)((const int8_t *)from)[i];
  }
  return 0;
}

static void one_from_f32(dk_stored type, float value, char *to, long i) {
  uint16_t half;
  double wide = value;
  switch (type) {
    case DK_STORED_F32: memcpy(to + 4 * i, &value, 4); break;
    case DK_STORED_F64: memcpy(to + 8 * i, &wide, 8); break;
    case DK_STORED_F16: half = f32_to_f16(value); memcpy(to + 2 * i, &half, 2); break;
    case DK_STORED_BF16: half = dk_f32_to_bf16(value); memcpy(to + 2 * i, &half, 2); break;
    case DK_STORED_I8: break;
  }
}

// ---------------------------------------------------------------- the functions of CKernels.h

// These belong to no engine: every instruction set gives the same bits, so the best there is does them.
static const dk_conversions *fast(void) { return dk_native_kernels()->convert; }

void dk_to_f32(dk_stored type, const void *from, long count, float *to) {
  const char *bytes = from;
  if (type == DK_STORED_F32) {
    memcpy(to, from, (size_t)count * 4);
    return;
  }
  const dk_conversions *by = fast();
  long i = 0;
  if (by && type == DK_STORED_F16) i = by->f16_to_f32(bytes, count, to);
  if (by && type == DK_STORED_BF16) i = by->bf16_to_f32(bytes, count, to);
  for (; i < count; i++) to[i] = one_to_f32(type, bytes, i);
}

void dk_from_f32(dk_stored type, const float *from, long count, void *to) {
  if (type == DK_STORED_F32) {
    memcpy(to, from, (size_t)count * 4);
    return;
  }
  const dk_conversions *by = fast();
  long i = 0;
  if (by && type == DK_STORED_F16) i = by->f32_to_f16(from, count, to);
  if (by && type == DK_STORED_BF16) i = by->f32_to_bf16(from, count, to);
  for (; i < count; i++) one_from_f32(type, from[i], to, i);
}

void dk_i8_to_f32(const int8_t *from, float scale, long count, float *to) {
  const dk_conversions *by = fast();
  long i = by ? by->i8_to_f32(from, scale, count, to) : 0;
  for (; i < count; i++) to[i] = (float)from[i] * scale;
}

float dk_f32_to_i8(const float *from, long count, int8_t *to) {
  const dk_conversions *by = fast();
  float largest = 0;
  long i = by ? by->largest(from, count, &largest) : 0;
  for (; i < count; i++) largest = fmaxf(largest, fabsf(from[i]));
  float scale = largest / 127;
  if (!(scale > 0)) scale = 1;
  i = by ? by->f32_to_i8(from, scale, count, to) : 0;
  for (; i < count; i++) {
    float q = rintf(from[i] / scale);
    to[i] = (int8_t)(q > 127 ? 127 : q < -127 ? -127 : q);
  }
  return scale;
}
