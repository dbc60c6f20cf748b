// The register tile: one template for every kernel. See linear.h for the layout.
//
//   ROWS x VECTORS   accumulators of type ACC live in registers over the whole loop
//   X_BYTES          bytes of one step of a row of x;  BROADCAST(p) repeats them over a vector
//   W_BYTES          bytes of one step of a vector of columns;  WEIGHTS(p) loads them
//   MULTIPLY(c,x,w)  c + x·w
//   SUMS             what c starts from and where it goes: DK_SUMS or DK_WIDENED_SUMS
//
// Every fourth row has its own base: x86 addresses base + 1, 2 or 4 times an index register.
// Each step also prefetches a line from `ahead`, the next panel, into the L2 cache: else the first tile of each panel would
// wait for memory. The body is inlined once for each number of rows up to ROWS, so remainders run the very same chain of operations.
#ifndef DIT_T2I_LINEAR_TILE_H
#define DIT_T2I_LINEAR_TILE_H
#include "kernels.h"

// What is broadcast: one step of a row, of any alignment.
#define DK_LOAD(NAME, TYPE)              \
  DK_INLINE TYPE NAME(const char *p) {   \
    TYPE x;                              \
    memcpy(&x, p, sizeof x);             \
    return x;                            \
  }
DK_LOAD(load_word, int32_t)
DK_LOAD(load_float, float)
DK_LOAD(load_short, int16_t)

#define DK_TILE(NAME, TARGET, ROWS, VECTORS, ACC, X_BYTES, BROADCAST, W_BYTES, WEIGHTS, MULTIPLY, SUMS)                 \
  TARGET DK_INLINE void NAME##_rows(const int rows, long steps, const char *x, long stride, const char *panel,        \
                                    const char *ahead, void *sums, int resume) {                                      \
    ACC c[ROWS][VECTORS];                                                                                             \
    DK_UNROLL for (int i = 0; i < rows; i++)                                                                          \
      DK_UNROLL for (int j = 0; j < VECTORS; j++) c[i][j] = SUMS##_begin((ACC *)sums + i * VECTORS + j, resume);      \
    const char *x4 = x + 4 * stride;                                                                                  \
    for (; steps > 0; steps--) {                                                                                      \
      __builtin_prefetch(ahead, 0, 2);                                                                                \
      ahead += 64;                                                                                                    \
      __typeof__(WEIGHTS(panel)) w[VECTORS];                                                                          \
      DK_UNROLL for (int j = 0; j < VECTORS; j++) w[j] = WEIGHTS(panel + j * W_BYTES);                                \
      DK_UNROLL for (int i = 0; i < rows; i++) {                                                                      \
        __typeof__(BROADCAST(x)) a = BROADCAST(i < 4 ? x + i * stride : x4 + (i - 4) * stride);                       \
        DK_UNROLL for (int j = 0; j < VECTORS; j++) c[i][j] = MULTIPLY(c[i][j], a, w[j]);                             \
      }                                                                                                               \
      panel += VECTORS * W_BYTES, x += X_BYTES, x4 += X_BYTES;                                                        \
    }                                                                                                                 \
    DK_UNROLL for (int i = 0; i < rows; i++)                                                                          \
      DK_UNROLL for (int j = 0; j < VECTORS; j++) SUMS##_end((ACC *)sums + i * VECTORS + j, c[i][j], resume);         \
  }                                                                                                                   \
  DK_TILE_CASE(NAME, TARGET, 1) DK_TILE_CASE(NAME, TARGET, 2) DK_TILE_CASE(NAME, TARGET, 3)                           \
  DK_TILE_CASE(NAME, TARGET, 4) DK_TILE_CASE(NAME, TARGET, 5) DK_TILE_CASE(NAME, TARGET, 6)                           \
  DK_TILE_CASES_##ROWS(NAME, TARGET)

// Sums that stay what they are; and integers that are added to sums of floats. `resume`: there are sums at p to go on from.
#define DK_SUMS(NAME, TARGET, ACC)                                                         \
  TARGET DK_INLINE ACC NAME##_begin(const ACC *p, int resume) {                            \
    ACC c;                                                                                 \
    if (resume) memcpy(&c, p, sizeof c);                                                   \
    else memset(&c, 0, sizeof c);                                                          \
    return c;                                                                              \
  }                                                                                        \
  TARGET DK_INLINE void NAME##_end(ACC *p, ACC c, int resume) {                            \
    (void)resume;                                                                          \
    memcpy(p, &c, sizeof c);                                                               \
  }
#define DK_WIDENED_SUMS(NAME, TARGET, ACC, FLOATS, CONVERT)                                \
  TARGET DK_INLINE ACC NAME##_begin(const ACC *p, int resume) {                            \
    (void)p, (void)resume;                                                                 \
    ACC c;                                                                                 \
    memset(&c, 0, sizeof c);                                                               \
    return c;                                                                              \
  }                                                                                        \
  TARGET DK_INLINE void NAME##_end(ACC *p, ACC c, int resume) {                            \
    FLOATS sums, more = CONVERT(c);                                                        \
    if (resume) memcpy(&sums, p, sizeof sums), more = sums + more;                         \
    memcpy(p, &more, sizeof more);                                                         \
  }

#define DK_TILE_ARGUMENTS long steps, const char *x, long stride, const char *panel, const char *ahead, void *sums, int resume
#define DK_TILE_CASE(NAME, TARGET, COUNT)                                          \
  TARGET __attribute__((noinline)) static void NAME##_##COUNT(DK_TILE_ARGUMENTS) { \
    NAME##_rows(COUNT, steps, x, stride, panel, ahead, sums, resume);                     \
  }
#define DK_TILE_CASES_6(NAME, TARGET)                                                        \
  static void NAME(int rows, DK_TILE_ARGUMENTS) {                                            \
    static void (*const table[])(DK_TILE_ARGUMENTS) = {NAME##_1, NAME##_2, NAME##_3,         \
                                                       NAME##_4, NAME##_5, NAME##_6};        \
    table[rows - 1](steps, x, stride, panel, ahead, sums, resume);                                  \
  }
#define DK_TILE_CASES_8(NAME, TARGET)                                                        \
  DK_TILE_CASE(NAME, TARGET, 7) DK_TILE_CASE(NAME, TARGET, 8)                                \
  static void NAME(int rows, DK_TILE_ARGUMENTS) {                                            \
    static void (*const table[])(DK_TILE_ARGUMENTS) = {NAME##_1, NAME##_2, NAME##_3, NAME##_4, \
                                                       NAME##_5, NAME##_6, NAME##_7, NAME##_8}; \
    table[rows - 1](steps, x, stride, panel, ahead, sums, resume);                                  \
  }
#endif
