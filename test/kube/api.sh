# shellcheck shell=bash
# api.sh - requests as somebody, and Reservations as documents
#
# Source it after lib.sh. A caller is a file with curl's options (api_as_...),
# so that each request is one short process and its status is seen as it is.

API_PATH=/apis/hostshim.dev/v1alpha1/reservations
API_ACCOUNT=hostshim-node # in kube-system, conf/kubernetes/rbac.yaml

# What a cluster is given, in the order of README, "In a cluster"
api_install() {
	kube_apply "$KUBE_ROOT"/conf/kubernetes/{crd,policy,rbac}.yaml
	api_as_certificate admin >"$KUBE_DIR/admin.curl"
}

# --- callers ------------------------------------------------------------------

api_as_certificate() {
	printf 'cert = "%s"\nkey = "%s"\n' "$KUBE_DIR/$1.crt" "$KUBE_DIR/$1.key"
}

api_as_token() {
	printf 'header = "Authorization: Bearer %s"\n' "$1"
}

# api_node NODE: a Node object and a token bound to it; NODE.curl
api_node() {
	jq -n --arg name "$1" '{
		apiVersion: "v1", kind: "Node", metadata: {name: $name}
	}' | kubectl create -f - >>"$KUBE_DIR/apply.log"
	api_as_token "$(kubectl create token -n kube-system "$API_ACCOUNT" \
		--bound-object-kind Node --bound-object-name "$1")" \
		>"$KUBE_DIR/$1.curl"
}

# api_pod NODE NAME: a token bound to a Pod of the account there; NAME.curl
api_pod() {
	jq -n --arg node "$1" --arg name "$2" --arg account "$API_ACCOUNT" '{
		apiVersion: "v1", kind: "Pod",
		metadata: {namespace: "kube-system", name: $name},
		spec: {
			nodeName: $node, serviceAccountName: $account,
			containers: [{name: "main", image: "none"}]
		}
	}' | kubectl create -f - >>"$KUBE_DIR/apply.log"
	api_as_token "$(kubectl create token -n kube-system "$API_ACCOUNT" \
		--bound-object-kind Pod --bound-object-name "$2")" \
		>"$KUBE_DIR/$2.curl"
}

# --- requests -----------------------------------------------------------------

# api CALLER METHOD PATH [CURL ARGUMENT...]: the status; $KUBE_DIR/answer is what
# (API_ANSWER) is what came with it
api() {
	local caller=$1 method=$2 path=$3 type=application/json
	shift 3
	[ "$method" != PATCH ] || type=application/merge-patch+json
	curl --silent --show-error --max-time 30 --cacert "$KUBE_CA" \
		--config "$KUBE_DIR/$caller.curl" --request "$method" \
		--header "Content-Type: $type" \
		--output "${API_ANSWER:-$KUBE_DIR/answer}" --write-out '%{http_code}' \
		"$@" "$KUBE_SERVER$path"
}

# api_is STATUS TEXT CALLER METHOD PATH [CURL ARGUMENT...]: with TEXT in it
api_is() {
	local status=$1 text=$2
	shift 2
	equal "$status" "$(api "$@")" && grep -qF -- "$text" "$KUBE_DIR/answer" &&
		return
	echo "wanted \"$text\" in:"
	cat "$KUBE_DIR/answer"
	return 1
}

# --- documents ----------------------------------------------------------------

# reservation ADDRESS NODE [FILTER]: as the plugin makes it, then changed
reservation() {
	jq -n --arg address "$1" --arg node "$2" '{
		apiVersion: "hostshim.dev/v1alpha1", kind: "Reservation",
		metadata: {
			name: $address,
			labels: {"hostshim.dev/node": $node}
		},
		spec: {
			address: $address, kind: "pod", node: $node,
			bootID: "7f6a1f0e-8a52-4f63-9d3f-0c8b3e0f9b1d",
			attempt: "3b1cf5d2-58f5-4f77-9b70-1f0f5a4a7c55.1",
			podNamespace: "longhorn-system",
			podName: "instance-manager-1",
			podUID: "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
			ifname: "lhnet1", containerID: "c1", network: "storage"
		}
	}'" | ${3:-.}"
}

# create_is STATUS TEXT CALLER ADDRESS NODE [FILTER]
create_is() {
	local body
	body=$(reservation "${@:4}")
	api_is "$1" "$2" "$3" POST "$API_PATH" --data "$body"
}

# change_is STATUS TEXT CALLER NAME FILTER: a merge patch made from {}
change_is() {
	local body
	body=$(jq -n "{} | $5")
	api_is "$1" "$2" "$3" PATCH "$API_PATH/$4" --data "$body"
}

# delete_is STATUS TEXT CALLER NAME [UID]
delete_is() {
	local body='{}'
	[ -z "${5-}" ] || body=$(jq -n --arg uid "$5" \
		'{preconditions: {uid: $uid}}')
	api_is "$1" "$2" "$3" DELETE "$API_PATH/$4" --data "$body"
}

reservation_uid() {
	kubectl get reservation "$1" -o jsonpath='{.metadata.uid}'
}
