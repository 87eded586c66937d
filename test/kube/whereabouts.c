/*
 * kube-whereabouts NETWORK RANGE ADDRESS NAMESPACE POD
 *
 * How we would write a reservation of Whereabouts': the pool's name and range,
 * the key, the overlap record's name, the podref, a line each; "-" for what has
 * none.
 */

#include "ipam/whereabouts.h"

#include <err.h>
#include <stdio.h>

static void print(int outcome, const char *text)
{
	puts(outcome == 0 ? text : "-");
}

int main(int argc, char **argv)
{
	char name[WHEREABOUTS_NAME];
	char range[INET_PREFIX_TEXT];
	char key[WHEREABOUTS_KEY];
	char podref[WHEREABOUTS_PODREF];
	struct inet_prefix wanted, base;
	struct inet_addr addr;

	if (argc != 6 || !inet_prefix_parse_lenient(argv[2], &wanted) ||
	    !inet_addr_parse(argv[3], &addr))
		errx(2, "usage: kube-whereabouts NETWORK RANGE ADDRESS "
			"NAMESPACE POD");
	print(whereabouts_pool_name(argv[1], &wanted, name), name);
	puts(whereabouts_range(&wanted, range));
	if (whereabouts_base(range, &base) != 0)
		errx(1, "%s is no base", range);
	print(whereabouts_key(&base.addr, &addr, key), key);
	print(whereabouts_overlap_name(argv[1], &addr, name), name);
	print(whereabouts_podref(argv[4], argv[5], podref), podref);
	return 0;
}
