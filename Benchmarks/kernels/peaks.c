// The rate of each instruction that our kernels multiply with, on registers alone: what no program can exceed.
//
// The operands are random numbers: with zeros, hardly a transistor switches, the clock stays higher and a peak comes out up
// to a fifth too high.
#include "peaks.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#if DK_X86
enum { CHAINS = 10, ROUNDS = 200000, TILE_ROUNDS = 10000 };

// Ten independent chains hide the latency; with five operands and a product they fit AVX2's sixteen registers. The empty
// assembly keeps a step from being folded, and its product from being taken from the step before.
#define PEAK(NAME, TARGET, TYPE, STEP)                                  \
  TARGET static void NAME(void *numbers, long task, int thread) {       \
    (void)task, (void)thread;                                           \
    TYPE c[CHAINS], a[3], b[2];                                         \
    memset(c, 0, sizeof c);                                             \
    memcpy(a, numbers, sizeof a), memcpy(b, (char *)numbers + sizeof a, sizeof b); \
    for (long round = 0; round < ROUNDS; round++)                       \
      DK_UNROLL for (int i = 0; i < CHAINS; i++) {                      \
        c[i] = STEP(c[i], a[i % 3], b[i % 2]);                          \
        __asm__ volatile("" : "+v"(c[i]), "+v"(a[i % 3]));              \
      }                                                                 \
  }
#define MADD_256(c, a, b) _mm256_add_epi32(c, _mm256_madd_epi16(a, b))
#define MADD_512(c, a, b) _mm512_add_epi32(c, _mm512_madd_epi16(a, b))
#define FMA_256(c, a, b) _mm256_fmadd_ps(a, b, c)
#define FMA_512(c, a, b) _mm512_fmadd_ps(a, b, c)
#define BF16_512(c, a, b) _mm512_dpbf16_ps(c, (__m512bh)a, (__m512bh)b)
PEAK(fma_256, DK_TARGET_AVX2, __m256, FMA_256)
PEAK(madd_256, DK_TARGET_AVX2, __m256i, MADD_256)
PEAK(words_256, DK_TARGET_AVX2_VNNI, __m256i, _mm256_dpwssd_avx_epi32)
PEAK(bytes_256, DK_TARGET_AVX2_VNNI, __m256i, _mm256_dpbusd_avx_epi32)
PEAK(fma_512, DK_TARGET_AVX512, __m512, FMA_512)
PEAK(madd_512, DK_TARGET_AVX512, __m512i, MADD_512)
PEAK(words_512, DK_TARGET_AVX512_VNNI, __m512i, _mm512_dpwssd_epi32)
PEAK(bytes_512, DK_TARGET_AVX512_VNNI, __m512i, _mm512_dpbusd_epi32)
PEAK(bf16_512, DK_TARGET_AVX512_BF16, __m512, BF16_512)

// Four tiles of sums from two and two of operands.
#define TARGET_TILES __attribute__((target("amx-tile,amx-bf16,amx-int8")))
#define TILES(NAME, STEP)                                                                                     \
  TARGET_TILES static void NAME(void *numbers, long task, int thread) {                                       \
    (void)task, (void)thread;                                                                                 \
    const struct { uint8_t palette, start, reserved[14]; uint16_t row_bytes[16]; uint8_t rows[16]; } shapes = { \
      1, 0, {0}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};                         \
    __asm__ volatile("ldtilecfg %0" ::"m"(shapes) : "memory");                                                \
    const char *from = numbers;                                                                               \
    _tile_loadd(4, from, 64), _tile_loadd(5, from + 1024, 64);                                                \
    _tile_loadd(6, from + 2048, 64), _tile_loadd(7, from + 3072, 64);                                         \
    for (long round = 0; round < TILE_ROUNDS; round++) {                                                      \
      STEP(0, 4, 6), STEP(1, 4, 7), STEP(2, 5, 6), STEP(3, 5, 7);                                             \
    }                                                                                                         \
    _tile_release();                                                                                          \
  }
TILES(tiles_bf16, _tile_dpbf16ps)
TILES(tiles_int8, _tile_dpbssd)

typedef enum { HALVES, WORDS, BYTES } numbers_kind;  // bfloat16 and float32 read the same halves

