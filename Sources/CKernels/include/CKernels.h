// The hot loops of dit-t2i. One kernel family a file; each has its slow reference in the same file. One table of functions
// an instruction set (kernel_table.h), chosen when the engine is made.
//
// Conventions
//  * Matrices are row-major. A `dk_rows` is a view: row r starts `r * stride` elements after `data`.
//  * Linears are y = x Wᵀ + b with W stored [n out][k in], as PyTorch stores them.
//  * Every result is independent of the number of threads and of the number of rows computed together:
//    each output element is accumulated in one fixed order.
//  * CPU features are read at run time; functions carry their own target attributes, so one binary runs anywhere.
//  * Nothing here aborts or prints. When memory is short creation returns NULL and computing DK_OUT_OF_MEMORY: what it was
//    to write is then unfinished and must not be used. Shapes are the caller's contract.
#ifndef DIT_T2I_CKERNELS_H
#define DIT_T2I_CKERNELS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { DK_OK = 0, DK_OUT_OF_MEMORY = 1 } dk_status;
#define DK_CHECKED __attribute__((warn_unused_result))

// ---------------------------------------------------------------- memory

void *dk_allocate(size_t bytes);  // 64-byte aligned, NULL when memory is short
void dk_free(void *memory);       // of dk_allocate; NULL is fine
void dk_trim(void);               // gives pages of freed memory back to the system, where the C library keeps them
// For tests: the n-th allocation of this thread from now on fails, and those after it do not; 0: none fails. Kernels
// allocate on their caller's thread only, and count a thread they start as an allocation.
void dk_fail_allocation(long n);
long dk_allocations(void);  // of this thread, so far, failed ones included

// ---------------------------------------------------------------- instruction sets

typedef enum {
  DK_CPU_NATIVE = 0,  // the fastest of those below that this processor has; never an emulation
  DK_CPU_PORTABLE,
  DK_CPU_NEON,         // of every arm64
  DK_CPU_NEON_DOT,     // and dotprod: dot products of bytes
  DK_CPU_NEON_BF16,    // and bf16, i8mm: products of small matrices
  DK_CPU_AVX2,         // avx2 + fma + f16c
  DK_CPU_AVX2_VNNI,    // and avx_vnni: dot products of bytes
  DK_CPU_AVX512,       // avx512 f, bw, dq, vl
  DK_CPU_AVX512_VNNI,  // and avx512_vnni
  DK_CPU_AVX512_BF16,  // and avx512_bf16
  DK_CPU_AVX512_AMX,   // and amx_bf16 and amx_int8
  // AMX's instructions in C, on any processor: slow, for tests. Behind all others: none is lowered to it.
  DK_CPU_AMX_EMULATED,
  DK_CPU_LEVELS,       // how many there are
} dk_cpu_level;

int dk_cpu_has(dk_cpu_level level);
// What a product of pairs of avx512_bf16 takes here, by what a multiply-add of float32 takes; 0 where there is none. Where it
// is more than 1.6 `native` leaves them alone.
float dk_cpu_bf16_ratio(void);
// "native", "portable", "neon", "neon-dot", "neon-bf16", "avx2", "avx2-vnni", "avx512", "avx512-vnni", "avx512-bf16",
// "avx512-amx", "amx-emulated". NULL where this program was built for another kind of processor.
const char *dk_cpu_level_name(dk_cpu_level level);
int dk_cpu_level_named(const char *name, dk_cpu_level *level);  // 0 and nothing written where there is no such name

// ---------------------------------------------------------------- engine: threads, backend, instruction set

typedef enum {
  DK_BACKEND_REFERENCE = 0,  // plain loops, one thread, double accumulation: slow and obviously right
  DK_BACKEND_OPENBLAS = 1,   // float32 only: matrix products by the sgemm given in dk_engine_use_sgemm
  DK_BACKEND_NATIVE = 2,     // the kernels of this folder
} dk_backend;

typedef struct dk_engine dk_engine;

