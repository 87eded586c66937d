# shellcheck shell=bash
# sim.sh - several nodes on one machine
#
# Source it after lib.sh and api.sh, and set KUBE_ADDRESS=$SIM_ADDRESS before
# kube_start. A node is a network and a mount namespace with a NIC, a boot id,
# a Node object and a kubeconfig with a token that is bound to it: all that the
# plugin can see is the node's own, at the paths that it has by default.
#
#	sim_start 3
#	sim_config storage 10.1.2.0/24 >"$KUBE_DIR/storage"
#	sim_sandbox k8s-1 c1
#	cni k8s-1 ADD c1 storage longhorn-system/im-1
#
# A node's folders outlive its reboot in $SIM_DIR/NODE: etc, var, run.

SIM_ADDRESS=192.168.77.254
SIM_DIR=$KUBE_DIR/nodes
SIM_PROGRAM=${HOSTSHIM_BUILD:-$KUBE_ROOT/build/dev}/plugin/hostshim
SIM_SHIMCTL=${HOSTSHIM_BUILD:-$KUBE_ROOT/build/dev}/plugin/ctl/shimctl
declare -A SIM_PID SIM_INDEX

# --- nodes --------------------------------------------------------------------

# Before kube_start: where the API server listens and nodes are plugged in
sim_wire() {
	# A bridge takes its ports' lowest address, and another when that goes;
	# neighbours would not know.
	ip link add wire address 02:00:00:00:00:fe type bridge
	ip address add "$SIM_ADDRESS/24" dev wire
	ip link set wire up
}

# sim_start COUNT: k8s-1 to k8s-COUNT
sim_start() {
	local index
	for ((index = 1; index <= $1; index++)); do
		sim_add "$index"
	done
}

# sim_add INDEX: one more
sim_add() {
	SIM_INDEX[k8s-$1]=$1
	mkdir -p "$SIM_DIR/k8s-$1"/{etc/hostshim.d,var,run}
	api_node "k8s-$1"
	sim_boot "k8s-$1"
	sim_kubeconfig "k8s-$1"
}

# sim_boot NODE: with a new boot id, and without all that was running
sim_boot() {
	local node=$1 dir=$SIM_DIR/$1
	cat /proc/sys/kernel/random/uuid >"$dir/boot_id"
	sim_hold "$node"
	sim_plug "$node"
	sim_kubelet "$node"
}

# A process that keeps the node's namespaces
sim_hold() {
	local dir=$SIM_DIR/$1
	mkdir -p /run/hostshim /run/netns /etc/cni/net.d
	rm -f "$dir/up"
	# shellcheck disable=SC2016
	unshare --net --mount --propagation private sh -euc '
		mount --bind "$1/run" /run/hostshim
		mount --bind "$1/var" /var/lib/cni
		mount --bind "$1/etc" /etc/cni/net.d
		mount -t tmpfs tmpfs /run/netns
		mount --bind "$1/boot_id" /proc/sys/kernel/random/boot_id
		ip link set lo up
		: >"$1/up"
		exec sleep infinity' - "$dir" &
	SIM_PID[$1]=$!
	until [ -e "$dir/up" ]; do
		kube_alive "${SIM_PID[$1]}" etcd
		sleep 0.01
	done
}

sim_plug() {
	local index=${SIM_INDEX[$1]}
	ip link add "port$index" type veth \
		peer name eth0 netns "${SIM_PID[$1]}"
	ip link set "port$index" master wire up
	sim "$1" ip address add "192.168.77.$index/24" dev eth0
	sim "$1" ip link set eth0 up
}

# What the kubelet says of its node; other NODE: a machine of the same name
sim_kubelet() {
	jq -n --rawfile boot "$SIM_DIR/$1/boot_id" '{
		status: {nodeInfo: {bootID: $boot | rtrimstr("\n")}}
	}' >"$SIM_DIR/$1/status"
	kubectl patch node "$1" --subresource=status --type=merge \
		--patch-file "$SIM_DIR/$1/status" >>"$KUBE_DIR/apply.log"
}

