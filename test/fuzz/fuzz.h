#ifndef TEST_FUZZ_FUZZ_H
#define TEST_FUZZ_FUZZ_H

/*
 * A target is one file with this function. libFuzzer calls it (preset "fuzz"),
 * or replay.c with the committed inputs (all presets with tests).
 */

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
