// NEON, 4 lanes; the same with dot products of bytes; and with products of small matrices of bfloat16 and of bytes.
#include "kernel_table.h"
#if DK_ARM64
#include "simd_neon.h"
#define TILE 4
#define HEIGHT(panels) 6
#include "templates.h"
#include "convert_neon.h"
#include "linear_tile.h"

// ---------------------------------------------------------------- attention and convolution of pairs of bfloat16

#undef TARGET
#define TARGET DK_TARGET_NEON_BF16
#define UNITS DK_BF16_UNITS
#define A(name) name##_bf16
#include "products_simd.h"
#undef UNITS

// ---------------------------------------------------------------- tiles by lanes: 24 of 32 registers hold sums

// Six rows by four vectors of columns (compare DK_TILE). 16 bytes of each row, STEPS steps of k, are read at once, and a
// multiplication takes its step's number out of them: a load that broadcasts would need the units that multiply.
// So k is padded to a multiple of STEPS.
#define LANE_TILE(NAME, TARGET, ACC, STEPS, X, READ_X, W_BYTES, WEIGHTS, MULTIPLY, SUMS)          \
  TARGET DK_INLINE void NAME##_rows(const int rows, DK_TILE_ARGUMENTS) {                          \
    ACC c[6][4];                                                                                  \
    DK_UNROLL for (int i = 0; i < rows; i++)                                                      \
      DK_UNROLL for (int j = 0; j < 4; j++) c[i][j] = SUMS##_begin((ACC *)sums + i * 4 + j, resume); \
    for (; steps > 0; steps -= STEPS) {                                                           \
      X a[6];                                                                                     \
      DK_UNROLL for (int i = 0; i < rows; i++) a[i] = READ_X(x + i * stride);                     \
      x += sizeof(X);                                                                             \
      DK_UNROLL for (int lane = 0; lane < STEPS; lane++) {                                        \
        __builtin_prefetch(ahead, 0, 2);                                                          \
        ahead += 64;                                                                              \
        DK_UNROLL for (int j = 0; j < 4; j++) {                                                   \
          __typeof__(WEIGHTS(panel)) w = WEIGHTS(panel + j * W_BYTES);                            \
          DK_UNROLL for (int i = 0; i < rows; i++) c[i][j] = MULTIPLY(c[i][j], w, a[i][lane]);    \
        }                                                                                         \
        panel += 4 * W_BYTES;                                                                     \
      }                                                                                           \
    }                                                                                             \
    DK_UNROLL for (int i = 0; i < rows; i++)                                                      \
      DK_UNROLL for (int j = 0; j < 4; j++) SUMS##_end((ACC *)sums + i * 4 + j, c[i][j], resume); \
  }                                                                                               \
  DK_TILE_CASE(NAME, TARGET, 1) DK_TILE_CASE(NAME, TARGET, 2) DK_TILE_CASE(NAME, TARGET, 3)       \
  DK_TILE_CASE(NAME, TARGET, 4) DK_TILE_CASE(NAME, TARGET, 5) DK_TILE_CASE(NAME, TARGET, 6)       \
  DK_TILE_CASES_6(NAME, TARGET)

