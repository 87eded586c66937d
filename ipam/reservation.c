#include "ipam/reservation.h"

#include "ipam/search.h"
#include "lib/json-write.h"
#include "lib/sha256.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define IPV6_NAME 39 /* eight groups of four and seven dashes */

/* --- names and labels ---------------------------------------------------------- */

static void format_address(const struct inet_addr *addr,
			   char ret[static INET_ADDR_TEXT])
{
	char *p = ret;

	if (addr->family != AF_INET6) {
		inet_addr_format(addr, ret);
		return;
	}
	for (size_t i = 0; i < 16; i += 2)
		p += sprintf(p, "%s%02x%02x", i ? "-" : "", addr->bytes[i],
			     addr->bytes[i + 1]);
}

const char *reservation_name(const char *pool, const struct inet_addr *addr,
			     char ret[static RESERVATION_NAME])
{
	char text[INET_ADDR_TEXT];

	format_address(addr, text);
	snprintf(ret, RESERVATION_NAME, "%s%s%s", pool, *pool ? "." : "", text);
	return ret;
}

static bool parse_ipv6(const char *text, struct inet_addr *ret)
{
	char copy[IPV6_NAME + 1];

	if (strlen(text) != IPV6_NAME || strchr(text, ':'))
		return false;
	memcpy(copy, text, sizeof(copy));
	for (char *p = copy; *p; p++)
		if (*p == '-')
			*p = ':';
	return inet_addr_parse(copy, ret);
}

/* An address is what its own name is: one spelling each. */
bool reservation_parse_name(const char *name, const char *pool,
			    struct inet_addr *ret)
{
	size_t len = strlen(pool);
	char again[RESERVATION_NAME];
	const char *text = name;
	struct inet_addr addr;

	if (len > 0) {
		if (strncmp(name, pool, len) != 0 || name[len] != '.')
			return false;
		text += len + 1;
	}
	if (!parse_ipv6(text, &addr) && !inet_addr_parse(text, &addr))
		return false;
	if (strcmp(reservation_name(pool, &addr, again), name) != 0)
		return false;
	*ret = addr;
	return true;
}

const char *reservation_block(const struct inet_addr *addr,
			      char ret[static RESERVATION_LABEL])
{
	const struct inet_prefix block = search_block(addr);

	format_address(&block.addr, ret);
	return ret;
}

static const char *label_hash(struct sha256 *sha,
			      char ret[static RESERVATION_LABEL])
{
	uint8_t sum[SHA256_LEN];

	sha256_end(sha, sum);
	for (size_t i = 0; i < 16; i++)
		sprintf(ret + 2 * i, "%02x", sum[i]);
	return ret;
}

const char *reservation_owner(const char *container_id, const char *ifname,
			      char ret[static RESERVATION_LABEL])
{
	struct sha256 sha;

	sha256_init(&sha);
	sha256_add(&sha, container_id, strlen(container_id) + 1);
	sha256_add(&sha, ifname, strlen(ifname));
	return label_hash(&sha, ret);
}

static bool is_label(const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || len >= RESERVATION_LABEL ||
	    !isalnum((unsigned char)text[0]) ||
	    !isalnum((unsigned char)text[len - 1]))
		return false;
	for (const char *p = text; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("-_.", *p))
			return false;
	return true;
}

const char *reservation_node(const char *node,
			     char ret[static RESERVATION_LABEL])
{
	struct sha256 sha;

	if (is_label(node)) {
		snprintf(ret, RESERVATION_LABEL, "%s", node);
		return ret;
	}
	sha256_init(&sha);
	sha256_add(&sha, node, strlen(node));
	return label_hash(&sha, ret);
}

/* --- writing --------------------------------------------------------------------- */

static void write_labels(struct json_writer *w,
			 const struct reservation *reservation)
{
	char text[RESERVATION_LABEL];

	json_write_object(w, "labels");
	json_write_string(w, RESERVATION_LABEL_NODE,
			  reservation_node(reservation->node, text));
	json_write_string(w, RESERVATION_LABEL_BLOCK,
			  reservation_block(&reservation->address, text));
	json_write_string(w, RESERVATION_LABEL_POOL, reservation->pool);
	if (!reservation->is_host)
		json_write_string(w, RESERVATION_LABEL_OWNER,
				  reservation_owner(reservation->container_id,
						    reservation->ifname, text));
	json_write_end(w);
}

static void write_spec(struct json_writer *w,
		       const struct reservation *reservation)
{
	char text[INET_ADDR_TEXT];

	json_write_object(w, "spec");
	json_write_string(w, "address",
			  inet_addr_format(&reservation->address, text));
	if (*reservation->pool)
		json_write_string(w, "pool", reservation->pool);
	json_write_string(w, "kind", reservation->is_host ? "host" : "pod");
	json_write_string(w, "node", reservation->node);
	json_write_string(w, "bootID", reservation->boot_id);
	json_write_string(w, "attempt", reservation->attempt);
	json_write_string(w, "podNamespace", reservation->pod_namespace);
	json_write_string(w, "podName", reservation->pod_name);
	json_write_string(w, "podUID", reservation->pod_uid);
	json_write_string(w, "ifname", reservation->ifname);
	json_write_string(w, "containerID", reservation->container_id);
	json_write_string(w, "network", reservation->network);
	if (reservation->vtep.family)
		json_write_string(w, "vtep",
				  inet_addr_format(&reservation->vtep, text));
	json_write_end(w);
}

int reservation_write(const struct reservation *reservation, char **ret,
		      struct error *err)
{
	struct json_writer w = { 0 };
	char name[RESERVATION_NAME];
	size_t len;