# sim_kubeconfig NODE [SERVER]: through the proxy where there is one
sim_kubeconfig() {
	local server=${2:-${FAULT_SERVER:-$KUBE_SERVER}}
	local token
	token=$(sed -n 's/.*Bearer \(.*\)"$/\1/p' "$KUBE_DIR/$1.curl")
	KUBE_SERVER=$server kube_kubeconfig "$1" "token: $token" \
		>"$SIM_DIR/$1/etc/hostshim.d/kubeconfig"
	chmod 600 "$SIM_DIR/$1/etc/hostshim.d/kubeconfig"
}

# sim_off NODE: all of it ends, as when the plug is pulled
sim_off() {
	kill -KILL "${SIM_PID[$1]}"
	wait "${SIM_PID[$1]}" 2>/dev/null || true
	ip link delete "port${SIM_INDEX[$1]}" 2>/dev/null || true
}

# sim_reboot NODE: /run is new, unless it is kept ("run")
sim_reboot() {
	sim_off "$1"
	[ "${2-}" = run ] || find "$SIM_DIR/$1/run" -mindepth 1 -delete
	sim_boot "$1"
}

# sim NODE COMMAND...: there
sim() {
	local node=$1
	shift
	nsenter --target "${SIM_PID[$node]}" --net --mount \
		env NODENAME="$node" "$@"
}

# sim_exec NODE COMMAND...: the same, as the process that runs this
sim_exec() {
	local node=$1
	shift
	exec nsenter --target "${SIM_PID[$node]}" --net --mount \
		env NODENAME="$node" "$@"
}

# --- disks --------------------------------------------------------------------

# sim_small NODE PATH [NAME]: PATH is on a file system of a few pages from now on,
# with what was in NAME of the node's folders, or with nothing, and full
sim_small() {
	# shellcheck disable=SC2016
	sim "$1" sh -euc 'mount -t tmpfs -o size=128k tmpfs "$1"
		[ -z "$3" ] || cp -a --sparse=always "$2/$3/." "$1"
		! cat /dev/zero >"$1/fill"' - "$2" "$SIM_DIR/$1" "${3-}" \
		2>>"$SIM_DIR/$1/fill.log"
}

# sim_room NODE PATH: is made by an administrator
sim_room() {
	sim "$1" rm "$2/fill"
}

# sim_large NODE PATH NAME: the disk is as it was, with what is there by now
sim_large() {
	sim "$1" cp -a --sparse=always "$2/." "$SIM_DIR/$1/$3"
	sim "$1" umount "$2"
}

# --- pods ---------------------------------------------------------------------

# sim_config NETWORK RANGE [FILTER]: the configuration, then changed
sim_config() {
	jq -n --arg name "$1" --arg range "$2" '{
		cniVersion: "1.1.0", name: $name, type: "hostshim",
		master: "eth0", hostShim: {mode: "never"},
		ipam: {type: "hostshim", store: "kubernetes", range: $range}
	}'" | ${3:-.}"
}

# sim_sandbox NODE ID...: namespaces, named as the containers
sim_sandbox() {
	local node=$1 id
	shift
	for id; do
		sim "$node" ip netns add "$id"
	done
}

# sim_sandbox_del NODE ID...: interfaces first. The kernel takes a namespace down
# behind the command's back, and until then they answer for their addresses.
sim_sandbox_del() {
	local node=$1 id link
	shift
	for id; do
		for link in $(sim "$node" ip -n "$id" -json link show \
			type macvlan | jq -r '.[].ifname // empty'); do
			sim "$node" ip -n "$id" link del "$link"
		done
		sim "$node" ip netns del "$id"
	done
}

