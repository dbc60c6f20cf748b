// Every instruction set that this processor has, held against the reference: odd shapes, strides, masks, epilogues and
// phases, drawn by chance but the same on every machine. What kernels read and write ends at a page that nobody may touch.
// Bits may not depend on the number of threads, nor on how many rows are computed together; those of sums of integers (of as
// many levels) and of conversions not on the instruction set either, and those of the portable kernels not on the processor:
// their hash is printed, to be compared. Says which sets were run, and the worst of each family: error² / signal².
//
//   clang -O2 -ISources/CKernels/include Tests/levels/levels.c Sources/CKernels/*.c -o /tmp/levels -lm -lpthread &&
//   /tmp/levels
#include "CKernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

// ---------------------------------------------------------------- numbers and memory

static uint32_t state;
static uint32_t draw(void) {
  state = state * 1664525 + 1013904223;
  return state >> 8;
}
static long between(long first, long last) { return first + draw() % (last - first + 1); }
static int coin(void) { return draw() >> 10 & 1; }
static float unit_number(void) { return ((float)draw() / (1 << 24) - 0.5f) * 3.4641f; }  // deviation 1

static struct {
  char *start;
  size_t bytes;
} pages[64];
static int used;

// Memory that ends where it may not be touched; until `release`.
static void *guarded(size_t bytes) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (bytes + page - 1) / page * page;
  char *start = mmap(NULL, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED || mprotect(start + whole, page, PROT_NONE) != 0) exit(2);
  pages[used].start = start;
  pages[used++].bytes = whole + page;
  return start + whole - bytes;
}
static void release(void) {
  while (used > 0) used--, munmap(pages[used].start, pages[used].bytes);
}

static float *vector(long count, float scale) {
  float *v = guarded((size_t)count * 4);
  for (long i = 0; i < count; i++) v[i] = scale * unit_number();
  return v;
}

static long extent(dk_rows m, long rows, long columns) { return (rows - 1) * m.stride + columns; }

// Rows with up to five numbers between them, all drawn; the last one ends at the page.
static dk_rows matrix(dk_type type, long rows, long columns) {
  dk_rows m = {type, NULL, columns + (coin() ? between(1, 5) : 0)};
  const long count = extent(m, rows, columns);
  float *numbers = vector(count, 1);
  m.data = numbers;
  if (type == DK_BF16) dk_from_f32(DK_STORED_BF16, numbers, count, m.data = guarded((size_t)count * 2));
  return m;
}

static dk_type type_of(int bf16) { return bf16 ? DK_BF16 : DK_F32; }

// ---------------------------------------------------------------- one case

// What a case computes with one engine, and how it is to be judged. The same seed draws the same case.
typedef struct {
  float numbers[1 << 17];
  long count;
  double limit;
  int exact;  // the same bits on every instruction set, or on all that multiply bytes
  long rows;  // that calls of their own may compute
} result;

static long together;  // rows of one call

static void fail(const char *what) {
  printf("%s\n", what);
  exit(1);
}
static void check(dk_status status) {
  if (status != DK_OK) fail("not enough memory");
}

// Behind what was collected before. The gaps between rows too: what is written there is an error like any other.
static void collect(result *r, dk_rows out, long rows, long columns) {
  const long count = extent(out, rows, columns);
  if (r->count + count > (long)(sizeof r->numbers / sizeof *r->numbers)) fail("a case is too large");
  if (out.type == DK_F32) memcpy(r->numbers + r->count, out.data, (size_t)count * 4);
  else dk_to_f32(DK_STORED_BF16, out.data, count, r->numbers + r->count);
  r->count += count;
}

static const double exact_limit = 1e-11, bf16_limit = 1.6e-5;  // half a unit of 8 bits, squared
static const double levels_limit = 3e-6;                       // of twelve bits

static dk_rows from_row(dk_rows m, long row) {
  m.data = (char *)m.data + row * m.stride * (m.type == DK_F32 ? 4 : 2);
  return m;
}

