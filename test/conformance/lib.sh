# What the shell cases share. Each runs in a network and a mount namespace of its
# own (test/support/run-test), on the build in HOSTSHIM_BUILD (build/dev) and the
# programs in HOSTSHIM_TOOLS (scripts/tools), and says "ok CLAIM" or
# "not ok CLAIM".
# shellcheck shell=bash disable=SC2034 source-path=SCRIPTDIR
set -u
here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
export HOSTSHIM_BUILD=${HOSTSHIM_BUILD:-$here/../../build/dev}
export HOSTSHIM_TOOLS=${HOSTSHIM_TOOLS:-$("$here/../../scripts/tools")}

# Started by hand: what is mounted below must not be mounted over the machine's.
if [ "${HOSTSHIM_STAGE:-}" != conformance ]; then
	exec "$here/../support/run-test" conformance "$0" "$@"
fi
. "$here/../support/tap.sh"

# Private /run and /var/lib: namespaces, caches and state live there. What is
# run may lie below them, so it gets a second path first.
mount -t tmpfs tmpfs /run
work=/run/case
bin=$work/bin
mkdir -p /run/netns "$bin" "$work/tools" "$work/plugin"
mount --bind "$HOSTSHIM_TOOLS" "$work/tools"
mount --bind "$HOSTSHIM_BUILD/plugin" "$work/plugin"
mount -t tmpfs tmpfs /var/lib
mkdir /var/lib/cni
ln -s "$work"/tools/* "$work/plugin/hostshim" "$bin"
ip link set lo up

# A plugin built with sanitizers reports to where run-test looks.
mapfile -t sanitizers < <(env | grep -E '^[A-Z]+SAN_OPTIONS=')

versions=(0.1.0 0.2.0 0.3.0 0.3.1 0.4.0 1.0.0 1.1.0)
# at_least VERSION MINIMUM
at_least() {
	[ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]
}

# same WHAT WANTED FOUND: equal texts of many lines, or their difference
same() {
	[ "$2" = "$3" ] && return
	echo "$1:"
	diff <(echo "$2") <(echo "$3")
	return 1
}

# in_netns NAME COMMAND...: only the network namespace changes.
in_netns() {
	local name=$1
	shift
	nsenter --net="/run/netns/$name" -- "$@"
}

netns_add() {
	local name
	for name in "$@"; do
		ip netns add "$name"
		ip -n "$name" link set lo up
	done
}

# invoke VERB PLUGIN HOST POD CONF [VARIABLE=VALUE...]: as a runtime does it,
# from network namespace HOST, for the namespace POD ("" for none).
invoke() {
	local verb=$1 plugin=$2 host=$3 pod=$4 conf=$5
	shift 5
	in_netns "$host" env -i PATH="$PATH" CNI_COMMAND="$verb" \
		CNI_CONTAINERID="${pod:-gone}" CNI_IFNAME=net1 \
		CNI_NETNS="${pod:+/run/netns/$pod}" CNI_PATH="$bin" \
		"${sanitizers[@]}" "$@" \
		"$bin/$plugin" <<<"$conf"
}

# has_no_link NAMESPACE NAME
has_no_link() {
	! ip -n "$1" link show "$2" 2>/dev/null
}
