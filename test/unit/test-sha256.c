#include "lib/cleanup.h"
#include "lib/sha256.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* FIPS 180-4's own examples (NIST, "SHA256.pdf"), and the lengths around the
 * end of a block, as sha256sum has them. */
Test(sha256, known_answers)
{
	static const struct {
		size_t count;
		const char *text;
		const char *expected;
	} cases[] = {
		{ 0, "",
		  "e3b0c44298fc1c149afbf4c8996fb924"
		  "27ae41e4649b934ca495991b7852b855" },
		{ 1, "abc",
		  "ba7816bf8f01cfea414140de5dae2223"
		  "b00361a396177a9cb410ff61f20015ad" },
		{ 1, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "248d6a61d20638b8e5c026930c3e6039"
		  "a33ce45964ff2167f6ecedd419db06c1" },
		{ 55, "a",
		  "9f4390f8d30c2dd92ec9f095b65e2b9a"
		  "e9b0a925a5258e241c9f1e910f734318" },
		{ 56, "a",
		  "b35439a4ac6f0948b6d6f9e3c6af0f5f"
		  "590ce20f1bde7090ef7970686ec6738a" },
		{ 64, "a",
		  "ffe054fe7ae0cb6dc65c3af9b61d5209"
		  "f439851db43d0ba5997337df154668eb" },
		{ 1000000, "a",
		  "cdc76e5c9914fb9281a1c7e284d73e67"
		  "f1809a48a497200e046d39ccc7112cd0" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t sum[SHA256_LEN];
		char text[2 * SHA256_LEN + 1];
		struct sha256 sha;

		sha256_init(&sha);
		for (size_t n = 0; n < cases[i].count; n++)
			sha256_add(&sha, cases[i].text, strlen(cases[i].text));
		sha256_end(&sha, sum);
		for (size_t n = 0; n < sizeof(sum); n++)
			sprintf(text + 2 * n, "%02x", sum[n]);
		cr_expect_str_eq(text, cases[i].expected, "%zu", i);
	}
}