static void linear(dk_engine *engine, dk_weight_kind kind, result *r) {
  static const long odd[] = {1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 48, 49, 63, 65, 97, 100};
  const long choices = sizeof odd / sizeof *odd;
  long m = odd[draw() % choices], n = odd[draw() % choices], k = odd[draw() % choices];
  if (draw() % 16 == 0) m = 3, n = 26, k = between(4090, 4110) * (kind == DK_WEIGHT_INT8 ? 2 : 1);
  const dk_stored stored = draw() % 4;
  const int size = stored == DK_STORED_F64 ? 8 : stored == DK_STORED_F32 ? 4 : 2;
  float *numbers = vector(n * k, 1 / sqrtf((float)k));
  void *weights = guarded((size_t)(n * k * size));
  dk_from_f32(stored, numbers, n * k, weights);
  const dk_source source = {stored, n, weights, NULL};
  dk_weight *weight = dk_weight_create(engine, kind, n, k);
  if (!weight) fail("not enough memory");
  check(dk_weight_fill(engine, weight, &source));

  const int residual = coin();
  dk_rows x = matrix(type_of(coin()), m, k), out = matrix(type_of(!residual && coin()), m, n);
  const long gap = between(0, 3);
  dk_epilogue e = {.residual = residual, .gate_stride = n + gap, .rows_per_group = between(1, 9)};
  e.activation = draw() % 5;
  if (coin()) e.bias = vector(n, 1);
  if (residual && coin()) e.gate = vector((m - 1) / e.rows_per_group * (n + gap) + n, 1);
  r->rows = e.gate ? 1 : m;  // gates follow the number of the row in a call
  const long step = e.gate || together > m ? m : together;
  for (long row = 0; row < m; row += step)
    check(dk_linear(engine, row + step < m ? step : m - row, from_row(x, row), weight, &e, from_row(out, row)));
  dk_weight_free(weight);
  const double rounding = out.type == DK_BF16 ? bf16_limit : 0;
  const double limits[] = {exact_limit, 1e-5, 1e-4, levels_limit};  // by dk_weight_kind
  r->limit = rounding + limits[kind];
  r->exact = (kind == DK_WEIGHT_INT8 || kind == DK_WEIGHT_INT12) && e.activation == DK_ACT_NONE && !residual;
  collect(r, out, m, n);
}
static void linear_f32(dk_engine *engine, result *r) { linear(engine, DK_WEIGHT_F32, r); }
static void linear_bf16(dk_engine *engine, result *r) { linear(engine, DK_WEIGHT_BF16, r); }
static void linear_int8(dk_engine *engine, result *r) { linear(engine, DK_WEIGHT_INT8, r); }
static void linear_int12(dk_engine *engine, result *r) { linear(engine, DK_WEIGHT_INT12, r); }

static dk_attention_arguments draw_attention(dk_type type) {
  dk_attention_arguments a = {0};
  a.batch = between(1, 2), a.heads = between(1, 2), a.head_dim = between(1, 40);
  a.queries = between(1, 80), a.keys = between(1, 300), a.scale = 1 / sqrtf((float)a.head_dim), a.cap = coin() ? 0.5f : 0;
  const long columns = a.heads * a.head_dim, rows = a.batch * a.queries, key_rows = a.batch * a.keys;
  a.q = matrix(type, rows, columns), a.out = matrix(type, rows, columns);
  a.k = matrix(type, key_rows, columns), a.v = matrix(type, key_rows, columns);
  if (coin()) {
    int32_t *items = guarded(8), *counts = guarded(8);
    for (int i = 0; i < 2; i++) items[i] = (int32_t)between(0, a.batch - 1), counts[i] = (int32_t)between(1, a.keys);
    a.key_item = items, a.key_count = counts;
  } else if (coin()) {
    uint8_t *mask = guarded((size_t)key_rows);
    for (long i = 0; i < key_rows; i++) mask[i] = (uint8_t)(i % a.keys == a.keys / 2 || coin());
    a.key_mask = mask;
  }
  if (coin()) a.bias = vector(a.heads * a.queries * a.keys, 1);
  return a;
}

static void attend(dk_engine *engine, dk_type type, int levels, result *r) {
  dk_attention_arguments a = draw_attention(type);
  const long rows = a.batch * a.queries, columns = a.heads * a.head_dim;
  a.levels = levels;
  if (coin()) a.probabilities = memset(guarded((size_t)(rows * a.keys * 4)), 0, (size_t)(rows * a.keys * 4));
  check(dk_attention(engine, &a));
  r->limit = levels ? levels_limit : type == DK_F32 ? exact_limit : bf16_limit;
  const dk_rows map = {DK_F32, a.probabilities, a.keys};
  if (a.probabilities && coin()) collect(r, map, rows, a.keys);
  else collect(r, a.out, rows, columns);
}
static void attention_f32(dk_engine *engine, result *r) { attend(engine, DK_F32, 0, r); }
static void attention_bf16(dk_engine *engine, result *r) { attend(engine, DK_BF16, 0, r); }
static void attention_int12(dk_engine *engine, result *r) { attend(engine, DK_F32, 1, r); }

