# shellcheck shell=bash
# node.sh - a node without a kubelet: Multus, and pods that are namespaces
#
# Source it after lib.sh. The test's own network namespace is the node's; wire
# is the network that its NICs eth0 and eth1 are plugged into. A pod is named
# NAMESPACE/NAME; its object is real, and so is all that CNI does for it.

NODE_LOG=$KUBE_DIR/multus.log
export NODENAME=k8s-1

# --- node ---------------------------------------------------------------------

node_start() {
	node_wire
	node_multus "$(kube_user multus)"
}

# Two NICs, the far end with the gateways of the networks that pods are given
node_wire() {
	ip netns add wire
	ip link add eth0 type veth peer name eth0 netns wire
	ip link add eth1 mtu 9000 type veth peer name eth1 mtu 9000 netns wire
	ip -n wire address add 192.168.1.1/24 dev eth0
	ip -n wire address add 10.1.1.1/24 dev eth0
	ip -n wire address add 10.10.0.254/16 dev eth1
	ip -n wire address add 10.100.101.1/24 dev eth1
	ip -n wire link set eth0 up
	ip -n wire link set eth1 up
	ip address add 192.168.1.2/24 dev eth0
	ip address add 10.100.101.2/24 dev eth1
	ip address add 10.100.100.1/32 dev lo
	ip link set eth0 up
	ip link set eth1 up
	ip route add default via 192.168.1.1
	ip route add 10.100.100.0/24 via 10.100.101.1
}

# node_multus KUBECONFIG: thin Multus in front of a bridge as cluster network.
# Plugins are those of CNI_PATH, never what the machine has in /opt/cni/bin.
node_multus() {
	export NETCONFPATH=/etc/cni/net.d
	mkdir -p "$NETCONFPATH" /etc/cni/multus/net.d
	cat >"$NETCONFPATH/00-multus.conf" <<-EOF
		{
		  "cniVersion": "1.0.0",
		  "name": "multus-cni-network",
		  "type": "multus",
		  "kubeconfig": "$1",
		  "binDir": "${CNI_PATH%%:*}",
		  "logFile": "$NODE_LOG",
		  "logLevel": "verbose",
		  "delegates": [{
		    "cniVersion": "1.0.0",
		    "name": "cluster",
		    "type": "bridge",
		    "bridge": "cni0",
		    "isDefaultGateway": true,
		    "ipam": { "type": "host-local", "subnet": "10.244.0.0/24" }
		  }]
		}
	EOF
	: >"$NODE_LOG"
}

# Links that are not the cluster network's bridge, by name
node_links() {
	ip -json link show | jq -r '.[].ifname' | grep -vx cni0 | sort | xargs
}

# Addresses and routes, as text to compare
node_addresses() {
	ip -brief address show dev "$1"
	ip route show dev "$1"
}

# What anybody's state of attachments still says, a file a line
node_leftovers() {
	find /var/lib/cni/multus /var/lib/cni/results -type f
	find /var/lib/cni/networks -type f -name '*[.:]*' ! -name 'last_*'
}

# --- pods ---------------------------------------------------------------------

# A pod's name as one word, for its network namespace
pod_netns() {
	echo "${1//\//.}"
}

# pod_create POD NETWORKS: the object
pod_create() {
	jq -n --arg namespace "${1%/*}" --arg name "${1#*/}" --arg networks "$2" '{
		apiVersion: "v1", kind: "Pod",
		metadata: {
			namespace: $namespace, name: $name,
			annotations: {"k8s.v1.cni.cncf.io/networks": $networks}
		},
		spec: {
			nodeName: "k8s-1",
			containers: [{name: "main", image: "none"}]
		}
	}' | kubectl create -f - >>"$KUBE_DIR/apply.log"
}

# As a runtime tells it to plugins
pod_args() {
	echo "IgnoreUnknown=1;K8S_POD_NAMESPACE=${1%/*};K8S_POD_NAME=${1#*/};K8S_POD_UID=$2"
}

# pod_cni VERB POD: by the container runtime's library
pod_cni() {
	local verb=$1 pod=$2 netns
	netns=$(pod_netns "$pod")
	CNI_ARGS=$(pod_args "$pod" "$(cat "/run/kube/$netns.uid")") \
		cnitool "$verb" multus-cni-network "/run/netns/$netns"
}

# pod_add POD NETWORKS: the object, its sandbox and the networks
pod_add() {
	local netns
	netns=$(pod_netns "$1")
	pod_create "$1" "$2"
	kubectl get pod -n "${1%/*}" "${1#*/}" -o jsonpath='{.metadata.uid}' \
		>"/run/kube/$netns.uid"
	ip netns add "$netns"
	pod_cni add "$1"
}

pod_del() {
	pod_cni del "$1"
}

# The object, at once: there is no kubelet that would confirm
pod_forget() {
	kubectl delete pod -n "${1%/*}" "${1#*/}" --force --grace-period=0 \
		>>"$KUBE_DIR/apply.log" 2>&1
}

# pod_ip POD ARGUMENT...: ip in the pod
pod_ip() {
	local netns
	netns=$(pod_netns "$1")
	shift
	ip -n "$netns" "$@"
}

pod_links() {
	pod_ip "$1" -json link show | jq -r '.[].ifname' | sort | xargs
}

# pod_link POD INTERFACE FILTER: of its link and addresses
pod_link() {
	pod_ip "$1" -json address show dev "$2" | jq -r ".[0] | $3"
}

# pod_ping POD INTERFACE ADDRESS
pod_ping() {
	ip netns exec "$(pod_netns "$1")" ping -n -c 1 -W 5 -I "$2" "$3"
}

# The annotation by which others learn the pod's networks
pod_status() {
	kubectl get pod -n "${1%/*}" "${1#*/}" -o json |
		jq '.metadata.annotations["k8s.v1.cni.cncf.io/network-status"]
			| fromjson'
}

# pod_network POD NETWORK FILTER: one entry of it
pod_network() {
	pod_status "$1" |
		jq -r --arg name "$2" ".[] | select(.name == \$name) | $3"
}

# Events of the pod, oldest first
pod_events() {
	kubectl get events -n "${1%/*}" -o json \
		--field-selector "involvedObject.name=${1#*/}" |
		jq -r '.items | sort_by(.metadata.creationTimestamp)[]
			| "\(.type) \(.reason): \(.message)"'
}

# pod_has_event POD TEXT
pod_has_event() {
	local events
	events=$(pod_events "$1")
	grep -qF -- "$2" <<<"$events" && return
	echo "no \"$2\" among:"
	echo "$events"
	return 1
}