#define X_F32(p) vld1q_f32((const float *)(p))
#define X_I16(p) vld1q_s16((const int16_t *)(p))
#define X_WORDS(p) vld1q_s32((const int32_t *)(p))
#define W_F32(p) vld1q_f32((const float *)(p))
#define W_WIDENED(p) load_bf16_neon((const uint16_t *)(p))
#define W_I8(p) vld1q_s8((const int8_t *)(p))
#define W_I16(p) vld1_s16((const int16_t *)(p))
#define FMA(c, w, x) vfmaq_n_f32(c, w, x)
#define MULTIPLY_I16(c, w, x) vmlal_n_s16(c, w, x)
#define DOT_I8(c, w, x) vdotq_s32(c, w, vreinterpretq_s8_s32(vdupq_n_s32(x)))
#define NO_TARGET
DK_SUMS(floats_neon, NO_TARGET, float32x4_t)
DK_SUMS(integers_neon, NO_TARGET, int32x4_t)
DK_WIDENED_SUMS(widened_sums_neon, NO_TARGET, int32x4_t, float32x4_t, vcvtq_f32_s32)
LANE_TILE(f32_neon, NO_TARGET, float32x4_t, 4, float32x4_t, X_F32, 16, W_F32, FMA, floats_neon)
LANE_TILE(widened_neon, NO_TARGET, float32x4_t, 4, float32x4_t, X_F32, 8, W_WIDENED, FMA, floats_neon)
LANE_TILE(i16_neon, NO_TARGET, int32x4_t, 8, int16x8_t, X_I16, 8, W_I16, MULTIPLY_I16, widened_sums_neon)
LANE_TILE(i8_neon, DK_TARGET_NEON_DOT, int32x4_t, 4, int32x4_t, X_WORDS, 16, W_I8, DOT_I8, integers_neon)

// ---------------------------------------------------------------- tiles of 2 x 2 sums: again 24 registers

// bfmmla and smmla multiply two rows by two columns, each of a step of eight bytes: twice what dot products do. Eight rows
// by twelve columns; an odd row is its own neighbour.
#define MATRIX_TILE(NAME, TARGET, ACC, MULTIPLY)                                                       \
  TARGET DK_INLINE void NAME##_rows(const int rows, DK_TILE_ARGUMENTS) {                               \
    const int pairs = (rows + 1) / 2;                                                                  \
    const char *top[4], *bottom[4];                                                                    \
    float64x2_t c[4][6]; /* two numbers of the top row, and below them of the bottom row */            \
    DK_UNROLL for (int i = 0; i < pairs; i++) {                                                        \
      const int below = 2 * i + 1 < rows;                                                              \
      top[i] = x + 2 * i * stride;                                                                     \
      bottom[i] = top[i] + below * stride;                                                             \
      DK_UNROLL for (int j = 0; j < 3; j++) {                                                          \
        const double *sum = (const double *)sums + 12 * i + 2 * j;                                     \
        float64x2_t upper = resume ? vld1q_f64(sum) : vdupq_n_f64(0);                                  \
        float64x2_t lower = resume ? vld1q_f64(sum + 6 * below) : vdupq_n_f64(0);                      \
        c[i][2 * j] = vzip1q_f64(upper, lower);                                                        \
        c[i][2 * j + 1] = vzip2q_f64(upper, lower);                                                    \
      }                                                                                                \
    }                                                                                                  \
    for (long at = 0; at < 8 * steps; at += 8) {                                                       \
      __builtin_prefetch(ahead, 0, 2);                                                                 \
      ahead += 64;                                                                                     \
      int8x16_t a[4];                                                                                  \
      DK_UNROLL for (int i = 0; i < pairs; i++)                                                        \
        a[i] = vcombine_s8(vld1_s8((const int8_t *)top[i] + at), vld1_s8((const int8_t *)bottom[i] + at)); \
      DK_UNROLL for (int j = 0; j < 6; j++) {                                                          \
        int8x16_t w = vld1q_s8((const int8_t *)panel + 16 * j);                                        \
        DK_UNROLL for (int i = 0; i < pairs; i++) c[i][j] = (float64x2_t)MULTIPLY((ACC)c[i][j], a[i], w); \
      }                                                                                                \
      panel += 96;                                                                                     \
    }                                                                                                  \
    DK_UNROLL for (int i = 0; i < pairs; i++)                                                          \
      DK_UNROLL for (int j = 0; j < 3; j++) {                                                          \
        double *sum = (double *)sums + 12 * i + 2 * j;                                                 \
        vst1q_f64(sum, vzip1q_f64(c[i][2 * j], c[i][2 * j + 1]));                                      \
        if (2 * i + 1 < rows) vst1q_f64(sum + 6, vzip2q_f64(c[i][2 * j], c[i][2 * j + 1]));            \
      }                                                                                                \
  }                                                                                                    \
  DK_TILE_CASE(NAME, TARGET, 1) DK_TILE_CASE(NAME, TARGET, 2) DK_TILE_CASE(NAME, TARGET, 3)            \
  DK_TILE_CASE(NAME, TARGET, 4) DK_TILE_CASE(NAME, TARGET, 5) DK_TILE_CASE(NAME, TARGET, 6)            \
  DK_TILE_CASES_8(NAME, TARGET)

