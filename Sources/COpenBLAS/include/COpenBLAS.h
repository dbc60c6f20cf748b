// OpenBLAS, opened only when a user asks for it: linking it would cost every start of the program its load time.
#pragma once
typedef void (*copenblas_sgemm_function)(int order, int transA, int transB, int m, int n, int k, float alpha,
                                         const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc);
// cblas_sgemm of libopenblas.so.0, set to one thread (ours are the threads); NULL where it is not installed.
copenblas_sgemm_function copenblas_sgemm(void);
