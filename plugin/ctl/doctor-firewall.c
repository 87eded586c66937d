#include "plugin/ctl/doctor.h"

#include "lib/file.h"
#include "plugin/ctl/ruleset.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

/*
 * Does a packet filter of this node drop the tunnel? Rules can be read, and
 * followed for one packet to and from each peer; where that does not say for
 * sure, nothing is said, and "shimctl verify" asks the network. nft(8) is run
 * for it: the format that the kernel has them in is between it and the kernel.
 */

#define NFT_MAX     (32 * 1024 * 1024)
#define NFT_TIMEOUT 5000 /* ms; a few thousand rules take a hundredth of it */

static const char *const nft_paths[] = {
	"/usr/sbin/nft",
	"/sbin/nft",
	"/usr/bin/nft",
	"/usr/local/sbin/nft",
};

/* --- nft ------------------------------------------------------------------------------------ */

static const char *nft_path(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(nft_paths); i++)
		if (access(nft_paths[i], X_OK) == 0)
			return nft_paths[i];
	return NULL;
}

static int nft_spawn(const char *path, int out, pid_t *ret)
{
	char words[4][8] = { "nft", "-j", "list", "ruleset" };
	char *const argv[] = { words[0], words[1], words[2], words[3], NULL };
	char *const env[] = { NULL };
	posix_spawn_file_actions_t actions;
	int r = posix_spawn_file_actions_init(&actions);

	if (r != 0)
		return r;
	r = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO,
						     "/dev/null", O_WRONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO,
						     "/dev/null", O_RDONLY, 0);
	if (r == 0)
		r = posix_spawn(ret, path, &actions, NULL, argv, env);
	posix_spawn_file_actions_destroy(&actions);
	return r;
}

/* What it says until its end, or the deadline. Return: false if not in time */
static bool nft_hear(int fd, FILE *out)
{
	uint64_t deadline = file_boottime_ms() + NFT_TIMEOUT;
	size_t total = 0;
	char buf[65536];

	for (;;) {
		struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
		uint64_t now = file_boottime_ms();
		ssize_t n;

		if (now >= deadline || total > NFT_MAX ||
		    poll(&poll_fd, 1, (int)(deadline - now)) <= 0)
			return false;
		n = read(fd, buf, sizeof(buf));
		if (n < 0)
			return false;
		if (n == 0)
			return true;
		total += (size_t)n;
		fwrite(buf, 1, (size_t)n, out);
	}
}

/* Return: NULL, or why there is nothing to read in @ret */
static const char *nft_end(pid_t pid, bool in_time)
{
	int status;

	if (!in_time)
		kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) < 0 || !in_time)
		return "nft did not end in time";
	return status == 0 ? NULL : "nft failed";
}

static const char *nft_run(const char *path, char **ret, size_t *ret_len)
{
	cleanup_close int reader = -1;
	const char *why;
	int pipes[2];
	bool in_time;
	FILE *out;
	pid_t pid;
	int r;

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return "there is no pipe for nft";
	reader = pipes[0];
	r = nft_spawn(path, pipes[1], &pid);
	close(pipes[1]);
	if (r != 0)
		return "nft cannot be started";
	out = open_memstream(ret, ret_len);
	in_time = out && nft_hear(reader, out);
	if (out)
		fclose(out);
	why = nft_end(pid, in_time);
	return why;
}

/* --- the tunnel ----------------------------------------------------------------------------- */

static int firewall_way(struct doctor *d, const struct json_at *root,
			const struct inet_addr *peer, bool is_out,
			struct error *err)
{
	struct ruleset_packet packet = { .port = d->parent.vxlan.port,
					 .is_out = is_out };
	char where[RULESET_WHERE], step[RULESET_WHERE], who[DOCTOR_WHO];
	struct netlink_route route = { 0 };
	struct netlink_link link;
	int r;

	r = netlink_route_get(d->ctl->host, peer, &route, err);
	if (r == 0)
		r = netlink_link_get_index(d->ctl->host, route.index, &link,
					   err);
	if (r != 0)
		return r < 0 ? r : 0; /* no way there: another check tells */
	packet.link = link.name;
	packet.source = is_out ? d->parent.vxlan.local : *peer;
	packet.destination = is_out ? *peer : d->parent.vxlan.local;
	if (ruleset_judge(root, &packet, where, step) == RULESET_PASSES)
		return 0;
	doctor_peer_who(d, peer, who);
	doctor_step(d, "%s", step);
	doctor_found(d, "%s drops UDP port %u %s %s over %s: the tunnel of %s",
		     where, packet.port, is_out ? "to" : "from", who, link.name,
		     d->parent.name);
	return 0;
}

static int firewall_judge(struct doctor *d, const char *text, size_t len,
			  struct error *err)
{
	cleanup_json struct json *json = NULL;
	struct error ignored = { 0 };
	struct json_at root;
	int r = 0;

	if (json_parse(text, len, &json, &ignored) < 0) {
		doctor_skip(d, "nft said what is no JSON");
		return 0;
	}
	root = json_root(json);
	for (size_t i = 0; i < d->peers.count && r == 0; i++) {
		const struct inet_addr *peer = &d->peers.items[i].vtep;

		if (peer->family != d->parent.vxlan.local.family ||
		    inet_addr_equal(peer, &d->parent.vxlan.local))
			continue;
		r = firewall_way(d, &root, peer, false, err);
		if (r == 0)
			r = firewall_way(d, &root, peer, true, err);
	}
	return r;
}

int doctor_firewall(struct doctor *d, struct error *err)
{
	cleanup_free char *text = NULL;
	const char *path = nft_path();
	const char *why;
	size_t len;

	if (d->peers.count == 0)
		return 0;
	if (!path) {
		doctor_skip(d,
			    "nft is not installed: rules that drop UDP port "
			    "%u are not seen",
			    d->parent.vxlan.port);
		return 0;
	}
	why = nft_run(path, &text, &len);
	if (why) {
		doctor_skip(d, "%s: rules that drop UDP port %u are not seen",
			    why, d->parent.vxlan.port);
		return 0;
	}
	return len ? firewall_judge(d, text, len, err) : 0;
}