static void convolve(dk_engine *engine, dk_weight_kind kind, result *r) {
  dk_convolution_arguments a = {0};
  a.batch = between(1, 2), a.height = between(1, 9), a.width = between(1, 15);
  a.upsample = (int)between(1, 2), a.stride = a.upsample == 1 ? (int)between(1, 2) : 1;
  a.pad_end_only = a.stride == 2 && coin();
  static const dk_activation activations[] = {DK_ACT_NONE, DK_ACT_RELU, DK_ACT_SILU};
  a.activation = activations[draw() % 3];
  const long inputs = between(1, 20), outputs = coin() ? between(1, 5) : between(6, 40);
  const float *numbers = vector(outputs * inputs * 9, 1 / sqrtf(9 * (float)inputs));
  const dk_source source = {DK_STORED_F32, outputs, numbers, NULL};
  const long rows = a.batch * a.height * a.width;
  const long out_rows = a.batch * ((a.height * a.upsample + a.stride - 1) / a.stride) *
                        ((a.width * a.upsample + a.stride - 1) / a.stride);
  if (coin()) a.bias = vector(outputs, 1);
  const int bf16 = kind == DK_WEIGHT_BF16;
  dk_rows x = matrix(type_of(bf16), rows, inputs), out = matrix(type_of(bf16 && coin()), out_rows, outputs);
  dk_rows residual = {out.type, NULL, 0};
  if (coin()) residual = matrix(type_of(bf16 && coin()), out_rows, outputs);
  dk_convolution *convolution = dk_convolution_pack(engine, kind, outputs, inputs, &source);
  if (!convolution) fail("not enough memory");
  check(dk_convolve(engine, convolution, &a, x, residual, out));
  dk_convolution_free(convolution);
  // Weights after doubling are rounded twice.
  r->limit = bf16 ? 2e-5 : kind == DK_WEIGHT_INT12 ? levels_limit : exact_limit;
  collect(r, out, out_rows, outputs);
}
static void convolution_f32(dk_engine *engine, result *r) { convolve(engine, DK_WEIGHT_F32, r); }
static void convolution_bf16(dk_engine *engine, result *r) { convolve(engine, DK_WEIGHT_BF16, r); }
static void convolution_int12(dk_engine *engine, result *r) { convolve(engine, DK_WEIGHT_INT12, r); }

// Norms and elementwise operations, in either type.
static void rows_of_numbers(dk_engine *engine, result *r) {
  const long groups = between(1, 3), rows = between(1, 40), columns = groups * between(1, 60);
  const dk_rows x = matrix(type_of(coin()), rows, columns), y = matrix(type_of(coin()), rows, columns);
  const dk_rows out = matrix(type_of(coin()), rows, columns);
  const dk_activation activation = draw() % 5;
  const float *weight = coin() ? vector(columns, 1) : NULL, *bias = coin() ? vector(columns, 1) : NULL;
  dk_layer_norm_arguments norm = {.eps = 1e-5f, .weight = weight, .bias = bias};
  norm.modulation_stride = columns, norm.rows_per_group = between(1, rows);
  if (coin()) norm.scale = vector(rows * columns, 1), norm.shift = vector(rows * columns, 1);
  switch (draw() % 6) {
    case 0: check(dk_layer_norm(engine, rows, columns, x, &norm, out)); break;
    case 1: check(dk_rms_norm(engine, rows, columns, x, weight, bias, 1e-5f, out)); break;
    case 2: check(dk_group_norm(engine, 1, rows, columns, groups, x, weight, bias, 1e-5f, DK_ACT_SILU, out)); break;
    case 3: check(dk_activate(engine, activation, rows, columns, x, out)); break;
    case 4: check(dk_activate_multiply(engine, activation, rows, columns, x, y, out)); break;
    case 5: check(dk_add(engine, rows, columns, x, y, out)); break;
  }
  r->limit = out.type == DK_F32 ? exact_limit : bf16_limit;
  collect(r, out, rows, columns);
}

static void compression(dk_engine *engine, result *r) {
  dk_compression_arguments a = {.batch = between(1, 3), .factor = between(1, 3), .columns = between(2, 80), .eps = 1e-5f};
  a.height = between(a.factor, 9), a.width = between(a.factor, 9);
  a.weight = vector(a.factor * a.factor * a.columns, 1), a.bias = vector(a.columns, 1);
  a.norm_weight = vector(a.columns, 1), a.norm_bias = vector(a.columns, 1);
  const long out_rows = a.batch * (a.height / a.factor) * (a.width / a.factor);
  const dk_rows x = matrix(type_of(coin()), a.batch * a.height * a.width, a.columns);
  const dk_rows out = matrix(type_of(coin()), out_rows, a.columns);
  check(dk_compress(engine, &a, x, out));
  r->limit = out.type == DK_F32 ? exact_limit : bf16_limit;
  collect(r, out, out_rows, a.columns);
}