# cni NODE VERB ID CONFIG [POD]: the plugin's answer. CONFIG is a file of
# KUBE_DIR; CNI_IFNAME and POD_UID may be set, and SIM (sim_exec).
cni() {
	local node=$1 verb=$2 id=$3 config=$4 pod=${5-} args=
	[ -z "$pod" ] ||
		args="IgnoreUnknown=1;K8S_POD_NAMESPACE=${pod%/*};K8S_POD_NAME=${pod#*/};K8S_POD_UID=${POD_UID-}"
	"${SIM:-sim}" "$node" env CNI_COMMAND="$verb" CNI_CONTAINERID="$id" \
		CNI_NETNS="/run/netns/$id" CNI_IFNAME="${CNI_IFNAME:-net1}" \
		CNI_PATH="$CNI_PATH" CNI_ARGS="$args" "$SIM_PROGRAM" \
		<"$KUBE_DIR/$config" 2>>"$SIM_DIR/$node/stderr"
}

# cni_add NODE ID CONFIG [POD]: the sandbox and its address
cni_add() {
	sim_sandbox "$1" "$2"
	cni "$1" ADD "${@:2}" >"$SIM_DIR/$1/$2.result" || {
		cat "$SIM_DIR/$1/$2.result" >&2
		return 1
	}
	jq -r '.ips[0].address | split("/")[0]' "$SIM_DIR/$1/$2.result"
}

cni_del() {
	cni "$1" DEL "${@:2}"
}

# shimctl NODE CONFIG ARGUMENT...
shimctl() {
	local node=$1 config=$2
	shift 2
	sim "$node" "$SIM_SHIMCTL" -c "$KUBE_DIR/$config" "$@"
}

# later SECONDS COMMAND...: where CLOCK_BOOTTIME and CLOCK_MONOTONIC are so much
# further; the command may be a function
later() {
	local seconds=$1
	shift
	# A namespace of time is entered by who is born in it.
	unshare --time --monotonic "$seconds" --boottime "$seconds" --fork \
		bash -c "set -euo pipefail
			$(declare -p SIM_PID SIM_INDEX | sed 's/^declare /declare -g /')
			$(declare -f)
			$(declare -p | grep -E '^declare -[-x]+ (SIM|KUBE|FAULT|API|CNI)_')
			sim_nudges=\$RANDOM
			$(printf '%q ' "$@")"
}

# cni_code OUTPUT: the error's code, 0 if it is none
cni_code() {
	jq -r '.code // 0' <<<"$1"
}

# --- death ---------------------------------------------------------------------

# kill_plugin ID: the process that works for this container
kill_plugin() {
	local proc program found=
	program=$(realpath "$SIM_PROGRAM")
	for proc in /proc/[0-9]*; do
		if [ "$(readlink "$proc/exe")" = "$program" ] &&
			tr '\0' '\n' <"$proc/environ" |
			grep -qx "CNI_CONTAINERID=$1"; then
			kill -KILL "${proc#/proc/}"
			found=1
		fi
	done
	[ -n "$found" ]
} 2>/dev/null

# --- what is there ------------------------------------------------------------

# reserved [NETWORK]: "address node container" of each object, by the server
reserved() {
	kubectl get reservations -o json | jq -r --arg network "${1-}" '
		.items[].spec
		| select($network == "" or .network == $network)
		| "\(.address) \(.node) \(.containerID)"
	' | sort -V
}

# etcd_reserved: names of the objects, as etcd has them
etcd_reserved() {
	local prefix=/registry/hostshim.dev/reservations/
	etcd_kv range "$(jq -n --arg from "$prefix" --arg to "${prefix%/}0" '{
		key: ($from | @base64), range_end: ($to | @base64),
		keys_only: true, limit: "100000"
	}')" | jq -r '.kvs // [] | .[].key | @base64d' |
		sed "s,^$prefix,," | sort -V
}

