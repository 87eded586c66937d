# shellcheck shell=bash
# lib.sh - nodes that run Whereabouts and nodes that run hostshim, on one server
#
# Source it after test/kube/lib.sh and kube_enter. All nodes read the same flat
# file and are given the same configuration: what differs is the program that is
# called, macvlan with the real Whereabouts behind it or hostshim.
#
#	fleet_start 4
#	network a 10.60.0.0/24
#	theirs k8s-1 add c1 a storage/p1	# prints its addresses
#	ours k8s-2 del c1 a storage/p1
#
# What the server keeps is read by kubectl and jq, never by what is tested.

. "$KUBE_ROOT/test/kube/api.sh"
. "$KUBE_ROOT/test/kube/sim.sh"
. "$KUBE_ROOT/test/kube/fault.sh"
. "$KUBE_ROOT/test/kube/whereabouts.sh"
. "$KUBE_ROOT/test/support/tap.sh"

FLEET_OURS=$SIM_PROGRAM
FLEET_THEIRS=$(type -P macvlan)

# --- nodes --------------------------------------------------------------------

# fleet_start COUNT [APISERVER ARGUMENT...]: server, definitions, nodes
fleet_start() {
	local count=$1 node
	shift
	KUBE_ADDRESS=$SIM_ADDRESS
	sim_wire
	kube_start --v=0 "$@"
	api_install
	kube_apply "$KUBE_ROOT/test/kube/manifests/whereabouts.yaml"
	fleet_account
	sim_start "$count"
	for node in "${!SIM_PID[@]}"; do
		fleet_flat "$node"
	done
}

# Whereabouts' own account, whose token passes a proxy
fleet_account() {
	kubectl create serviceaccount -n kube-system whereabouts \
		>>"$KUBE_DIR/apply.log"
	fleet_rights
	FLEET_TOKEN=$(kubectl create token -n kube-system --duration 2h whereabouts)
}

fleet_rights() {
	kube_apply - <<-EOF
		apiVersion: rbac.authorization.k8s.io/v1
		kind: ClusterRoleBinding
		metadata: {name: whereabouts-account}
		roleRef:
		  apiGroup: rbac.authorization.k8s.io
		  kind: ClusterRole
		  name: whereabouts
		subjects:
		- {kind: ServiceAccount, name: whereabouts, namespace: kube-system}
	EOF
}

# fleet_flat NODE [SERVER] [TOKEN]: as its installer leaves it on a node
fleet_flat() {
	local dir=$SIM_DIR/$1/etc/whereabouts.d
	mkdir -p "$dir"
	KUBE_SERVER=${2:-$KUBE_SERVER} kube_kubeconfig whereabouts \
		"token: ${3:-$FLEET_TOKEN}" >"$dir/whereabouts.kubeconfig.new"
	chmod 600 "$dir/whereabouts.kubeconfig.new"
	mv "$dir/whereabouts.kubeconfig.new" "$dir/whereabouts.kubeconfig"
	cat >"$dir/whereabouts.conf" <<-EOF
		{
		  "datastore": "kubernetes",
		  "kubernetes": {
		    "kubeconfig": "/etc/cni/net.d/whereabouts.d/whereabouts.kubeconfig"
		  },
		  "reconciler_cron_expression": "30 4 * * *",
		  "log_level": "error",
		  "configuration_path": "/etc/cni/net.d/whereabouts.d"
		}
	EOF
}

# --- calls --------------------------------------------------------------------

# network NAME RANGE [FILTER]: for both programs, as a document of KUBE_DIR
network() {
	jq -n --arg name "$1" --arg range "$2" '{
		cniVersion: "1.0.0", name: $name, type: "macvlan",
		master: "eth0", mode: "bridge",
		ipam: {type: "whereabouts", range: $range}
	}'" | ${3:-.}" >"$KUBE_DIR/$1.theirs"
	jq '.type = "hostshim" | .hostShim = {mode: "never"}' \
		"$KUBE_DIR/$1.theirs" >"$KUBE_DIR/$1.ours"
}

# ours NODE add|del|VERB ID NETWORK [POD]: add makes the sandbox and prints the
# addresses; VERB is a call as it is, and prints the answer
ours() {
	SIM_PROGRAM=$FLEET_OURS fleet_call ours "$@"
}

theirs() {
	SIM_PROGRAM=$FLEET_THEIRS fleet_call theirs "$@"
}

fleet_call() {
	local who=$1 node=$2 verb=$3 id=$4 network=$5
	shift 5
	case $verb in
	add) fleet_add "$node" "$id" "$network.$who" "$@" ;;
	del) cni "$node" DEL "$id" "$network.$who" "$@" ;;
	*) cni "$node" "$verb" "$id" "$network.$who" "$@" ;;
	esac
}

