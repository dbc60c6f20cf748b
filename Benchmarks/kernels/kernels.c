// How fast the matrix products of CKernels are, against what the processor can do at most and against OpenBLAS.
//
//   clang -O2 -ISources/CKernels -ISources/CKernels/include Benchmarks/kernels/kernels.c Sources/CKernels/*.c
//     -o /tmp/kernels -lm -lpthread -ldl && /tmp/kernels [threads]
//
// One JSON object a line. "giga_ops" counts a multiply-add as two; "of_peak" divides by the measured peak of the same
// number of threads, of instructions with no memory access. Times are the least of many runs: other programs only add.
// With one thread it is processor time that counts, which busy neighbours disturb least.
#include "kernel_table.h"

#include <dlfcn.h>
#include <stdio.h>
#include <time.h>

static clockid_t watch = CLOCK_MONOTONIC;
static double seconds(void) {
  struct timespec now;
  clock_gettime(watch, &now);
  return now.tv_sec + 1e-9 * now.tv_nsec;
}

static void check(dk_status status) {
  if (status == DK_OK) return;
  fputs("not enough memory\n", stderr);
  exit(1);
}

// ---------------------------------------------------------------- the peak of each instruction

// Twelve independent chains hide the latency and fit AVX2's sixteen registers, 24 fit NEON's; the empty assembly keeps each
// step from being folded.
enum { CHAINS = DK_ARM64 ? 24 : 12, ROUNDS = 2000000 };
#if DK_ARM64
#define IN_REGISTER "+w"
#else
#define IN_REGISTER "+v"
#endif
#define PEAK(NAME, TARGET, TYPE, STEP)                                          \
  TARGET static void NAME(void *context, long task, int thread) {               \
    (void)context, (void)task, (void)thread;                                    \
    TYPE c[CHAINS], a;                                                          \
    memset(c, 0, sizeof c), memset(&a, 0, sizeof a);                            \
    for (long round = 0; round < ROUNDS; round++)                               \
      DK_UNROLL for (int i = 0; i < CHAINS; i++) {                              \
        c[i] = STEP(c[i], a);                                                   \
        __asm__ volatile("" : IN_REGISTER(c[i]));                               \
      }                                                                         \
  }
#if DK_X86
#define STEP_F32(c, a) _mm512_fmadd_ps(a, a, c)
#define STEP_BF16(c, a) _mm512_dpbf16_ps(c, (__m512bh)a, (__m512bh)a)
#define STEP_INT8(c, a) _mm512_dpbusd_epi32(c, a, a)
#define STEP_AVX2(c, a) _mm256_fmadd_ps(a, a, c)
PEAK(peak_f32, DK_TARGET_AVX512, __m512, STEP_F32)
PEAK(peak_bf16, DK_TARGET_AVX512_BF16, __m512, STEP_BF16)
PEAK(peak_int8, DK_TARGET_AVX512_VNNI, __m512i, STEP_INT8)
PEAK(peak_avx2, DK_TARGET_AVX2, __m256, STEP_AVX2)
#elif DK_ARM64
#define NO_TARGET
#define STEP_F32(c, a) vfmaq_f32(c, a, a)
#define STEP_BF16(c, a) vbfmmlaq_f32(c, (bfloat16x8_t)a, (bfloat16x8_t)a)
#define STEP_INT8(c, a) vmmlaq_s32(c, (int8x16_t)a, (int8x16_t)a)
#define STEP_DOT(c, a) vdotq_s32(c, (int8x16_t)a, (int8x16_t)a)
PEAK(peak_f32, NO_TARGET, float32x4_t, STEP_F32)
PEAK(peak_bf16, DK_TARGET_NEON_BF16, float32x4_t, STEP_BF16)
PEAK(peak_int8, DK_TARGET_NEON_BF16, int32x4_t, STEP_INT8)
PEAK(peak_dot, DK_TARGET_NEON_DOT, int32x4_t, STEP_DOT)
#endif

// Giga-operations a second of all threads, 0 where this CPU has no such instruction (or we no loop for it).
static double peak(dk_engine *engine, dk_weight_kind kind) {
  void (*loop)(void *, long, int) = NULL;
  double operations = 0;
#if DK_X86
  const dk_kernels *kernels = engine->kernels;
  if (kernels->level >= DK_CPU_AVX512) {
    const int fast = kind == DK_WEIGHT_INT8 ? kernels->vnni : kind == DK_WEIGHT_BF16 && kernels->bf16;
    loop = !fast ? peak_f32 : kind == DK_WEIGHT_BF16 ? peak_bf16 : peak_int8;
    operations = !fast ? 32 : kind == DK_WEIGHT_BF16 ? 64 : 128;
  } else if (kernels->level >= DK_CPU_AVX2 && kind != DK_WEIGHT_INT8) {
    loop = peak_avx2;
    operations = 16;
  }
#elif DK_ARM64
  const dk_kernels *kernels = engine->kernels;
  const int fast = kind == DK_WEIGHT_INT8 ? kernels->vnni : kind == DK_WEIGHT_BF16 && kernels->bf16;
  if (!fast) loop = peak_f32, operations = 8;
  else if (kind == DK_WEIGHT_BF16) loop = peak_bf16, operations = 32;
  else if (kernels->bf16) loop = peak_int8, operations = 64;
  else loop = peak_dot, operations = 32;
#endif
  double best = 0;
  for (int run = 0; loop && run < 20; run++) {
    double start = seconds();
    check(dk_parallel(engine, 0, engine->threads, loop, NULL));
    double rate = operations * CHAINS * ROUNDS * engine->threads / (seconds() - start) * 1e-9;
    best = rate > best ? rate : best;
  }
  return best;
}

