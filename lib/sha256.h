#ifndef LIB_SHA256_H
#define LIB_SHA256_H

/*
 * SHA-256 (FIPS 180-4), for short names that other programs compute too. Not
 * for secrets: no care is taken of time or of what is left in memory.
 *
 * Of our own, because libcrypto's reads the host's openssl.cnf at its first use,
 * and what that wants loaded a static program cannot load.
 */

#include <stddef.h>
#include <stdint.h>

#define SHA256_LEN 32

struct sha256 {
	uint32_t state[8];
	uint64_t len;
	uint8_t block[64];
};

void sha256_init(struct sha256 *sha);
void sha256_add(struct sha256 *sha, const void *data, size_t len);
void sha256_end(struct sha256 *sha, uint8_t ret[static SHA256_LEN]);

#endif