# object_older NAME SECONDS: by its creation, as etcd has it
object_older() {
	local key=/registry/hostshim.dev/reservations/$1
	etcd_kv range "$(jq -n --arg key "$key" '{key: ($key | @base64)}')" |
		jq --arg key "$key" --argjson seconds "$2" '{
			key: ($key | @base64),
			value: (.kvs[0].value | @base64d | fromjson
				| .metadata.creationTimestamp |= (fromdate
					- $seconds | todate)
				| tojson + "\n" | @base64)
		}' >"$KUBE_DIR/older.json"
	etcd_kv put "@$KUBE_DIR/older.json" >>"$KUBE_DIR/apply.log"
}

# etcd_kv VERB DOCUMENT: of its key-value store
etcd_kv() {
	curl --silent --show-error --fail --max-time 30 --data "$2" \
		"http://127.0.0.1:2379/v3/kv/$1"
}

# --- what is claimed ----------------------------------------------------------

# holds NETWORK [LINE...]: these reservations and no others
holds() {
	local network=$1
	shift
	equal "$(printf '%s\n' "$@" | sed '/^$/d' | sort -V)" \
		"$(reserved "$network")"
}

# refused CODE TEXT NODE VERB ID CONFIG [POD]: the call's error, and TEXT in it
refused() {
	local code=$1 text=$2 output
	shift 2
	if output=$(cni "$@"); then
		echo "$2 succeeds: $output"
		return 1
	fi
	equal "$code" "$(cni_code "$output")" && grep -qF -- "$text" <<<"$output" &&
		return
	echo "wanted \"$text\" in: $output"
	return 1
}

# in_time VERB SECONDS [OUTPUT]: by its own deadline, 20 s of an ADD and 4 of a DEL,
# and what a busy machine may add
in_time() {
	local most=30
	[ "$1" = ADD ] || most=8
	[ "$2" -le "$most" ] && return
	echo "it took $2 s${3:+: $3}"
	return 1
}

# at_most LEFT RIGHT: numbers with a fraction
at_most() {
	awk -v a="$1" -v b="$2" 'BEGIN { exit !(a <= b) }' && return
	echo "$1 is more than $2"
	return 1
}

# budget TEXT LEFT RIGHT: at most so much, a claim where times are what is asked
# for (scripts/bench). A test runs on machines that have other work, and tells.
budget() {
	if [ -n "${BENCH:-}" ]; then
		claim "$1" at_most "$2" "$3"
	else
		echo "# $1: $2, of $3"
	fi
}

# What is owed is looked at by later calls, a few each time
sim_nudges=0
nudge() {
	local id=nudge-$BASHPID-$((++sim_nudges))
	cni_add "$1" "$id" "$2" && cni_del "$1" "$id" "$2"
	sim "$1" ip netns del "$id"
} >>"$KUBE_DIR/nudge.log" 2>&1

# settles NODE CONFIG [LINE...]: what CONFIG's network holds in the end. What is
# not settled is asked for less and less often.
settles() {
	local end=$((SECONDS + 60)) output
	until nudge "$1" "$2"; output=$(holds "$2" "${@:3}"); do
		if [ "$SECONDS" -ge "$end" ]; then
			echo "$output"
			return 1
		fi
		sleep 0.5
	done
}

# --- crowds -------------------------------------------------------------------

# sim_nodes: all of them, as kube-load and kube-storm take them
sim_nodes() {
	local node
	for node in $(printf '%s\n' "${!SIM_PID[@]}" | sort -V); do
		echo "$node=${SIM_PID[$node]}"
	done
}

# load CONFIG VERB COUNT PARALLEL PREFIX [SECONDS]: on all nodes; what
# kube-load prints, in $KUBE_DIR/PREFIX.VERB. PROGRAM may be another plugin.
load() {
	local nodes
	mapfile -t nodes < <(sim_nodes)
	"${HOSTSHIM_BUILD:-$KUBE_ROOT/build/dev}/test/kube/kube-load" \
		"${PROGRAM:-$SIM_PROGRAM}" "$KUBE_DIR/$1" "$2" "$3" "$4" \
		"${6:-120}" "$5" "${nodes[@]}" >"$KUBE_DIR/$5.$2" \
		2>"$KUBE_DIR/$5.$2.log"
}