// threads >= 1. A level that the CPU does not have is lowered to the next one that it has. NULL when memory or threads
// are short.
dk_engine *dk_engine_create(int threads, dk_backend backend, dk_cpu_level level);
void dk_engine_destroy(dk_engine *engine);
int dk_engine_threads(const dk_engine *engine);
dk_cpu_level dk_engine_level(const dk_engine *engine);  // never DK_CPU_NATIVE
int dk_engine_has_bf16(const dk_engine *engine);        // this engine multiplies bfloat16 as such
int dk_engine_has_vnni(const dk_engine *engine);        // this engine has dot products of bytes
int dk_engine_has_int12(const dk_engine *engine);       // INT12 is faster than F32 on this engine

// C = alpha * A * op(B) + beta * C, row-major, exactly cblas_sgemm's order of arguments (enums as int).
typedef void (*dk_sgemm)(int order, int transA, int transB, int m, int n, int k, float alpha, const float *a,
                         int lda, const float *b, int ldb, float beta, float *c, int ldc);
void dk_engine_use_sgemm(dk_engine *engine, dk_sgemm sgemm);

// Calls body(context, task, thread) once for each task in 0..<tasks, tasks handed out dynamically. Each thread has `scratch`
// bytes of memory for it; none of the tasks is done where they are not to be had.
DK_CHECKED dk_status dk_parallel(dk_engine *engine, size_t scratch, long tasks, void (*body)(void *context, long task,
                                 int thread), void *context);

// ---------------------------------------------------------------- activations and matrices

typedef enum { DK_F32 = 0, DK_BF16 = 1 } dk_type;

typedef struct {
  dk_type type;
  void *data;
  long stride;  // elements from one row to the next
} dk_rows;

typedef enum { DK_STORED_F32 = 0, DK_STORED_F16 = 1, DK_STORED_BF16 = 2, DK_STORED_F64 = 3, DK_STORED_I8 = 4 } dk_stored;

// A piece of a weight matrix as it lies in a file (any alignment): rows x k, row-major.
typedef struct {
  dk_stored type;
  long rows;
  const void *data;
  const float *scales;  // DK_STORED_I8: one per row, value = int8 * scale. Else NULL
} dk_source;

void dk_to_f32(dk_stored type, const void *from, long count, float *to);      // not DK_STORED_I8
void dk_from_f32(dk_stored type, const float *from, long count, void *to);    // round to nearest even; not I8
void dk_i8_to_f32(const int8_t *from, float scale, long count, float *to);
// Symmetric: scale = max|x| / 127 (1 when all are zero), value = round-half-even(x / scale). Returns the scale.
float dk_f32_to_i8(const float *from, long count, int8_t *to);

// ---------------------------------------------------------------- linear.c: packed matrix products

// INT12: levels of -2047…2047, one scale a row, in 16 bits.
typedef enum { DK_WEIGHT_F32 = 0, DK_WEIGHT_BF16 = 1, DK_WEIGHT_INT8 = 2, DK_WEIGHT_INT12 = 3 } dk_weight_kind;
typedef struct dk_weight dk_weight;  // [n][k], packed for this engine

// Memory for a matrix, without numbers. Returns NULL when memory is short.
dk_weight *dk_weight_create(dk_engine *engine, dk_weight_kind kind, long n, long k);
// Packs numbers into it, in place of those before. The sources are stacked along n: q, k and v of separate files become one matrix.
// INT8 and INT12 from an I8 source keep its numbers; from any other source rows are quantised, as dk_f32_to_i8 does it.
DK_CHECKED dk_status dk_weight_fill(dk_engine *engine, dk_weight *weight, const dk_source *sources);
void dk_weight_free(dk_weight *weight);
size_t dk_weight_bytes(const dk_weight *weight);

typedef enum {
  DK_ACT_NONE = 0,
  DK_ACT_GELU_TANH = 1,
  DK_ACT_GELU_ERF = 2,
  DK_ACT_SILU = 3,
  DK_ACT_RELU = 4,
  DK_ACT_GELU_QUICK = 5,
} dk_activation;