	json_write_object(&w, NULL);
	json_write_string(&w, "apiVersion", "hostshim.dev/v1alpha1");
	json_write_string(&w, "kind", "Reservation");
	json_write_object(&w, "metadata");
	json_write_string(&w, "name",
			  reservation_name(reservation->pool,
					   &reservation->address, name));
	write_labels(&w, reservation);
	json_write_end(&w);
	write_spec(&w, reservation);
	json_write_end(&w);
	return json_write_finish(&w, ret, &len, err);
}

/* --- reading --------------------------------------------------------------------- */

struct text_field {
	const char *key;
	size_t offset;
	size_t size;
};

#define TEXT(key, member)                                                      \
	{                                                                      \
		key, offsetof(struct reservation, member),                     \
			sizeof(((struct reservation *)0)->member)              \
	}

static const struct text_field metadata_texts[] = {
	TEXT("name", name),
	TEXT("uid", uid),
};

static const struct text_field spec_texts[] = {
	TEXT("pool", pool),
	TEXT("node", node),
	TEXT("bootID", boot_id),
	TEXT("attempt", attempt),
	TEXT("podNamespace", pod_namespace),
	TEXT("podName", pod_name),
	TEXT("podUID", pod_uid),
	TEXT("ifname", ifname),
	TEXT("containerID", container_id),
	TEXT("network", network),
};

static int foreign(const struct json_at *at, const char *what,
		   struct error *err)
{
	char path[JSON_PATH];

	return error_set(err, ERROR_STORE, 0,
			 "the server's answer is no Reservation: %s %s",
			 json_path(at, path, sizeof(path)), what);
}

/* "" where it is missing. */
static int read_text(const struct json_at *at, const struct text_field *field,
		     struct reservation *ret, struct error *err)
{
	struct json_at member = { .up = at, .key = field->key };
	char *to = (char *)ret + field->offset;
	const char *text;

	*to = '\0';
	if (!json_member(at, field->key, &member))
		return 0;
	text = json_text(&member);
	if (!text || strlen(text) >= field->size)
		return foreign(&member, "is no such text", err);
	memcpy(to, text, strlen(text) + 1);
	return 0;
}

static int read_texts(const struct json_at *at, const struct text_field *fields,
		      size_t n, struct reservation *ret, struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = read_text(at, &fields[i], ret, err);
	return r;
}

static const char *member_text(const struct json_at *at, const char *key)
{
	struct json_at member;

	return json_member(at, key, &member) ? json_text(&member) : NULL;
}

static bool read_address(const struct json_at *at, const char *key,
			 struct inet_addr *ret)
{
	const char *text = member_text(at, key);

	return text && inet_addr_parse(text, ret);
}

uint64_t reservation_version(const struct json_at *metadata)
{
	const char *text = member_text(metadata, "resourceVersion");
	unsigned long long value;
	char *end;

	if (!text || !isdigit((unsigned char)*text))
		return 0;
	errno = 0;
	value = strtoull(text, &end, 10);
	return *end || errno ? 0 : value;
}

static int64_t read_time(const struct json_at *at, const char *key)
{
	const char *text = member_text(at, key);
	struct tm tm = { 0 };
	const char *end;

	if (!text)
		return 0;
	end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return end && !*end ? (int64_t)timegm(&tm) : 0;
}

static int read_metadata(const struct json_at *root, struct reservation *ret,
			 struct error *err)
{
	struct json_at metadata = { .up = root, .key = "metadata" };
	int r;

	if (!json_member(root, "metadata", &metadata))
		return foreign(&metadata, "is missing", err);
	r = read_texts(&metadata, metadata_texts, ARRAY_SIZE(metadata_texts),
		       ret, err);
	if (r < 0)
		return r;
	if (!*ret->name || !*ret->uid)
		return foreign(&metadata, "has no name and uid", err);
	ret->version = reservation_version(&metadata);
	ret->created = read_time(&metadata, "creationTimestamp");
	ret->is_going = member_text(&metadata, "deletionTimestamp");
	return 0;
}

static int read_spec(const struct json_at *root, struct reservation *ret,
		     struct error *err)
{
	struct json_at spec = { .up = root, .key = "spec" };
	const char *kind;
	int r;

	if (!json_member(root, "spec", &spec))
		return foreign(&spec, "is missing", err);
	r = read_texts(&spec, spec_texts, ARRAY_SIZE(spec_texts), ret, err);
	if (r < 0)
		return r;
	if (!read_address(&spec, "address", &ret->address))
		return foreign(&spec, "has no address", err);
	kind = member_text(&spec, "kind");
	if (!kind || (strcmp(kind, "pod") != 0 && strcmp(kind, "host") != 0))
		return foreign(&spec, "has no kind", err);
	ret->is_host = *kind == 'h';
	if (!read_address(&spec, "vtep", &ret->vtep))
		ret->vtep = (struct inet_addr){ 0 };
	return 0;
}

int reservation_read(const struct json_at *at, struct reservation *ret,
		     struct error *err)
{
	struct reservation found = { 0 };
	struct inet_addr named;
	int r;

	r = read_metadata(at, &found, err);
	if (r == 0)
		r = read_spec(at, &found, err);
	if (r < 0)
		return r;
	if (!reservation_parse_name(found.name, found.pool, &named) ||
	    !inet_addr_equal(&named, &found.address))
		return foreign(at, "is not named by its address", err);
	*ret = found;
	return 0;
}

bool reservation_is_adopted(const struct reservation *reservation)
{
	return strncmp(reservation->attempt, RESERVATION_ADOPTED,
		       strlen(RESERVATION_ADOPTED)) == 0;
}
