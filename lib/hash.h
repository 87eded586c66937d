#ifndef LIB_HASH_H
#define LIB_HASH_H

/*
 * FNV-1a with 64 bits: stable over machines and versions, for names, MACs and
 * record checksums. Not for anything an adversary may choose.
 */

#include <stddef.h>
#include <stdint.h>

#define HASH_INIT UINT64_C(0xcbf29ce484222325)

/** hash_add() - Continue @hash over @len bytes; start with HASH_INIT */
static inline uint64_t hash_add(uint64_t hash, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
	return hash;
}

/** hash_mix() - Spread what FNV leaves in few bits over all (the finalizer of
 * splitmix64) */
static inline uint64_t hash_mix(uint64_t hash)
{
	hash += UINT64_C(0x9e3779b97f4a7c15);
	hash = (hash ^ hash >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	hash = (hash ^ hash >> 27) * UINT64_C(0x94d049bb133111eb);
	return hash ^ hash >> 31;
}

#endif