// y = act(x Wᵀ + bias); out = y, or with `residual` out += gate * y (out is then float32; gate 1 where NULL).
// Row r belongs to group r / rows_per_group, whose gate starts at gate + group * gate_stride. NULL epilogue: none of it.
typedef struct {
  const float *bias;  // [n] or NULL
  dk_activation activation;
  int residual;
  const float *gate;  // [n] per group, or NULL
  long gate_stride;
  long rows_per_group;
} dk_epilogue;

// x [m][k] f32 or bf16 -> out [m][n] f32 or bf16. INT8 and INT12 weights: x is quantised per row, symmetric,
// with 2047 levels; with 127 where INT8 is multiplied by dot products of bytes.
DK_CHECKED dk_status dk_linear(dk_engine *engine, long m, dk_rows x, const dk_weight *weight, const dk_epilogue *epilogue,
                               dk_rows out);

// ---------------------------------------------------------------- elementwise.c

DK_CHECKED dk_status dk_activate(dk_engine *engine, dk_activation activation, long rows, long columns, dk_rows x,
                                 dk_rows out);
// out = act(a) * b (gated GELU of T5)
DK_CHECKED dk_status dk_activate_multiply(dk_engine *engine, dk_activation activation, long rows, long columns, dk_rows a,
                                          dk_rows b, dk_rows out);
// out = x + y
DK_CHECKED dk_status dk_add(dk_engine *engine, long rows, long columns, dk_rows x, dk_rows y, dk_rows out);

// ---------------------------------------------------------------- norm.c

// out = (LN(x) * weight + bias) * (1 + scale) + shift; each pair optional (NULL). Biased variance.
// shift and scale of row r start at `+ (r / rows_per_group) * modulation_stride`.
typedef struct {
  float eps;
  const float *weight, *bias;  // [columns] or NULL
  const float *shift, *scale;  // [columns] per group, or NULL
  long modulation_stride;
  long rows_per_group;
} dk_layer_norm_arguments;

DK_CHECKED dk_status dk_layer_norm(dk_engine *engine, long rows, long columns, dk_rows x,
                                   const dk_layer_norm_arguments *arguments, dk_rows out);
// out = x * rsqrt(mean(x²) + eps) * weight + bias; bias may be NULL
DK_CHECKED dk_status dk_rms_norm(dk_engine *engine, long rows, long columns, dk_rows x, const float *weight, const float *bias,
                                 float eps, dk_rows out);
// NHWC: x [batch][pixels][channels]; statistics per picture and group of channels. activation NONE or SILU or RELU.
DK_CHECKED dk_status dk_group_norm(dk_engine *engine, long batch, long pixels, long channels, long groups, dk_rows x,
                                   const float *weight, const float *bias, float eps, dk_activation activation,
                                   dk_rows out);

// ---------------------------------------------------------------- attention.c

// For each picture b and head h: out = softmax(scale * q kᵀ, capped, + bias, over the unmasked keys) v.
// Query row i of picture b: q.data + (b * queries + i) * q.stride + h * head_dim; key row j of picture b:
// k.data + (item(b) * keys + j) * k.stride + h * head_dim, where item(b) = key_item ? key_item[b] : b. q, k, v, out of one type.
typedef struct {
  long batch, heads, head_dim;
  long queries, keys;       // rows per picture; keys: rows per item as stored
  float scale;
  float cap;                // 0, or scores s become cap * tanh(s / cap) before the bias is added (Gemma 2)
  dk_rows q, k, v, out;
  const int32_t *key_item;  // [batch] or NULL
  const int32_t *key_count; // [items]: only the first key_count[item] keys exist (>= 1), or NULL
  const uint8_t *key_mask;  // [items][keys]: 1 = attend (at least one), or NULL
  const float *bias;        // [heads][queries][keys], shared by all pictures, or NULL
  int levels;               // multiply numbers rounded to twelve bits, where the engine has products for that
  float *probabilities;     // NULL, or [batch][queries][keys], += mean over heads of the attention weights
} dk_attention_arguments;

