// Weights from files into panels (layout: linear.h). A task is one panel: its rows are converted into scratch memory,
// and then turned on their side.
#include "kernel_table.h"

typedef struct {
  dk_engine *engine;
  dk_weight *weight;
  const dk_source *sources;
} pack_job;

// Row `row` of the stacked sources: where it lies; `source` and `scale` tell what it is.
static const void *find_row(const dk_source *sources, long row, long k, const dk_source **source, float *scale) {
  while (row >= sources->rows) row -= sources++->rows;
  *source = sources;
  *scale = sources->type == DK_STORED_I8 ? sources->scales[row] : 1;
  return (const char *)sources->data + row * k * dk_stored_size(sources->type);
}

static void read_f32(const dk_source *sources, long row, long k, float *to) {
  const dk_source *source;
  float scale;
  const void *from = find_row(sources, row, k, &source, &scale);
  if (source->type == DK_STORED_I8) dk_i8_to_f32(from, scale, k, to);
  else dk_to_f32(source->type, from, k, to);
}

static void read_bf16(const dk_source *sources, long row, long k, float *wide, uint16_t *to) {
  const dk_source *source;
  float scale;
  const void *from = find_row(sources, row, k, &source, &scale);
  if (source->type == DK_STORED_BF16) memcpy(to, from, (size_t)k * 2);
  else read_f32(sources, row, k, wide), dk_from_f32(DK_STORED_BF16, wide, k, to);
}

static float read_int8(const dk_source *sources, long row, long k, float *wide, int8_t *to) {
  const dk_source *source;
  float scale;
  const void *from = find_row(sources, row, k, &source, &scale);
  if (source->type == DK_STORED_I8) return memcpy(to, from, (size_t)k), scale;
  read_f32(sources, row, k, wide);
  return dk_f32_to_i8(wide, k, to);
}

// The scale of the row.
static float read_int12(const dk_kernels *kernels, const dk_source *sources, long row, long k, float *wide, int16_t *to) {
  const dk_source *source;
  float scale;
  const int8_t *from = find_row(sources, row, k, &source, &scale);
  if (source->type == DK_STORED_I8) {  // 16 times as much: exact, and as fine as the products of other rows
    for (long i = 0; i < k; i++) to[i] = (int16_t)(from[i] * 16);
    return scale / 16;
  }
  read_f32(sources, row, k, wide);
  kernels->prepare_row(DK_X_I16, DK_F32, wide, k, k, NULL, (char *)to, &scale);
  return scale;
}

// ---------------------------------------------------------------- panels

// rows [columns][stride bytes] of words -> panel [words][columns].
#define TURN(NAME, WORD)                                                                                    \
  static void NAME(const char *rows, long stride, long words, long columns, WORD *panel) {                  \
    for (long w = 0; w < words; w++)                                                                        \
      for (long j = 0; j < columns; j++) memcpy(panel++, rows + j * stride + w * (long)sizeof(WORD), sizeof(WORD)); \
  }
TURN(turn_64, uint64_t)
TURN(turn_32, uint32_t)
TURN(turn_16, uint16_t)
TURN(turn_8, uint8_t)
#undef TURN

void dk_pack_columns(const dk_weight *weight, const char *rows, long stride, char *packed) {
  const dk_gemm *gemm = weight->gemm;
  const long word = gemm->step * gemm->weight_size, words = dk_padded_k(weight) / gemm->step;
  if (word == 8) turn_64(rows, stride, words, gemm->columns, (uint64_t *)packed);
  else if (word == 4) turn_32(rows, stride, words, gemm->columns, (uint32_t *)packed);
  else if (word == 2) turn_16(rows, stride, words, gemm->columns, (uint16_t *)packed);
  else turn_8(rows, stride, words, gemm->columns, (uint8_t *)packed);
}

static void pack_panel(void *context, long panel, int thread) {
  const pack_job *job = context;
  dk_weight *weight = job->weight;
  const dk_gemm *gemm = weight->gemm;
  const long k = weight->k, padded = dk_padded_k(weight), first = panel * gemm->columns;
  // 64 bytes more than a row: rows of a power of two would all fall into one set of the cache
  const long stride = (padded * gemm->weight_size + 63) / 64 * 64 + 64;
  char *rows = dk_scratch(job->engine, thread);
  float *wide = (float *)(rows + gemm->columns * stride);
  for (long j = 0; j < gemm->columns; j++) {
    char *to = rows + j * stride;
    const long row = first + j;
    if (row >= weight->n) {
      memset(to, 0, (size_t)(padded * gemm->weight_size));
      if (weight->scales) weight->scales[row] = 0;
      if (weight->offsets) weight->offsets[row] = 0;
      continue;
    }
    memset(to + k * gemm->weight_size, 0, (size_t)((padded - k) * gemm->weight_size));
    if (weight->kind == DK_WEIGHT_F32) read_f32(job->sources, row, k, (float *)to);
    if (weight->kind == DK_WEIGHT_BF16) read_bf16(job->sources, row, k, wide, (uint16_t *)to);
    if (weight->kind == DK_WEIGHT_INT12)
      weight->scales[row] = read_int12(job->engine->kernels, job->sources, row, k, wide, (int16_t *)to);
    if (weight->kind == DK_WEIGHT_INT8) weight->scales[row] = read_int8(job->sources, row, k, wide, (int8_t *)to);
    if (weight->offsets) {
      int32_t sum = 0;
      for (long i = 0; i < k; i++) sum += ((const int8_t *)to)[i];
      weight->offsets[row] = gemm->x_format == DK_X_U8 ? 128 * sum : 0;
    }
  }
  gemm->pack(weight, rows, stride, weight->panels + panel * dk_panel_bytes(weight));
}

