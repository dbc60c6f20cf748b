// What the processor can do at most.
#ifndef DIT_T2I_PEAKS_H
#define DIT_T2I_PEAKS_H
#include "kernel_table.h"

// The instruction that an instruction set's kernels multiply such weights with: "f32", "bf16", "int12", "int8". NULL where
// nothing is known of it.
const char *instruction_of(dk_cpu_level level, const char *weights);

// Giga-operations a second of all threads of the engine, a multiply-add counted as two; 0 where the processor has no such
// instruction. The best of many runs; with one thread it is processor time that counts.
double peak_of(dk_engine *engine, const char *instruction);
#endif
