/*
 * When a node changes a pool. A patch of a pool costs the server the whole pool,
 * and it repeats each one that another came in between of: many at once are many
 * times as many. So the processes of a node take turns, by a lock per pool. It is
 * a courtesy and guards nothing: who has waited long enough goes on without it,
 * since a server that is sick must not stop all.
 *
 * A large pool's patch says which version it is for, so that it is refused
 * instead of repeated, and comes again after a while: as long as a patch takes,
 * doubled, at random.
 */

#include "ipam/whereabouts-priv.h"

#include "lib/hash.h"
#include "lib/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define TURN_MS         10000
#define TURN_HASTY_MS   1000
#define PAUSE_MAX_MS    4000
#define PAUSE_MIN_MS    4
#define PAUSE_DOUBLINGS 3

void whereabouts_leave(int *gate)
{
	if (*gate >= 0)
		close(*gate);
	*gate = -1;
}

/* Half of what is left, so that there is time for what we wait for. */
static unsigned int turn_ms(const struct cluster *cluster)
{
	uint64_t most = cluster->is_patient ? TURN_MS : TURN_HASTY_MS;
	uint64_t now = file_boottime_ms();
	uint64_t end = cluster->config->deadline_ms;
	uint64_t left = most;

	if (cluster->limit_ms && (!end || cluster->limit_ms < end))
		end = cluster->limit_ms;
	if (end)
		left = end > now ? (end - now) / 2 : 0;
	return (unsigned int)(left < most ? left : most);
}

void whereabouts_enter(struct cluster *cluster,
		       const struct whereabouts_claim *claim, int *gate)
{
	char name[WHEREABOUTS_NAME];
	cleanup_free char *path = NULL;
	struct error lost = { 0 };
	uint64_t hash;

	if (*gate >= 0 ||
	    whereabouts_pool_name(claim->network, &claim->range, name) != 0)
		return;
	hash = hash_add(HASH_INIT, name, strlen(name));
	if (asprintf(&path, "%s/turn-%016" PRIx64, cluster->config->state_dir,
		     hash) < 0) {
		path = NULL;
		return;
	}
	if (file_lock(path, true, turn_ms(cluster), gate, &lost) != 0)
		log_debug("pool %s is changed out of turn: %s", name,
			  error_is_set(&lost) ? lost.details : "it takes long");
}

void whereabouts_pause(unsigned int n, uint64_t took_ms)
{
	uint64_t most = took_ms > PAUSE_MIN_MS ? took_ms : PAUSE_MIN_MS;
	struct timespec pause;
	uint32_t random = 0;

	most <<= n < PAUSE_DOUBLINGS ? n : PAUSE_DOUBLINGS;
	if (most > PAUSE_MAX_MS)
		most = PAUSE_MAX_MS;
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		random = (uint32_t)file_boottime_ms();
	most = PAUSE_MIN_MS + random % most;
	pause.tv_sec = (time_t)(most / 1000);
	pause.tv_nsec = (long)(most % 1000) * 1000000;
	nanosleep(&pause, NULL);
}