// ---------------------------------------------------------------- linears

typedef struct {
  const char *name;
  long m, n, k;
  dk_activation activation;
  int residual;
} shape;

static const shape shapes[] = {
  {"S/2 qkv", 512, 1152, 384, DK_ACT_NONE, 0},      {"S/2 projection", 512, 384, 384, DK_ACT_NONE, 1},
  {"S/2 mlp in", 512, 1536, 384, DK_ACT_GELU_TANH, 0}, {"S/2 mlp out", 512, 384, 1536, DK_ACT_NONE, 1},
  {"XL/2 qkv", 512, 3456, 1152, DK_ACT_NONE, 0},    {"XL/2 mlp in", 512, 4608, 1152, DK_ACT_GELU_TANH, 0},
  {"XL/2 mlp out", 512, 1152, 4608, DK_ACT_NONE, 1},   {"XL/2 modulation", 2, 6912, 1152, DK_ACT_NONE, 0},
};

static uint32_t random_state = 1;
static float random_unit(void) {  // deviation 1
  random_state = random_state * 1664525 + 1013904223;
  return ((float)(random_state >> 8) / (1 << 24) - 0.5f) * 3.4641f;
}

static void measure(dk_engine *engine, const char *backend, const shape *s, dk_weight_kind kind, double most) {
  const long m = s->m, n = s->n, k = s->k;
  // As in the models: bf16 and int8 layers pass bf16 on, the residual stream is float32.
  const dk_type x_type = kind == DK_WEIGHT_F32 ? DK_F32 : DK_BF16, out_type = s->residual ? DK_F32 : x_type;
  float *weights = dk_allocate(n * k * 4), *numbers = dk_allocate(m * k * 4), *bias = dk_allocate(n * 4);
  void *x = dk_allocate(m * k * 4), *out = dk_allocate(m * n * 4);
  for (long i = 0; i < n * k; i++) weights[i] = random_unit() / __builtin_sqrtf((float)k);
  for (long i = 0; i < m * k; i++) numbers[i] = random_unit();
  for (long i = 0; i < n; i++) bias[i] = 0.5f;
  dk_from_f32(x_type == DK_F32 ? DK_STORED_F32 : DK_STORED_BF16, numbers, m * k, x);
  memset(out, 0, m * n * 4);
  const dk_source source = {DK_STORED_F32, n, weights, NULL};
  dk_weight *weight = dk_weight_create(engine, kind, n, k);
  check(dk_weight_fill(engine, weight, &source));
  const dk_epilogue epilogue = {bias, s->activation, s->residual, bias, 0, m};
  double best = 1e9, until = seconds() + 0.5;
  for (int run = 0; run < 3 || seconds() < until; run++) {
    double start = seconds();
    check(dk_linear(engine, m, (dk_rows){x_type, x, k}, weight, &epilogue, (dk_rows){out_type, out, n}));
    double took = seconds() - start;
    best = took < best ? took : best;
  }
  static const char *const kinds[] = {"f32", "bf16", "int8"};
  const double rate = 2.0 * m * n * k / best * 1e-9;
  printf("{\"layer\": \"%s\", \"backend\": \"%s\", \"weights\": \"%s\", \"m\": %ld, \"n\": %ld, \"k\": %ld, \"threads\": %d, "
         "\"milliseconds\": %.4f, \"giga_ops\": %.0f, \"of_peak\": %.3f}\n",
         s->name, backend, kinds[kind], m, n, k, engine->threads, best * 1e3, rate, most > 0 ? rate / most : 0);
  dk_weight_free(weight);
  dk_free(weights), dk_free(numbers), dk_free(bias), dk_free(x), dk_free(out);
}

int main(int count, char **arguments) {
  const int threads = count > 1 ? atoi(arguments[1]) : 2;
  if (threads == 1) watch = CLOCK_THREAD_CPUTIME_ID;
  dk_engine *engine = dk_engine_create(threads, DK_BACKEND_NATIVE, DK_CPU_NATIVE);
  double peaks[3];
  for (int kind = 0; kind < 3; kind++) peaks[kind] = peak(engine, kind);
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    for (int kind = 0; kind < 3; kind++) measure(engine, "native", &shapes[i], kind, peaks[kind]);

  void *library = dlopen("libopenblas.so.0", RTLD_NOW);
  if (library) {
    void (*set_threads)(int) = (void (*)(int))dlsym(library, "openblas_set_num_threads");
    dk_sgemm sgemm = (dk_sgemm)dlsym(library, "cblas_sgemm");
    dk_engine *openblas = dk_engine_create(threads, DK_BACKEND_OPENBLAS, DK_CPU_NATIVE);
    if (set_threads) set_threads(1);
    dk_engine_use_sgemm(openblas, sgemm);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) measure(openblas, "openblas", &shapes[i], DK_WEIGHT_F32, peaks[0]);
    dk_engine_destroy(openblas);
  }
  dk_engine_destroy(engine);
}
