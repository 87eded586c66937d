#include "lib/ethtool.h"

#include "lib/cleanup.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* The kernel's answer to a request without masks is how long its masks are, as
 * a negative number (net/ethtool/ioctl.c, ethtool_get_link_ksettings). */
int ethtool_speed(const char *name, uint32_t *ret, struct error *err)
{
	union {
		struct ethtool_link_settings settings;
		uint8_t room[sizeof(struct ethtool_link_settings) +
			     3 * INT8_MAX * sizeof(uint32_t)];
	} u = { .settings = { .cmd = ETHTOOL_GLINKSETTINGS } };
	struct ifreq request = { .ifr_data = (void *)&u };
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int8_t words;

	if (fd < 0)
		return error_set(err, ERROR_IO, errno, "socket");
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, SIOCETHTOOL, &request) < 0)
		return ETHTOOL_UNKNOWN;
	words = u.settings.link_mode_masks_nwords;
	if (words >= 0)
		return ETHTOOL_UNKNOWN;
	u.settings.cmd = ETHTOOL_GLINKSETTINGS;
	u.settings.link_mode_masks_nwords = (int8_t)-words;
	if (ioctl(fd, SIOCETHTOOL, &request) < 0 || u.settings.speed == 0 ||
	    u.settings.speed == (uint32_t)SPEED_UNKNOWN)
		return ETHTOOL_UNKNOWN;
	*ret = u.settings.speed;
	return 0;
}