DK_CHECKED dk_status dk_attention(dk_engine *engine, const dk_attention_arguments *arguments);

// ---------------------------------------------------------------- linear_attention.c

// For each picture and head, with r(x) = max(x, 0): out_n = Σ_m (r(q_n)·r(k_m)) v_m / (Σ_m r(q_n)·r(k_m) + eps).
// Rows and heads as in attention, tokens of a picture alone; each of the four may be f32 or bf16. Sums are in float32, and a
// query that no key answers gives 0.
typedef struct {
  long batch, heads, head_dim, tokens;
  float eps;
  dk_rows q, k, v, out;
} dk_linear_attention_arguments;

DK_CHECKED dk_status dk_linear_attention(dk_engine *engine, const dk_linear_attention_arguments *arguments);

// ---------------------------------------------------------------- gradients: elementwise.c, gradients.c

// What a loss changes by (its gradient) for each number that went into an operation, found from what it changes by for each
// number that came out: dy has the shape of the output, dx that of x. Gradients are float32 and are added to what is there;
// x, and whatever else went in, may be f32 or bf16. No gradient may overlap another operand.

// of dk_activate: dx += dy · act'(x); ReLU's is 0 at 0
DK_CHECKED dk_status dk_activate_gradient(dk_engine *engine, dk_activation activation, long rows, long columns, dk_rows x,
                                          dk_rows dy, dk_rows dx);
// out += a · b; out is float32
DK_CHECKED dk_status dk_multiply_add(dk_engine *engine, long rows, long columns, dk_rows a, dk_rows b, dk_rows out);

// of dk_layer_norm without bias
typedef struct {
  float eps;
  const float *weight;       // [columns] or NULL
  const float *scale;        // [columns] per group, or NULL
  float *d_shift, *d_scale;  // each as scale, or NULL: not wanted
  long modulation_stride;    // of scale, d_shift and d_scale
  long rows_per_group;
} dk_layer_norm_gradient_arguments;

DK_CHECKED dk_status dk_layer_norm_gradient(dk_engine *engine, long rows, long columns, dk_rows x,
                                            const dk_layer_norm_gradient_arguments *arguments, dk_rows dy, dk_rows dx);
// of dk_rms_norm; weight or d_weight may be NULL
DK_CHECKED dk_status dk_rms_norm_gradient(dk_engine *engine, long rows, long columns, dk_rows x, const float *weight,
                                          float eps, dk_rows dy, dk_rows dx, float *d_weight);
// of out += gate · branch (dk_epilogue): d_branch += gate · dy, and d_gate += Σ dy · branch over the rows of a group.
// d_gate, as gate, may be NULL; branch is read for d_gate only.
DK_CHECKED dk_status dk_gate_gradient(dk_engine *engine, long rows, long columns, dk_rows dy, const float *gate,
                                      long gate_stride, long rows_per_group, dk_rows branch, dk_rows d_branch, float *d_gate);

// ---------------------------------------------------------------- attention_gradient.c

// of dk_attention without cap. What the forward pass computed is computed again, so nothing of it has to be kept. Keys that
// are masked or do not exist get exactly 0 more; an item that several pictures read sums over them.
typedef struct {
  dk_attention_arguments attention;  // cap is 0; out, levels and probabilities are not looked at
  dk_rows d_out, d_q, d_k, d_v;      // as out, q, k, v, float32
} dk_attention_gradient_arguments;

DK_CHECKED dk_status dk_attention_gradient(dk_engine *engine, const dk_attention_gradient_arguments *arguments);

// ---------------------------------------------------------------- thin.c: products of adapters

// A few numbers a row: h [rows][rank] and m [rank][columns], dense float32.
// h = x mᵀ; x may be f32 or bf16
DK_CHECKED dk_status dk_thin_project(dk_engine *engine, long rows, long columns, long rank, dk_rows x, const float *m,
                                     float *h);
