// Attention by tile registers: keys and values packed once for all queries of a task, and the softmax between two products.
#include "amx.h"

enum { most_queries = 512, parts = 7 };  // of a task, and of its memory

// Bytes of the parts of a task's memory. Returns their sum.
static size_t measure(const amx_attention *job, long bytes[parts]) {
  const long blocks = job->group / 32, steps = job->head_steps, columns = job->head_columns;
  bytes[0] = blocks * (long)sizeof(amx_state);
  bytes[1] = blocks * 32 * steps * 64;
  bytes[2] = blocks * 32 * job->mixed_stride * 4;
  bytes[3] = 32 * amx_score_stride * 4;
  bytes[4] = amx_keys / 16 * steps * 1024;
  bytes[5] = amx_keys / 32 * columns * 1024;
  bytes[6] = job->a->keys * 4;
  size_t sum = 0;
  for (int i = 0; i < parts; i++) sum += (size_t)(bytes[i] = dk_ceil_div(bytes[i], 64) * 64);
  return sum;
}

static amx_workspace lay_out(const amx_attention *job, char *memory) {
  long bytes[parts];
  measure(job, bytes);
  char *at[parts];
  for (int i = 0; i < parts; memory += bytes[i++]) at[i] = memory;
  return (amx_workspace){(amx_state *)at[0], at[1], (float *)at[2], (float *)at[3], at[4], at[5], (int32_t *)at[6]};
}

static void attention_task(void *context, long task, int thread) {
  const amx_attention *job = context;
  const dk_attention_arguments *a = job->a;
  const amx_workspace w = lay_out(job, dk_scratch(job->engine, thread));
  const long b = task / job->groups / a->heads;
  block at = {.head = task / job->groups % a->heads, .query = task % job->groups * job->group};
  at.start = at.head * a->head_dim;
  at.row = b * a->queries + at.query;
  at.count = dk_min(job->group, a->queries - at.query);
  dk_choose_keys(a, a->key_item ? a->key_item[b] : b, w.list, &at);
  job->engine->kernels->amx->attend(job, &at, &w);
}

dk_status dk_attention_amx(dk_engine *engine, const dk_attention_arguments *a) {
  const int bf16 = a->q.type == DK_BF16 && a->k.type == DK_BF16 && a->v.type == DK_BF16 && a->out.type == DK_BF16;
  if (!bf16 || a->probabilities || a->cap > 0 || !(a->scale > 0)) return dk_attention_by_blocks(engine, a);
  amx_attention job = {.engine = engine, .a = a, .group = most_queries};
  job.head_steps = dk_ceil_div(a->head_dim, 32);
  job.head_columns = dk_ceil_div(a->head_dim, 16);
  job.mixed_stride = job.head_columns * 16 + 16;
  // As many queries a task as leave every thread some tasks, and no more than there are.
  const long heads = a->batch * a->heads, wanted = engine->threads == 1 ? 1 : 4 * engine->threads;
  while (job.group > 32 && (heads * dk_ceil_div(a->queries, job.group) < wanted || job.group / 2 >= a->queries)) job.group /= 2;
  job.groups = dk_ceil_div(a->queries, job.group);
  long bytes[parts];
  return dk_parallel(engine, measure(&job, bytes), heads * job.groups, attention_task, &job);
}
