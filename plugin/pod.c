#include "plugin/pod.h"

#include "lib/netns.h"

int pod_find(const struct request *request, int *ret_fd, struct error *err)
{
	cleanup_close int fd = -1;
	int r;

	if (!request->netns[0])
		return POD_NONE;
	r = netns_open(request->netns, &fd, err);
	if (r != 0)
		return r < 0 ? r : POD_NONE;

	if (!request->netns_override) {
		r = netns_is_own(fd, err);
		if (r != 0)
			return r < 0 ? r : POD_IS_OURS;
	}
	*ret_fd = take_fd(&fd);
	return 0;
}

int pod_open(const struct request *request, int *ret_fd, struct error *err)
{
	int r = pod_find(request, ret_fd, err);

	if (r == POD_NONE)
		return error_set(err, ERROR_NETNS, 0,
				 "CNI_NETNS: \"%s\" is no network namespace",
				 request->netns);
	if (r == POD_IS_OURS)
		return error_set(err, ERROR_NETNS, 0,
				 "CNI_NETNS: \"%s\" is the network namespace "
				 "that the plugin itself runs in",
				 request->netns);
	return r;
}
