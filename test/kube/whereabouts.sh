# shellcheck shell=bash
# whereabouts.sh - the real Whereabouts, called as a plugin, and what it keeps
#
# After lib.sh and kube_enter; its pods are all in one network namespace, which
# it never enters.

# What we would write, on the command line
export OURS=${HOSTSHIM_BUILD:-$KUBE_ROOT/build/dev}/test/kube/kube-whereabouts

WHEREABOUTS_GROUP=whereabouts.cni.cncf.io

# whereabouts_start: its definitions, and the flat file without which it does not
# start
whereabouts_start() {
	kube_apply "$KUBE_ROOT/test/kube/manifests/whereabouts.yaml"
	mkdir -p /etc/cni/net.d/whereabouts.d
	cat >/etc/cni/net.d/whereabouts.d/whereabouts.conf <<-EOF
		{ "kubernetes": { "kubeconfig": "$KUBECONFIG" },
		  "log_level": "error" }
	EOF
	ip netns add pod
}

# whereabouts_ipam NETWORK RANGE START: a section; what is "" is not given
whereabouts_ipam() {
	jq -nc --arg network "$1" --arg range "$2" --arg start "$3" '
		{type: "whereabouts", range: $range}
		+ if $network == "" then {} else {network_name: $network} end
		+ if $start == "" then {} else {range_start: $start} end'
}

# whereabouts VERB CONTAINER POD IPAM: for net1 of a pod of namespace "storage"
whereabouts() {
	CNI_COMMAND=$1 CNI_CONTAINERID=$2 CNI_NETNS=/run/netns/pod \
		CNI_IFNAME=net1 CNI_PATH=$CNI_PATH \
		CNI_ARGS="IgnoreUnknown=1;K8S_POD_NAMESPACE=storage;K8S_POD_NAME=$3" \
		"$(type -P whereabouts)" <<-EOF
			{ "cniVersion": "1.0.0", "name": "storage", "ipam": $4 }
		EOF
}

# whereabouts_objects: all pools and overlap records, as a List
whereabouts_objects() {
	kubectl get --namespace kube-system -o json \
		"ippools.$WHEREABOUTS_GROUP,overlappingrangeipreservations.$WHEREABOUTS_GROUP"
}