static const struct instruction {
  const char *name;
  dk_cpu_level level;
  numbers_kind numbers;
  double operations;  // of one thread's loop
  void (*loop)(void *numbers, long task, int thread);
} instructions[] = {
  {"vfmadd231ps ymm", DK_CPU_AVX2, HALVES, 16.0 * CHAINS * ROUNDS, fma_256},
  {"vpmaddwd ymm", DK_CPU_AVX2, WORDS, 32.0 * CHAINS * ROUNDS, madd_256},
  {"vpdpwssd ymm", DK_CPU_AVX2_VNNI, WORDS, 32.0 * CHAINS * ROUNDS, words_256},
  {"vpdpbusd ymm", DK_CPU_AVX2_VNNI, BYTES, 64.0 * CHAINS * ROUNDS, bytes_256},
  {"vfmadd231ps zmm", DK_CPU_AVX512, HALVES, 32.0 * CHAINS * ROUNDS, fma_512},
  {"vpmaddwd zmm", DK_CPU_AVX512, WORDS, 64.0 * CHAINS * ROUNDS, madd_512},
  {"vpdpwssd zmm", DK_CPU_AVX512_VNNI, WORDS, 64.0 * CHAINS * ROUNDS, words_512},
  {"vpdpbusd zmm", DK_CPU_AVX512_VNNI, BYTES, 128.0 * CHAINS * ROUNDS, bytes_512},
  {"vdpbf16ps zmm", DK_CPU_AVX512_BF16, HALVES, 64.0 * CHAINS * ROUNDS, bf16_512},
  {"tdpbf16ps", DK_CPU_AVX512_AMX, HALVES, 4 * 16384.0 * TILE_ROUNDS, tiles_bf16},
  {"tdpbssd", DK_CPU_AVX512_AMX, BYTES, 4 * 32768.0 * TILE_ROUNDS, tiles_int8},
};

static void fill(numbers_kind kind, uint16_t *numbers, size_t count) {
  uint32_t state = 1;
  for (size_t i = 0; i < count; i++) {
    state = state * 1664525 + 1013904223;
    const uint32_t bits = state >> 8;
    if (kind == HALVES) numbers[i] = (uint16_t)(0x3f00 | (bits & 0x80ff));  // ±0.5…2
    if (kind == WORDS) numbers[i] = (uint16_t)((int)(bits % 4095) - 2047);
    if (kind == BYTES) numbers[i] = (uint16_t)bits;
  }
}
#endif

static double seconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec + 1e-9 * now.tv_nsec;
}

double peak_of(dk_engine *engine, const char *name) {
  double best = 0;
#if DK_X86
  static _Alignas(64) uint16_t numbers[2048];
  for (size_t i = 0; i < sizeof instructions / sizeof *instructions; i++) {
    const struct instruction *at = &instructions[i];
    if (!name || strcmp(at->name, name) != 0 || !dk_cpu_has(at->level)) continue;
    fill(at->numbers, numbers, sizeof numbers / sizeof *numbers);
    const clockid_t clock = engine->threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
    for (int run = 0; run < 100; run++) {
      const double start = seconds(clock);
      if (dk_parallel(engine, 0, engine->threads, at->loop, numbers) != DK_OK) return 0;
      const double rate = at->operations * engine->threads / (seconds(clock) - start) * 1e-9;
      best = rate > best ? rate : best;
    }
  }
#else
  (void)engine, (void)name, (void)seconds;
#endif
  return best;
}

const char *instruction_of(dk_cpu_level level, const char *weights) {
  const int wide = level >= DK_CPU_AVX512;
  if (level < DK_CPU_AVX2 || level == DK_CPU_AMX_EMULATED) return NULL;
#if DK_X86
  const int tiles = level == DK_CPU_AVX512_AMX;
  if (!strcmp(weights, "bf16") && tiles) return "tdpbf16ps";
  if (!strcmp(weights, "bf16") && level == DK_CPU_AVX512_BF16) return "vdpbf16ps zmm";
  if (!strcmp(weights, "int8") && tiles) return "tdpbssd";
  if (!strcmp(weights, "int8") && level >= DK_CPU_AVX512_VNNI) return "vpdpbusd zmm";
  if (!strcmp(weights, "int8") && level == DK_CPU_AVX2_VNNI) return "vpdpbusd ymm";
  if (!strcmp(weights, "int12") && level >= DK_CPU_AVX512_VNNI) return "vpdpwssd zmm";
  if (!strcmp(weights, "int12") && level == DK_CPU_AVX2_VNNI) return "vpdpwssd ymm";
  if (!strncmp(weights, "int", 3)) return wide ? "vpmaddwd zmm" : "vpmaddwd ymm";
  return wide ? "vfmadd231ps zmm" : "vfmadd231ps ymm";
#else
  (void)weights, (void)wide;
  return NULL;
#endif
}
