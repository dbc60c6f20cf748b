#include "COpenBLAS.h"

#include <dlfcn.h>
#include <stddef.h>

copenblas_sgemm_function copenblas_sgemm(void) {
  void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  if (!library) return NULL;
  void (*set_threads)(int) = (void (*)(int))dlsym(library, "openblas_set_num_threads");
  if (set_threads) set_threads(1);
  return (copenblas_sgemm_function)dlsym(library, "cblas_sgemm");
}