static void depthwise(dk_engine *engine, result *r) {
  dk_depthwise_arguments a = {.batch = between(1, 2), .height = between(1, 12), .width = between(1, 12)};
  a.size = 1 + 2 * between(0, 3), a.gated = coin(), a.columns = between(1, 80) * (a.gated ? 2 : 1), a.activation = draw() % 6;
  a.weight = vector(a.size * a.size * a.columns, 1 / (float)a.size);
  if (coin()) a.bias = vector(a.columns, 1);
  const long rows = a.batch * a.height * a.width, columns = a.gated ? a.columns / 2 : a.columns;
  const dk_rows x = matrix(type_of(coin()), rows, a.columns), out = matrix(type_of(coin()), rows, columns);
  check(dk_depthwise(engine, &a, x, out));
  r->limit = out.type == DK_F32 ? exact_limit : bf16_limit;
  collect(r, out, rows, columns);
}

static void linear_attention(dk_engine *engine, result *r) {
  dk_linear_attention_arguments a = {.batch = between(1, 2), .heads = between(1, 3), .head_dim = between(1, 40), .eps = 1e-15f};
  a.tokens = between(1, 150);
  const long rows = a.batch * a.tokens, columns = a.heads * a.head_dim;
  a.q = matrix(type_of(coin()), rows, columns), a.k = matrix(type_of(coin()), rows, columns);
  a.v = matrix(type_of(coin()), rows, columns), a.out = matrix(type_of(coin()), rows, columns);
  check(dk_linear_attention(engine, &a));
  r->limit = a.out.type == DK_F32 ? exact_limit : bf16_limit;
  collect(r, a.out, rows, columns);
}

#include "gradients.h"

static const struct {
  const char *name;
  int rounds;
  void (*run)(dk_engine *engine, result *r);
} families[] = {
  {"linear f32", 80, linear_f32},
  {"linear bf16", 80, linear_bf16},
  {"linear int8", 80, linear_int8},
  {"linear int12", 80, linear_int12},
  {"attention f32", 25, attention_f32},
  {"attention bf16", 25, attention_bf16},
  {"attention int12", 25, attention_int12},
  {"convolution f32", 40, convolution_f32},
  {"convolution bf16", 40, convolution_bf16},
  {"convolution int12", 40, convolution_int12},
  {"compression", 40, compression},
  {"depthwise", 60, depthwise},
  {"linear attention", 40, linear_attention},
  {"norms, elementwise", 80, rows_of_numbers},
  {"gradients of rows", 120, gradients_of_rows},
  {"gradients of attention", 50, gradients_of_attention},
  {"thin products", 80, thin_products},
};
enum { count_of_families = sizeof families / sizeof *families };

// ---------------------------------------------------------------- all cases

static result expected, portable, bytes, actual, again;

static void compute(dk_engine *engine, int family, int round, long rows, result *r) {
  state = (uint32_t)(family * 1000003 + round * 7919 + 1);
  for (int i = 0; i < 8; i++) draw();
  together = rows;
  r->count = 0, r->exact = 0, r->rows = 1;
  families[family].run(engine, r);
  release();
}

static int same_bits(const result *a, const result *b) {
  return a->count == b->count && memcmp(a->numbers, b->numbers, (size_t)a->count * 4) == 0;
}

// The signal counts one a number more, so that a lone output near zero does not blow the ratio up.
static double unit_error(const result *a, const result *b) {
  double error = 0, energy = (double)a->count;
  for (long i = 0; i < a->count; i++) {
    const double x = a->numbers[i], y = b->numbers[i];
    error += (x - y) * (x - y), energy += x * x;
  }
  return isfinite(error) && a->count == b->count ? error / energy : INFINITY;
}

static uint64_t hash = 14695981039346656037u;
static void add_to_hash(const void *bytes, size_t count) {
  for (size_t i = 0; i < count; i++) hash = (hash ^ ((const unsigned char *)bytes)[i]) * 1099511628211u;
}