# load_succeeded LOAD COUNT: so many, and all
load_succeeded() {
	equal "$2 0" "$(awk '$5 == 0 { n++ } END { print n + 0, NR - n }' \
		"$KUBE_DIR/$1")" && return
	sort "$KUBE_DIR/$1.log" | head -n 5
	return 1
}

# load_addresses LOAD
load_addresses() {
	awk '$5 == 0 { print $7 }' "$KUBE_DIR/$1" | sort -V
}

# load_wall LOAD: seconds from the first begin to the last end
load_wall() {
	awk 'NR == 1 || $3 < from { from = $3 } $4 > to { to = $4 }
		END { printf "%.2f\n", (to - from) / 1000 }' "$KUBE_DIR/$1"
}

# load_span LOAD FROM TO: seconds in which these ended
load_span() {
	awk -v from="$2" -v to="$3" '
		NR == 1 || $3 < begin { begin = $3 }
		NR == from - 1 { a = $4 }
		NR == to { b = $4 }
		END { printf "%.2f\n", (b - (from == 1 ? begin : a)) / 1000 }
	' "$KUBE_DIR/$1"
}

# load_p LOAD PERCENT [FROM TO]: ms of one call, of those that ended so
load_p() {
	sed -n "${3:-1},${4:-\$}p" "$KUBE_DIR/$1" |
		awk '$5 == 0 { printf "%.3f\n", $4 - $3 }' | sort -n |
		awk -v percent="$2" '{ t[NR] = $1 } END {
			printf "%.1f\n", t[int((NR - 1) * percent / 100) + 1] }'
}

# cpu_ms PID...: that these have used
cpu_ms() {
	local pid sum=0
	for pid; do
		sum=$((sum + $(awk '{ print ($14 + $15) * 10 }' "/proc/$pid/stat")))
	done
	echo "$sum"
}

# cpu_children_ms: that what this shell has waited for has used
cpu_children_ms() {
	awk '{ print ($16 + $17) * 10 }' "/proc/$$/stat"
}

# fill NODE NETWORK: reservations by an administrator, for addresses on stdin
fill() {
	local wanted made
	jq -Rrn --arg node "$1" --arg network "$2" \
		--arg tls "$KUBE_DIR/admin" --arg ca "$KUBE_CA" \
		--arg url "$KUBE_SERVER$API_PATH" \
		--argjson like "$(reservation 192.0.2.1 "$1")" '
		inputs as $address | $like
		| .metadata.name = $address | .spec.address = $address
		| .spec.network = $network | .spec.containerID = "fill-" + $address
		| ($address | split(".") | map(tonumber)) as $byte
		| .metadata.labels["hostshim.dev/pool"] = ""
		| .metadata.labels["hostshim.dev/block"] = ($byte[0:3]
			+ [$byte[3] - $byte[3] % 64] | map(tostring) | join("."))
		| "next", "url = \"\($url)\"", "data = \(tojson | tojson)",
		"header = \"Content-Type: application/json\"",
		"cert = \"\($tls).crt\"", "key = \"\($tls).key\"",
		"cacert = \"\($ca)\"", "output = /dev/null",
		"write-out = \"%{http_code}\\n\""
	' | sed 1d >"$KUBE_DIR/fill.curl"
	wanted=$(grep -c ^url "$KUBE_DIR/fill.curl")
	made=$(curl --no-progress-meter --parallel --parallel-max 10 \
		--config "$KUBE_DIR/fill.curl" | grep -c '^201$') || true
	[ "$wanted" = "$made" ] ||
		kube_die "$made of $wanted reservations were made"
}