fleet_add() {
	local node=$1 id=$2 answer=$SIM_DIR/$1/$2.result
	sim "$node" test -e "/run/netns/$id" || sim_sandbox "$node" "$id"
	cni "$node" ADD "${@:2}" >"$answer" || {
		cat "$answer" >&2
		return 1
	}
	jq -r '[.ips[].address] | join(" ")' "$answer"
}

# refuses CODE TEXT ours|theirs NODE VERB ID NETWORK [POD]: an error, with TEXT
refuses() {
	local code=$1 text=$2 output
	shift 2
	if output=$("$@"); then
		echo "$1 $3 succeeds: $output"
		return 1
	fi
	equal "$code" "$(cni_code "$output")" && grep -qF -- "$text" <<<"$output" &&
		return
	echo "wanted \"$text\" in: $output"
	return 1
}

# --- what is there ------------------------------------------------------------
# What cannot be read is told, so that nobody takes it for nothing.

cannot_read() {
	echo "$1 cannot be read"
	return 1
}

# lacks PATTERN READER...: it is read, and no line of it matches
lacks() {
	local lines
	lines=$("${@:2}") || {
		echo "$lines"
		return 1
	}
	not grep -E -- "$1" <<<"$lines"
}

# pool NAME: the object
pool() {
	kubectl get -n kube-system "ippools.$WHEREABOUTS_GROUP" "$1" -o json
}

# patch_pool POOL json|merge PATCH
patch_pool() {
	kubectl patch -n kube-system "ippools.$WHEREABOUTS_GROUP" "$1" \
		--type "$2" --patch "$3" >>"$KUBE_DIR/apply.log"
}

# key_of ADDRESS[/24]: its key in the pool
key_of() {
	local key=${1##*.}
	echo "${key%/24}"
}

# kept POOL: "KEY ID PODREF IFNAME", a line for each allocation
kept() {
	pool "$1" | jq -r '.spec.allocations // {} | to_entries[]
		| "\(.key) \(.value.id) \(.value.podref) \(.value.ifname // "-")"' |
		sort -n || cannot_read "pool $1"
}

# keeps POOL [LINE...]: these allocations and no others
keeps() {
	equal "$(printf '%s\n' "${@:2}" | sed '/^$/d' | sort -n)" "$(kept "$1")"
}

# overlaps: "NAME PODREF IFNAME" of each overlap record
overlaps() {
	kubectl get -n kube-system \
		"overlappingrangeipreservations.$WHEREABOUTS_GROUP" -o json |
		jq -r '.items[]
		| "\(.metadata.name) \(.spec.podref) \(.spec.ifname // "-")"' |
		sort -V || cannot_read "what overlap records there are"
}

# overlapping [LINE...]: these overlap records and no others
overlapping() {
	equal "$(printf '%s\n' "$@" | sed '/^$/d' | sort -V)" "$(overlaps)"
}

# --- Whereabouts' reconciler ----------------------------------------------------

# As its Deployment gives it to the pod
reconciler_prepare() {
	local dir=/run/secrets/kubernetes.io/serviceaccount
	mkdir -p "$dir"
	cp "$KUBE_CA" "$dir/ca.crt"
	printf %s "$FLEET_TOKEN" >"$dir/token"
	: >"$KUBE_DIR/reconciler.log"
}

# One run of the real one
reconcile() {
	KUBERNETES_SERVICE_HOST=$KUBE_ADDRESS KUBERNETES_SERVICE_PORT=6443 \
		"$(type -P reconcile)" >>"$KUBE_DIR/reconciler.log" 2>&1
}

# reconciler_start SECONDS: a run, so long nothing, and so on; "ok" or "failed"
# for each in $KUBE_DIR/reconciled. Never two at a time: it deletes overlap
# records by their names, which may be others' by then.
reconciler_start() {
	: >"$KUBE_DIR/reconciled"
	rm -f "$KUBE_DIR/reconciler.stop"
	while [ ! -e "$KUBE_DIR/reconciler.stop" ]; do
		reconcile && echo ok || echo failed
		sleep "$1"
	done >>"$KUBE_DIR/reconciled" &
	RECONCILER_PID=$!
}

reconciler_stop() {
	: >"$KUBE_DIR/reconciler.stop"
	wait "$RECONCILER_PID"
}

# It gives up when a pool changes under it
reconcile_all() {
	local try
	for try in 1 2 3 4 5; do
		! reconcile || return 0
	done
	tail -n 20 "$KUBE_DIR/reconciler.log"
	echo "$try runs of the reconciler have failed"
	return 1
}
