// What every processor can do: plain vectors of four, which the compiler makes of SSE2, NEON or whatever there is; and AMX's
// instructions in C.
#include "kernel_table.h"

#include "simd_portable.h"
#define TILE 2
#if DK_X86
#define HEIGHT(panels) 2
#else
#define HEIGHT(panels) 4
#endif
#include "templates.h"
#include "linear_tile.h"

typedef float f32x4 __attribute__((ext_vector_type(4)));
typedef int32_t i32x4 __attribute__((ext_vector_type(4)));
DK_INLINE f32x4 load_f32x4(const char *p) {
  f32x4 x;
  memcpy(&x, p, 16);
  return x;
}
DK_INLINE f32x4 load_widened_f32x4(const char *p) {
  uint16_t __attribute__((ext_vector_type(4))) x;
  memcpy(&x, p, 8);
  return (f32x4)(__builtin_convertvector(x, i32x4) << 16);
}
DK_INLINE i32x4 load_i16_i32x4(const char *p) {
  int16_t __attribute__((ext_vector_type(4))) x;
  memcpy(&x, p, 8);
  return __builtin_convertvector(x, i32x4);
}
#define X_F32(p) ((f32x4)(load_float(p)))
#define X_SHORT(p) ((i32x4)((int32_t)load_short(p)))
#define MULTIPLY_ADD(c, a, b) ((a) * (b) + (c))
#define NO_TARGET
#define TO_FLOATS(x) __builtin_convertvector(x, f32x4)
DK_SUMS(floats_portable, NO_TARGET, f32x4)
DK_WIDENED_SUMS(widened_sums_portable, NO_TARGET, i32x4, f32x4, TO_FLOATS)
DK_TILE(f32_portable, NO_TARGET, 6, 2, f32x4, 4, X_F32, 16, load_f32x4, MULTIPLY_ADD, floats_portable)
DK_TILE(widened_portable, NO_TARGET, 6, 2, f32x4, 4, X_F32, 8, load_widened_f32x4, MULTIPLY_ADD, floats_portable)
DK_TILE(i16_portable, NO_TARGET, 6, 2, i32x4, 2, X_SHORT, 8, load_i16_i32x4, MULTIPLY_ADD, widened_sums_portable)

// rows, columns, step, bytes of a weight, format and bytes of x
static const dk_gemm f32 = DK_GEMM(6, 8, 1, 4, DK_X_F32, 4, f32_portable);
static const dk_gemm widened = DK_GEMM(6, 8, 1, 2, DK_X_F32, 4, widened_portable);
static const dk_gemm int8 = DK_GEMM(6, 8, 1, 1, DK_X_I16, 2, i16_portable);
static const dk_gemm int12 = DK_GEMM(6, 8, 1, 2, DK_X_I16, 2, i16_portable);

const dk_kernels dk_kernels_portable = {
  .level = DK_CPU_PORTABLE,
  .name = "portable",
  .gemm = {&f32, &widened, &int8, &int12},
  .attend = {attend_portable, attend_portable, attend_portable},
  .convolver = {&convolver_portable, &convolver_portable, NULL, &convolver_portable},
  DK_TEMPLATES,
};

// Everything but the tiles is portable, so that they can be tested anywhere.
const dk_kernels dk_kernels_amx_emulated = {
  .level = DK_CPU_AMX_EMULATED,
  .name = "amx-emulated",
  .bf16 = 1,
  .vnni = 1,
  .gemm = {&f32, &dk_gemm_amx_bf16, &dk_gemm_amx_int8, &int12},
  .attention = dk_attention_amx,
  .attend = {attend_portable, attend_portable, attend_portable},
  .convolver = {&convolver_portable, &dk_convolver_amx, NULL, &convolver_portable},
  .amx = &dk_amx_emulated,
  DK_LOOPS,
};
