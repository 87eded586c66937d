/*
 * Any bytes as an attachment's record: it is read, or refused as damage, and
 * what is read can be kept and read again.
 */
#include "ipam/store.h"
#include "test/fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_store_record struct store_record record = { 0 };
	cleanup_store_record struct store_record again = { 0 };
	cleanup_free uint8_t *kept = NULL;
	struct error err = { 0 };
	size_t len;

	if (store_record_decode(data, size, &record, &err) < 0) {
		assert(err.code == ERROR_STORE);
		assert(!record.network);
		return 0;
	}
	assert(record.n_addresses <= STORE_MAX_ADDRESSES);
	assert(store_record_encode(&record, &kept, &len, &err) == 0);
	assert(store_record_decode(kept, len, &again, &err) == 0);
	assert(strcmp(record.container_id, again.container_id) == 0);
	assert(record.n_addresses == again.n_addresses);
	return 0;
}
