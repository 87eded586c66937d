#ifndef IPAM_CONFIG_PRIV_H
#define IPAM_CONFIG_PRIV_H

/*
 * Shared by ipam/config*.c only: the section as it is being read. Values that
 * depend on each other are kept as places in the document, so that a complaint
 * names its key.
 */

#include "ipam/config.h"

/* Whereabouts' range; .node is NULL for what is not given. */
struct ipam_window {
	struct json_at range;
	struct json_at start;
	struct json_at end;
	struct json_at exclude;
};

/* host-local's range */
struct ipam_subnet {
	struct json_at subnet;
	struct json_at start;
	struct json_at end;
	struct json_at gateway;
};

struct ipam_section {
	struct ipam_config config;
	bool lenient; /* type whereabouts: what it ignores is a warning */
	struct ipam_window window;
	struct ipam_subnet subnet; /* its gateway is the section's */
	struct json_at ip_ranges;
	struct json_at ranges;
	struct json_at host_range;
	struct json_at order; /* its default depends on the store */
	struct json_at slice; /* node_slice_size */
};

/* Sets under construction; they go into the configuration when all is well. */
struct ipam_sets {
	struct ipam_range_set *items;
	size_t count;
};
void ipam_sets_clear(struct ipam_sets *sets);
#define cleanup_ipam_sets cleanup(ipam_sets_clear)

/** ipam_sets_add() - One more, empty, with room for @ranges; NULL: no memory */
struct ipam_range_set *ipam_sets_add(struct ipam_sets *sets, size_t ranges);

/** ipam_sets_check() - As many sets as an attachment can have addresses? */
int ipam_sets_check(size_t count, struct error *err);

/** ipam_sets_add_window() - "range" (@top) or an element of "ipRanges" */
int ipam_sets_add_window(const struct ipam_section *section,
			 const struct ipam_window *window, bool top,
			 struct ipam_sets *sets, struct error *err);

/** ipam_sets_add_windows() - "ipRanges", if given */
int ipam_sets_add_windows(const struct ipam_section *section,
			  struct ipam_sets *sets, struct error *err);

/** ipam_sets_add_subnet() - "subnet" with its bounds and gateway */
int ipam_sets_add_subnet(const struct ipam_section *section,
			 struct ipam_sets *sets, struct error *err);

/** ipam_sets_add_ranges() - "ranges", or the runtime's "ipRanges" */
int ipam_sets_add_ranges(const struct json_at *at, struct ipam_sets *sets,
			 struct error *err);

/** ipam_exclude() - Take the addresses that @at lists out of the candidates */
int ipam_exclude(const struct json_at *at, struct ipam_range *range,
		 struct error *err);

/**
 * ipam_complain() - What Whereabouts passes over in silence
 *
 * Return: the error in @err; for Whereabouts' own type 0, after a warning
 */
int ipam_complain(const struct ipam_section *section, struct error *err);

/** ipam_is_given() - Present, and not the empty text that Go takes for absent */
bool ipam_is_given(const struct json_at *at);

/** ipam_at_context() - Prepend the place to the details */
int ipam_at_context(const struct json_at *at, struct error *err);

/** ipam_read_at() - A json_reader that keeps the place */
int ipam_read_at(const struct json_at *at, void *member, struct error *err);

/** ipam_read_path() - Absolute, without ".."; a json_reader, "" sets nothing */
int ipam_read_path(const struct json_at *at, void *member, struct error *err);

/* A section with what it lacks from Whereabouts' flat file. */
struct ipam_flat {
	struct json *file;
	struct json *filled;
	struct json_at at; /* read this */
};
void ipam_flat_clear(struct ipam_flat *flat);
#define cleanup_ipam_flat cleanup(ipam_flat_clear)

/**
 * ipam_flat_read() - Find the flat file, and fill the section
 * @at:		The section, which @ret->at is if there is no such file
 */
int ipam_flat_read(const struct json_at *at, struct ipam_flat *ret,
		   struct error *err);

/** ipam_read_addr() - A strict address into a struct inet_addr; "" is none */
int ipam_read_addr(const struct json_at *at, void *member, struct error *err);

/** ipam_section_ranges() - All sets, in order, candidates filled */
int ipam_section_ranges(struct ipam_section *section, struct error *err);

/** ipam_section_host_ranges() - "hostRange": a text or an array of them */
int ipam_section_host_ranges(struct ipam_section *section, struct error *err);

/** ipam_read_statics() - "addresses"; a json_reader on struct ipam_config */
int ipam_read_statics(const struct json_at *at, void *member,
		      struct error *err);

/** ipam_read_routes() - "routes"; a json_reader on struct ipam_config */
int ipam_read_routes(const struct json_at *at, void *member, struct error *err);

/** ipam_range_sets_clear() - Free sets */
void ipam_range_sets_clear(struct ipam_range_set *sets, size_t n);

#endif
