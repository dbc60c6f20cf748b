// How fast the matrix products of CKernels are, against what the processor can do at most and against OpenBLAS.
//
//   clang -O2 -ISources/CKernels -ISources/CKernels/include Benchmarks/kernels/*.c Sources/CKernels/*.c
//     -o /tmp/kernels -lm -lpthread -ldl && /tmp/kernels [threads [peaks]]
//
// One JSON object a line; with `peaks` those of the instructions alone. "giga_ops" counts a multiply-add as two; "of_peak"
// divides by the measured peak of the same number of threads (peaks.c). Times are the least of many runs: other programs
// only add. With one thread it is processor time that counts, which busy neighbours disturb least.
#include "peaks.h"

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

static const struct {
  const char *name;
  dk_weight_kind kind;
} kinds[] = {{"f32", DK_WEIGHT_F32}, {"bf16", DK_WEIGHT_BF16}, {"int12", DK_WEIGHT_INT12}, {"int8", DK_WEIGHT_INT8}};
enum { KINDS = sizeof kinds / sizeof *kinds };

static void measure(dk_engine *engine, const char *backend, const shape *s, int of, double most) {
  const dk_weight_kind kind = kinds[of].kind;
  const long m = s->m, n = s->n, k = s->k;
  // As in the models: bf16 and int8 layers pass bf16 on, the residual stream is float32.
  const dk_type x_type = kind == DK_WEIGHT_F32 || kind == DK_WEIGHT_INT12 ? DK_F32 : DK_BF16, out_type = s->residual ? DK_F32 : x_type;
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
  const double rate = 2.0 * m * n * k / best * 1e-9;
  printf("{\"layer\": \"%s\", \"backend\": \"%s\", \"weights\": \"%s\", \"m\": %ld, \"n\": %ld, \"k\": %ld, \"threads\": %d, "
         "\"milliseconds\": %.4f, \"giga_ops\": %.0f, \"of_peak\": %.3f}\n",
         s->name, backend, kinds[of].name, m, n, k, engine->threads, best * 1e3, rate, most > 0 ? rate / most : 0);
  dk_weight_free(weight);
  dk_free(weights), dk_free(numbers), dk_free(bias), dk_free(x), dk_free(out);
}

// Also of precisions that have no kind of their own here.
static void print_peaks(dk_engine *engine) {
  static const char *const precisions[] = {"f32", "bf16", "int12", "int8"};
  const dk_cpu_level level = dk_engine_level(engine);
  for (size_t i = 0; i < sizeof precisions / sizeof *precisions; i++) {
    const char *instruction = instruction_of(level, precisions[i]);
    const double rate = peak_of(engine, instruction);
    if (rate > 0) {
      printf("{\"weights\": \"%s\", \"instruction\": \"%s\", \"threads\": %d, \"giga_ops\": %.1f}\n", precisions[i],
             instruction, engine->threads, rate);
    }
  }
}

int main(int count, char **arguments) {
  const int threads = count > 1 ? atoi(arguments[1]) : 2;
  if (threads == 1) watch = CLOCK_THREAD_CPUTIME_ID;
  dk_engine *engine = dk_engine_create(threads, DK_BACKEND_NATIVE, DK_CPU_NATIVE);
  if (count > 2 && strcmp(arguments[2], "peaks") == 0) {
    print_peaks(engine);
    dk_engine_destroy(engine);
    return 0;
  }
  double peaks[KINDS];
  for (int of = 0; of < KINDS; of++) peaks[of] = peak_of(engine, instruction_of(dk_engine_level(engine), kinds[of].name));
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    for (int of = 0; of < KINDS; of++) measure(engine, "native", &shapes[i], of, peaks[of]);

  void *library = dlopen("libopenblas.so.0", RTLD_NOW);
  if (library) {
    void (*set_threads)(int) = (void (*)(int))dlsym(library, "openblas_set_num_threads");
    dk_sgemm sgemm = (dk_sgemm)dlsym(library, "cblas_sgemm");
    dk_engine *openblas = dk_engine_create(threads, DK_BACKEND_OPENBLAS, DK_CPU_NATIVE);
    if (set_threads) set_threads(1);
    dk_engine_use_sgemm(openblas, sgemm);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) measure(openblas, "openblas", &shapes[i], 0, peaks[0]);
    dk_engine_destroy(openblas);
  }
  dk_engine_destroy(engine);
}
