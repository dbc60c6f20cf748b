// Cases of gradients and of adapters' products, for levels.c: what is there before is drawn, as they add to it.

static void gradients_of_rows(dk_engine *engine, result *r) {
  const long rows = between(1, 150), columns = between(1, 150), groups = between(1, 3);
  const long rows_per_group = (rows + groups - 1) / groups, stride = columns + between(0, 4);
  const long numbers = (groups - 1) * stride + columns;
  const dk_rows x = matrix(type_of(coin()), rows, columns), dy = matrix(DK_F32, rows, columns);
  const dk_rows dx = matrix(DK_F32, rows, columns), other = matrix(type_of(coin()), rows, columns);
  const float *weight = coin() ? vector(columns, 1) : NULL, *scale = coin() ? vector(numbers, 1) : NULL;
  float *sums = coin() ? vector(numbers, 1) : NULL, *products = coin() ? vector(numbers, 1) : NULL;
  const dk_layer_norm_gradient_arguments norm = {1e-5f, weight, scale, sums, products, stride, rows_per_group};
  r->limit = exact_limit;
  switch (draw() % 5) {
    case 0: check(dk_layer_norm_gradient(engine, rows, columns, x, &norm, dy, dx)); break;
    case 1: check(dk_rms_norm_gradient(engine, rows, columns, x, weight, 1e-5f, dy, dx, products)); break;
    case 2: check(dk_gate_gradient(engine, rows, columns, dy, scale, stride, rows_per_group, x, dx, products)); break;
    case 3: check(dk_activate_gradient(engine, draw() % 6, rows, columns, x, dy, dx)); break;
    case 4: check(dk_multiply_add(engine, rows, columns, x, other, dx)); break;
  }
  collect(r, dx, rows, columns);
  if (sums) collect(r, (dk_rows){DK_F32, sums, stride}, groups, columns);
  if (products) collect(r, (dk_rows){DK_F32, products, stride}, groups, columns);
}

static void gradients_of_attention(dk_engine *engine, result *r) {
  dk_attention_gradient_arguments g = {.attention = draw_attention(type_of(coin()))};
  const dk_attention_arguments *a = &g.attention;
  const long rows = a->batch * a->queries, key_rows = a->batch * a->keys, columns = a->heads * a->head_dim;
  g.attention.cap = 0;
  g.d_out = matrix(DK_F32, rows, columns), g.d_q = matrix(DK_F32, rows, columns);
  g.d_k = matrix(DK_F32, key_rows, columns), g.d_v = matrix(DK_F32, key_rows, columns);
  check(dk_attention_gradient(engine, &g));
  r->limit = exact_limit;
  collect(r, g.d_q, rows, columns);
  collect(r, g.d_k, key_rows, columns);
  collect(r, g.d_v, key_rows, columns);
}

static void thin_products(dk_engine *engine, result *r) {
  const long rows = between(1, 150), columns = between(1, 200), rank = coin() ? 4 << between(0, 2) : between(1, 20);
  const dk_rows x = matrix(type_of(coin()), rows, columns);
  float *h = vector(rows * rank, 1), *m = vector(rank * columns, 1);
  const float scale = unit_number();
  r->limit = exact_limit;
  switch (draw() % 3) {
    case 0: check(dk_thin_project(engine, rows, columns, rank, x, m, h)); break;
    case 1:
      check(dk_thin_expand(engine, rows, columns, rank, h, m, scale, x));
      if (x.type == DK_BF16) r->limit = bf16_limit;
      break;
    case 2: check(dk_thin_gradient(engine, rows, columns, rank, h, x, scale, m)); break;
  }
  collect(r, x, rows, columns);
  collect(r, (dk_rows){DK_F32, h, rank}, rows, rank);
  collect(r, (dk_rows){DK_F32, m, columns}, rank, columns);
}