#define MATRIX_BF16(c, x, w) vbfmmlaq_f32(c, vreinterpretq_bf16_s8(x), vreinterpretq_bf16_s8(w))
#define MATRIX_I8(c, x, w) vmmlaq_s32(c, x, w)
MATRIX_TILE(bf16_matrix, DK_TARGET_NEON_BF16, float32x4_t, MATRIX_BF16)
MATRIX_TILE(i8_matrix, DK_TARGET_NEON_BF16, int32x4_t, MATRIX_I8)

// ---------------------------------------------------------------- tables

// By lanes: step, steps of 16 bytes of x, bytes of a weight, format and bytes of x
#define LANE_GEMM(STEP, STEPS, WEIGHT_SIZE, X_FORMAT, X_SIZE, TILE) \
  {6, 16, STEP, (STEP) * (STEPS), WEIGHT_SIZE, X_FORMAT, X_SIZE, TILE, dk_pack_columns, dk_linear_by_tiles}
static const dk_gemm f32 = LANE_GEMM(1, 4, 4, DK_X_F32, 4, f32_neon);
static const dk_gemm widened = LANE_GEMM(1, 4, 2, DK_X_F32, 4, widened_neon);
static const dk_gemm int8 = LANE_GEMM(1, 8, 1, DK_X_I16, 2, i16_neon);
static const dk_gemm int12 = LANE_GEMM(1, 8, 2, DK_X_I16, 2, i16_neon);
static const dk_gemm int8_by_dots = LANE_GEMM(4, 4, 1, DK_X_I8, 1, i8_neon);
// rows, columns, step, bytes of a weight, format and bytes of x
static const dk_gemm bf16_by_matrices = DK_GEMM(8, 12, 4, 2, DK_X_BF16, 2, bf16_matrix);
static const dk_gemm int8_by_matrices = DK_GEMM(8, 12, 8, 1, DK_X_I8, 1, i8_matrix);

// Levels are no faster than floats here: they are for comparisons, and attention and convolutions leave them out.
#define FLOATS                                                       \
  .attend = {attend_neon, attend_neon, attend_neon},                 \
  .convolver = {&convolver_neon, &convolver_neon, NULL, &convolver_neon}

const dk_kernels dk_kernels_neon = {
  .level = DK_CPU_NEON,
  .name = "neon",
  .convert = &conversions_neon,
  .gemm = {&f32, &widened, &int8, &int12},
  FLOATS,
  DK_TEMPLATES,
};

const dk_kernels dk_kernels_neon_dot = {
  .level = DK_CPU_NEON_DOT,
  .name = "neon-dot",
  .needs = DK_HAS_DOTPROD,
  .vnni = 1,
  .convert = &conversions_neon,
  .gemm = {&f32, &widened, &int8_by_dots, &int12},
  FLOATS,
  DK_TEMPLATES,
};

const dk_kernels dk_kernels_neon_bf16 = {
  .level = DK_CPU_NEON_BF16,
  .name = "neon-bf16",
  .needs = DK_HAS_BF16 | DK_HAS_I8MM,
  .bf16 = 1,
  .vnni = 1,
  .convert = &conversions_neon,
  .gemm = {&f32, &bf16_by_matrices, &int8_by_matrices, &int12},
  .attend = {attend_neon, attend_bf16, attend_neon},
  .convolver = {&convolver_neon, &convolver_bf16, NULL, &convolver_neon},
  DK_TEMPLATES,
};
#endif
