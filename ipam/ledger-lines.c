/*
 * Lines: what was asked of the server and is not settled, in the order in which
 * it was written down. A line's number is never given again, neither in a table's
 * life nor by one that is made in its place, so that who has one in mind finds it,
 * or none.
 */

#include "ipam/ledger-priv.h"

#include "lib/file.h"

#include <stdio.h>
#include <string.h>

static void line_key(uint64_t number, struct table_key *key)
{
	table_key_init(key, 'L');
	table_key_add_uint(key, number, sizeof(number));
}

static void line_text(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text);
}

void ledger_line_fill(struct ledger_line *line, const char *pool,
		      const struct store_attachment *attachment)
{
	line_text(line->pool, sizeof(line->pool), pool);
	line_text(line->network, sizeof(line->network), attachment->network);
	line_text(line->container_id, sizeof(line->container_id),
		  attachment->container_id);
	line_text(line->ifname, sizeof(line->ifname), attachment->ifname);
	if (attachment->pod_name && *attachment->pod_name)
		snprintf(line->pod, sizeof(line->pod), "%s/%s",
			 attachment->pod_namespace ? attachment->pod_namespace
						   : "",
			 attachment->pod_name);
}

/* Those of before lines knew their pod: of a journal, or of this boot. */
#define LINE_WITHOUT_POD 800

static int line_decode(struct ledger *ledger, const struct table_value *value,
		       struct ledger_line *ret, struct error *err)
{
	_Static_assert(offsetof(struct ledger_line, pod) <= LINE_WITHOUT_POD &&
			       offsetof(struct ledger_line, pod) + 8 >
				       LINE_WITHOUT_POD,
		       "what is before it stays where it is");
	if (value->len == LINE_WITHOUT_POD) {
		memcpy(ret, value->data, offsetof(struct ledger_line, pod));
		*ret->pod = '\0';
		return 0;
	}
	if (value->len != sizeof(*ret))
		return ledger_unreadable(ledger, "a line", err);
	memcpy(ret, value->data, sizeof(*ret));
	return 0;
}

int ledger_line_save(struct ledger *ledger, const struct ledger_line *line,
		     struct error *err)
{
	struct table_key key;

	line_key(line->number, &key);
	return table_put(ledger->table, &key, line, sizeof(*line), err);
}

int ledger_line_add(struct ledger *ledger, struct ledger_line *line,
		    struct error *err)
{
	int r = process_self(&line->process, err);

	if (r < 0)
		return r;
	r = ledger_number(ledger, &line->number, err);
	if (r < 0)
		return r;
	line->since_ms = file_boottime_ms();
	return ledger_line_save(ledger, line, err);
}

int ledger_line_load(struct ledger *ledger, uint64_t number,
		     struct ledger_line *ret, struct error *err)
{
	struct table_value value;
	struct table_key key;
	int r;

	line_key(number, &key);
	r = table_get(ledger->table, &key, &value, err);
	if (r == TABLE_ABSENT)
		return STORE_ABSENT;
	return r < 0 ? r : line_decode(ledger, &value, ret, err);
}

int ledger_line_del(struct ledger *ledger, uint64_t number, struct error *err)
{
	struct table_key key;
	int r;

	line_key(number, &key);
	r = table_del(ledger->table, &key, err);
	return r == TABLE_ABSENT ? 0 : r;
}

int ledger_line_next(struct ledger *ledger, uint64_t number,
		     struct ledger_line *ret, struct error *err)
{
	struct table_key from, found;
	struct table_value value;
	int r;

	line_key(number, &from);
	r = table_seek(ledger->table, &from, 1, &found, &value, err);
	if (r == TABLE_ABSENT)
		return STORE_ABSENT;
	return r < 0 ? r : line_decode(ledger, &value, ret, err);
}