// out += scale · h m; out may be f32 or bf16
DK_CHECKED dk_status dk_thin_expand(dk_engine *engine, long rows, long columns, long rank, const float *h, const float *m,
                                    float scale, dk_rows out);
// dm += scale · hᵀ x; x may be f32 or bf16
DK_CHECKED dk_status dk_thin_gradient(dk_engine *engine, long rows, long columns, long rank, const float *h, dk_rows x,
                                      float scale, float *dm);

// ---------------------------------------------------------------- depthwise.c (NHWC)

// A convolution of each channel by itself, size x size with zeros around the picture: out = act(conv(x) + bias); with `gated`
// the second half of the channels gates the first: out = (first + bias) * act(second + bias).
typedef struct {
  long batch, height, width, columns;  // columns: channels of x
  long size;                           // odd
  const float *weight;                 // [size * size][columns]: row and column of the tap first
  const float *bias;                   // [columns] or NULL
  dk_activation activation;
  int gated;  // columns are even, and out has half as many
} dk_depthwise_arguments;

// x [batch*height*width][columns] -> out [batch*height*width][columns or columns / 2]; they may not overlap.
DK_CHECKED dk_status dk_depthwise(dk_engine *engine, const dk_depthwise_arguments *arguments, dk_rows x, dk_rows out);

// ---------------------------------------------------------------- compression.c

// out = LN(conv(x)) * norm_weight + norm_bias, where conv is depthwise over patches of factor x factor tokens: one token of
// `out` for each whole patch; tokens of an unfinished last row or column are not read.
typedef struct {
  long batch, height, width;  // tokens of x
  long factor, columns;
  const float *weight;  // [factor * factor][columns]: row and column of the tap first
  const float *bias, *norm_weight, *norm_bias;  // [columns]
  float eps;
} dk_compression_arguments;

// x [batch*height*width][columns] -> out [batch*(height/factor)*(width/factor)][columns]; they may not overlap.
DK_CHECKED dk_status dk_compress(dk_engine *engine, const dk_compression_arguments *arguments, dk_rows x, dk_rows out);

// ---------------------------------------------------------------- convolution.c (NHWC)

typedef struct dk_convolution dk_convolution;  // 3x3 weights packed for this engine

// source: [out_channels][in_channels][3][3] as PyTorch stores it; one dk_source with rows = out_channels, k = in_channels*9.
dk_convolution *dk_convolution_pack(dk_engine *engine, dk_weight_kind kind /* not INT8 */, long out_channels,
                                    long in_channels, const dk_source *source);
void dk_convolution_free(dk_convolution *convolution);

// out = act(conv(up(x)) + bias + residual). Zero padding of 1 on every side (stride 2 with pad_end_only: 0 before, 1 after).
typedef struct {
  long batch, height, width;  // of x, before upsampling
  int upsample;               // 1, or 2: nearest-neighbour doubling of x first
  int stride;                 // 1 or 2
  int pad_end_only;           // AutoencoderKL's downsampling
  const float *bias;          // [out_channels] or NULL
  dk_activation activation;   // NONE, RELU or SILU
} dk_convolution_arguments;

// x [batch*height*width][in_channels], residual and out [batch*out_h*out_w][out_channels]; residual.data may be NULL.
// out_h = ceil(height * upsample / stride). x, residual and out may be f32 or bf16 each; out may not overlap x.
DK_CHECKED dk_status dk_convolve(dk_engine *engine, const dk_convolution *convolution,
                                 const dk_convolution_arguments *arguments, dk_rows x, dk_rows residual, dk_rows out);
// x [batch*height*width][channels] -> out [batch*2h*2w][channels]
DK_CHECKED dk_status dk_upsample_nearest(dk_engine *engine, long batch, long height, long width, long channels, dk_rows x,
                                         dk_rows out);

#ifdef __cplusplus
}
#endif
#endif