// The best instruction set converts runs of numbers, plain C single ones.
static void hold_conversions(void) {
  enum { count = 1 << 16 };
  static float wide[count], one[count];
  static uint16_t halves[count], single[count];
  static int8_t levels[count];
  static const dk_stored types[] = {DK_STORED_F16, DK_STORED_BF16};
  for (int type = 0; type < 2; type++) {
    for (long i = 0; i < count; i++) halves[i] = (uint16_t)i;
    dk_to_f32(types[type], halves, count, wide);
    for (long i = 0; i < count; i++) dk_to_f32(types[type], halves + i, 1, one + i);
    if (memcmp(wide, one, sizeof wide) != 0) fail("halves are widened to other bits");
    state = 5;
    for (long i = 0; i < count; i++) {
      uint32_t bits = draw() << 8 | draw() >> 16;  // of any size, NaN among them
      memcpy(&one[i], &bits, 4);
    }
    for (int round = 0; round < 2; round++, memcpy(one, wide, sizeof one)) {
      dk_from_f32(types[type], one, count, halves);
      for (long i = 0; i < count; i++) dk_from_f32(types[type], one + i, 1, single + i);
      if (memcmp(halves, single, sizeof halves) != 0) fail("floats are narrowed to other bits");
    }
  }
  for (long i = 0; i < count; i++) wide[i] = unit_number();
  const float scale = dk_f32_to_i8(wide, count, levels);
  for (long i = 0; i < count; i++)
    if (fabsf(wide[i] / scale) > 127.01f || levels[i] != rintf(wide[i] / scale)) fail("floats are quantised to other levels");
  dk_i8_to_f32(levels, scale, count, wide);
  for (long i = 0; i < count; i++)
    if (wide[i] != (float)levels[i] * scale) fail("levels are widened to other bits");
}

int main(void) {
  double worst[DK_CPU_LEVELS][count_of_families] = {{0}};
  dk_engine *engines[DK_CPU_LEVELS] = {NULL}, *crowds[DK_CPU_LEVELS] = {NULL};
  dk_engine *reference = dk_engine_create(1, DK_BACKEND_REFERENCE, DK_CPU_NATIVE);
  for (int level = DK_CPU_PORTABLE; level < DK_CPU_LEVELS; level++) {
    if (!dk_cpu_has(level)) continue;
    engines[level] = dk_engine_create(1, DK_BACKEND_NATIVE, level);
    crowds[level] = dk_engine_create(3, DK_BACKEND_NATIVE, level);
    if (!reference || !engines[level] || !crowds[level]) fail("not enough memory");
  }
  hold_conversions();
  int failures = 0;
  for (int family = 0; family < count_of_families; family++)
    for (int round = 0; round < families[family].rounds; round++) {
      compute(reference, family, round, 1000, &expected);
      bytes.count = 0;
      for (int level = DK_CPU_PORTABLE; level < DK_CPU_LEVELS; level++) {
        if (!engines[level]) continue;
        compute(engines[level], family, round, 1000, &actual);
        if (level == DK_CPU_PORTABLE) portable = actual, add_to_hash(portable.numbers, (size_t)portable.count * 4);
        const double error = unit_error(&expected, &actual);
        if (error > worst[level][family]) worst[level][family] = error;
        const char *wrong = error <= actual.limit ? NULL : "too far from the reference";
        const int by_bytes = families[family].run == linear_int8 && dk_engine_has_vnni(engines[level]);
        if (by_bytes && !bytes.count) bytes = actual;
        if (actual.exact && !same_bits(by_bytes ? &bytes : &portable, &actual)) wrong = "other bits than other instruction sets";
        compute(crowds[level], family, round, 1000, &again);
        if (!same_bits(&actual, &again)) wrong = "other bits with three threads";
        if (actual.rows > 1) compute(engines[level], family, round, 1 + round % 5, &again);
        if (!same_bits(&actual, &again)) wrong = "other bits with fewer rows";
        if (!wrong) continue;
        failures++;
        printf("%s, %s, case %d: %s (%g)\n", dk_cpu_level_name(level), families[family].name, round, wrong, error);
      }
    }
  for (int level = DK_CPU_PORTABLE; level < DK_CPU_LEVELS; level++) {
    if (!engines[level]) continue;
    printf("%s:", dk_cpu_level_name(level));
    for (int i = 0; i < count_of_families; i++) printf("%s %s %.1e", i ? "," : "", families[i].name, worst[level][i]);
    printf("\n");
    dk_engine_destroy(engines[level]), dk_engine_destroy(crowds[level]);
  }
  dk_engine_destroy(reference);
  printf("portable bits %016llx\n", (unsigned long long)hash);
  return failures > 0;
}