static size_t panel_scratch(const dk_weight *weight) {
  const size_t row_bytes = (size_t)(dk_padded_k(weight) * weight->gemm->weight_size) + 128;
  return (size_t)weight->gemm->columns * row_bytes + (size_t)weight->k * 4;
}

static int allocate_native(dk_weight *weight) {
  const size_t padded_n = (size_t)(dk_panels(weight) * weight->gemm->columns);
  const size_t panels = (size_t)(dk_panels(weight) * dk_panel_bytes(weight));
  weight->panels = dk_allocate_matrix(panels);
  weight->bytes = panels;
  if (weight->kind == DK_WEIGHT_INT8 || weight->kind == DK_WEIGHT_INT12) {
    weight->scales = dk_allocate(padded_n * sizeof(float));
    if (!weight->scales) return 0;
    weight->bytes += padded_n * sizeof(float);
  }
  if (weight->gemm->x_format == DK_X_U8 || weight->gemm->x_format == DK_X_I8) {
    weight->offsets = dk_allocate(padded_n * sizeof(int32_t));
    if (!weight->offsets) return 0;
    weight->bytes += padded_n * sizeof(int32_t);
  }
  return weight->panels != NULL;
}

// ---------------------------------------------------------------- [n][k] float32, rounded as the kind is

static void pack_dense_row(void *context, long row, int thread) {
  const pack_job *job = context;
  const long k = job->weight->k;
  float *to = job->weight->dense + row * k;
  float *wide = dk_scratch(job->engine, thread);
  void *narrow = wide + k;
  switch (job->weight->kind) {
    case DK_WEIGHT_F32: read_f32(job->sources, row, k, to); break;
    case DK_WEIGHT_BF16:
      read_bf16(job->sources, row, k, wide, narrow);
      dk_to_f32(DK_STORED_BF16, narrow, k, to);
      break;
    case DK_WEIGHT_INT8: {
      float scale = read_int8(job->sources, row, k, wide, narrow);
      dk_i8_to_f32(narrow, scale, k, to);
      break;
    }
    case DK_WEIGHT_INT12: {
      int16_t *levels = narrow;
      float scale = read_int12(job->engine->kernels, job->sources, row, k, wide, levels);
      for (long i = 0; i < k; i++) to[i] = (float)levels[i] * scale;
      break;
    }
  }
}

static size_t dense_scratch(const dk_weight *weight) { return (size_t)weight->k * 6; }

static int allocate_dense(dk_weight *weight) {
  weight->bytes = (size_t)(weight->n * weight->k) * sizeof(float);
  weight->dense = dk_allocate_matrix(weight->bytes);
  return weight->dense != NULL;
}

// ---------------------------------------------------------------- the functions of CKernels.h

dk_weight *dk_weight_create(dk_engine *engine, dk_weight_kind kind, long n, long k) {
  dk_weight *weight = dk_allocate_zeroed(sizeof *weight);
  if (!weight) return NULL;
  *weight = (dk_weight){.kind = kind, .n = n, .k = k};
  if (engine->backend == DK_BACKEND_NATIVE) weight->gemm = engine->kernels->gemm[kind];
  if (weight->gemm ? allocate_native(weight) : allocate_dense(weight)) return weight;
  dk_weight_free(weight);
  return NULL;
}

dk_status dk_weight_fill(dk_engine *engine, dk_weight *weight, const dk_source *sources) {
  pack_job job = {engine, weight, sources};
  if (weight->gemm) return dk_parallel(engine, panel_scratch(weight), dk_panels(weight), pack_panel, &job);
  return dk_parallel(engine, dense_scratch(weight), weight->n, pack_dense_row, &job);
}

void dk_weight_free(dk_weight *weight) {
  if (!weight) return;
  dk_free_matrix(weight->dense);
  dk_free_matrix(weight->panels);
  dk_free(weight->scales);
  dk_free(weight->offsets);
  dk_free(weight);
}

size_t dk_weight_bytes(const dk_weight *weight) { return weight->bytes; }
