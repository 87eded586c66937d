# shellcheck shell=bash
# worlds.sh - a network whose addresses are moved from one store to the other
#
# Source it after lib.sh. A network has two ranges, one of each family; what
# both worlds have of them is read by kubectl and jq, and what pods bear by ip.

WORLDS_PREFIX=10.70.0
WORLDS_IPV6=fd00:70

# --- set up -------------------------------------------------------------------

# worlds_start NODES: nodes with both accounts, and an administrator by token
worlds_start() {
	fleet_start "$1"
	kube_apply "$KUBE_ROOT/conf/kubernetes/whereabouts.yaml"
	kube_apply - <<-EOF
		apiVersion: v1
		kind: ServiceAccount
		metadata: {name: person, namespace: kube-system}
		---
		apiVersion: rbac.authorization.k8s.io/v1
		kind: ClusterRoleBinding
		metadata: {name: person}
		roleRef:
		  apiGroup: rbac.authorization.k8s.io
		  kind: ClusterRole
		  name: cluster-admin
		subjects:
		- {kind: ServiceAccount, name: person, namespace: kube-system}
	EOF
	worlds_person "$KUBE_SERVER"
}

# worlds_person SERVER: the administrator's kubeconfig, through a proxy
worlds_person() {
	local token
	token=$(kubectl create token -n kube-system --duration 2h person)
	KUBE_SERVER=$1 kube_kubeconfig person "token: $token" \
		>"$KUBE_DIR/person.kubeconfig"
	chmod 600 "$KUBE_DIR/person.kubeconfig"
}

# worlds_network NAME: .theirs, .ours (the type alone is another), and .STORE of
# hostshim's own type
worlds_network() {
	local store
	network "$1" "" "del(.ipam.range) | .ipam.ipRanges = [
		{range: \"$WORLDS_PREFIX.0/24\", exclude: [\"$WORLDS_PREFIX.0/28\"]},
		{range: \"$WORLDS_IPV6::/112\"}]"
	for store in whereabouts both kubernetes; do
		jq --arg store "$store" '
			.cniVersion = "1.1.0"
			| .ipam.type = "hostshim" | .ipam.store = $store
			| .ipam.kubernetes.kubeconfig =
				"/etc/cni/net.d/hostshim.d/kubeconfig"
		' "$KUBE_DIR/$1.ours" >"$KUBE_DIR/$1.$store"
	done
}

# --- pods ---------------------------------------------------------------------

# pod_object POD NODE: that it is there is what the server says of it
pod_object() {
	jq -n --arg name "${1#*/}" --arg namespace "${1%/*}" --arg node "$2" '{
		apiVersion: "v1", kind: "Pod",
		metadata: {name: $name, namespace: $namespace},
		spec: {
			nodeName: $node, containers: [{name: "main", image: "none"}]
		}
	}' | kubectl create -f - >>"$KUBE_DIR/apply.log"
}

pod_gone() {
	local output
	output=$(kubectl delete pod -n "${1%/*}" "${1#*/}" --force \
		--grace-period=0 2>&1) && return
	echo "$output"
	return 1
}

# status CONFIG: STATUS on k8s-1
status() {
	cni k8s-1 STATUS none "storage.$1"
}

# --- shimctl ------------------------------------------------------------------

# adopt CONFIG ARGUMENT...: by the administrator, whose machine is k8s-1
adopt() {
	shimctl k8s-1 "$1" ipam --kubeconfig "$KUBE_DIR/person.kubeconfig" \
		adopt "${@:2}"
}

# says TEXT COMMAND...: with TEXT in what it writes, however it ends
says() {
	local text=$1 output
	shift
	output=$("$@" 2>&1) || true
	grep -qF -- "$text" <<<"$output" && return
	echo "wanted \"$text\" in: $output"
	return 1
}

# --- killed -------------------------------------------------------------------

# told FAULT: what the proxy says of a request that hang or hang-after holds
told() {
	[ "$1" = hang ] && echo "begin $1" || echo "passed $1"
}

# What asks for objects, as rules have it
of_objects='* /apis|/api/v1'

# killed_at NUMBER FAULT COMMAND...: when the server has (hang-after), or has not
# (hang), done the request of that number; whether there was one. COMMAND
# becomes the process that is killed, by exec.
killed_at() {
	local kind=$2 pid end=$((SECONDS + 20))
	fault_at "$of_objects" "$1" "$2"
	shift 2
	"$@" >"$KUBE_DIR/killed" 2>&1 &
	pid=$!
	until grep -q "^$(told "$kind") " "$FAULT_LOG"; do
		if ! kill -0 "$pid" 2>/dev/null || [ "$SECONDS" -ge "$end" ]; then
			fault
			wait "$pid" || true
			return 1
		fi
		sleep 0.01
	done
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null || true
	fault
}

# plugin_exec NODE VERB ID CONFIG POD: a call as one process
plugin_exec() {
	sim_exec "$1" CNI_COMMAND="$2" CNI_CONTAINERID="$3" \
		CNI_NETNS="/run/netns/$3" CNI_IFNAME=net1 CNI_PATH="$CNI_PATH" \
		CNI_ARGS="IgnoreUnknown=1;K8S_POD_NAMESPACE=${5%/*};K8S_POD_NAME=${5#*/}" \
		"$SIM_PROGRAM" <"$KUBE_DIR/$4"
}

# --- what both worlds have ----------------------------------------------------

# in_pools: "ADDRESS ID IFNAME" of each key, whoever made it
in_pools() {
	kubectl get -n kube-system "ippools.$WHEREABOUTS_GROUP" -o json | jq -r '
		def hex: if . < 16 then "0123456789abcdef"[.:. + 1]
			else (. / 16 | floor | hex) + (. % 16 | hex) end;
		.items[] | .spec.range as $range | .spec.allocations // {}
		| to_entries[] | (.key | tonumber) as $n | .value
		| (if $range | contains(":") then
			($range | split("/")[0]) + ($n | hex)
		else
			($range | split("/")[0] | split(".")[0:3] | join("."))
			+ ".\($n)"
		end) + " \(.id) \(.ifname // "-")"' | sort -V ||
		cannot_read "what the pools have"
}

# in_objects: the same of each Reservation
in_objects() {
	kubectl get reservations -o json | jq -r '.items[].spec
		| if .kind == "host" then "\(.address) hsh/\(.node) -"
		else "\(.address) \(.containerID) \(.ifname)" end' | sort -V ||
		cannot_read "what Reservations there are"
}

# pools_have [LINE...]: these keys and no others; objects_have likewise
pools_have() {
	equal "$(printf '%s\n' "$@" | sed '/^$/d' | sort -V)" "$(in_pools)"
}

objects_have() {
	equal "$(printf '%s\n' "$@" | sed '/^$/d' | sort -V)" "$(in_objects)"
}

worlds_equal() {
	equal "$(in_pools)" "$(in_objects)"
}

# has_nothing ID: neither world has anything of a container named so
has_nothing() {
	lacks " $1 " in_pools && lacks " $1 " in_objects
}

# on_links: "ADDRESS ID IFNAME" of what pods of all nodes bear, by the kernel
on_links() {
	local node
	for node in "${!SIM_PID[@]}"; do
		# shellcheck disable=SC2016
		sim "$node" sh -c 'for id in $(ls /run/netns); do
			ip -n "$id" -o address show dev net1 scope global \
				2>/dev/null | sed "s/^/$id /"
		done' | awk '{ sub("/.*", "", $5); print $5, $1, $3 }'
	done | sort -V
}
