# shellcheck shell=bash
# lib.sh - a real Kubernetes API for a test: etcd and kube-apiserver
#
#   . "$(dirname "$0")/lib.sh"
#   kube_enter "$@"		# build what is needed, enter the namespaces
#   kube_start			# 2 s later the API answers
#   kubectl apply -f ...
#   kubeconfig=$(kube_user alice)
#
# kube_enter starts the test again in a network, a mount and a process
# namespace of its own. The servers listen on that network's loopback, so no
# port clashes and nothing leaves; files live in a private /run, and CNI's
# folders are private too. So everything goes when the test's first process
# goes, whether it ends, is interrupted or is killed: there is nothing to clean.
#
# After kube_start:
#   KUBE_DIR		certificates, logs, etcd's data, the audit log
#   KUBECONFIG		of an administrator: plain kubectl works
#   KUBE_CA		the cluster's CA certificate; its key is $KUBE_DIR/ca.key
#   KUBE_SERVER		URL of the API server
#   KUBE_ETCD_PID, KUBE_APISERVER_PID	to be stopped and continued by tests
#
# KUBE_ADDRESS (127.0.0.1) is where the API server listens; a test that gives
# its nodes network namespaces of their own sets it before kube_start.

KUBE_ROOT=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
KUBE_DIR=/run/kube
KUBE_CA=$KUBE_DIR/ca.crt
KUBE_ADDRESS=${KUBE_ADDRESS:-127.0.0.1}
KUBE_DEADLINE=${KUBE_DEADLINE:-60}
KUBE_ETCD_PID=
KUBE_APISERVER_PID=

kube_die() {
	echo "kube: $*" >&2
	exit 1
}

# --- namespaces ---------------------------------------------------------------

# kube_enter ARGUMENT...: this script again, inside; returns only there
kube_enter() {
	if [ -n "${KUBE_INSIDE-}" ]; then
		kube_isolate
		return
	fi
	local tools map=()
	# Outside still, because the builder needs the network.
	tools=$(kube_tools) || kube_die "the servers could not be built"
	[ "$(id -u)" = 0 ] || map=(--user --map-root-user)
	KUBE_INSIDE=1 CNI_PATH=$tools PATH=$tools:$PATH:/usr/sbin:/sbin \
		setpriv --pdeathsig KILL unshare "${map[@]}" \
		--net --mount --propagation private \
		--pid --fork --kill-child --mount-proc -- "$0" "$@" &
	# The kernel takes the rest down with the first process.
	trap 'kill -KILL $!; exit 130' INT TERM HUP
	local status=0
	wait $! || status=$?
	exit "$status"
}

# Folders with all programs, as a search path
kube_tools() {
	local set path=
	for set in . cluster kubernetes faultproxy reconcile; do
		path+=:$("$KUBE_ROOT/scripts/tools" "$set") || return
	done
	echo "${path#:}"
}

# What the machine's own CNI and the programs under test keep by fixed names
kube_isolate() {
	mount -t tmpfs -o mode=755 tmpfs /run
	kube_private /var/lib/cni
	kube_private /etc/cni
	mkdir -p "$KUBE_DIR"
	ip link set lo up
}

# kube_private FOLDER: empty and ours alone; one that the machine does not have
# is not made there
kube_private() {
	local parent=${1%/*} layer=/run/layer$1
	if [ ! -d "$1" ]; then
		mkdir -p "$layer/upper" "$layer/work"
		mount -t overlay -o "lowerdir=$parent,upperdir=$layer/upper" \
			-o "workdir=$layer/work" overlay "$parent"
		mkdir "$1"
	fi
	mount -t tmpfs -o mode=755 tmpfs "$1"
}

# --- certificates and users ---------------------------------------------------

# kube_certificate NAME SUBJECT [OPENSSL ARGUMENT...]: NAME.crt, NAME.key
kube_certificate() {
	local name=$1 subject=$2
	shift 2
	# The machine's own configuration would add extensions.
	openssl req -config <(printf '[req]\ndistinguished_name=name\n[name]\n') \
		-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc \
		-days 2 -subj "$subject" -keyout "$KUBE_DIR/$name.key" \
		-out "$KUBE_DIR/$name.crt" "$@" 2>"$KUBE_DIR/openssl.log" ||
		kube_give_up openssl "no certificate for $name"
}

# kube_signed NAME SUBJECT [OPENSSL ARGUMENT...]: the same, by the cluster's CA
kube_signed() {
	kube_certificate "$@" -CA "$KUBE_CA" -CAkey "$KUBE_DIR/ca.key" \
		-addext basicConstraints=CA:false
}

kube_certificates() {
	kube_certificate ca /CN=test-ca -addext basicConstraints=critical,CA:true
	kube_signed server /CN=kube-apiserver -addext extendedKeyUsage=serverAuth \
		-addext "subjectAltName=IP:127.0.0.1,IP:$KUBE_ADDRESS,DNS:localhost${KUBE_NAMES:+,$KUBE_NAMES}"
	kube_certificate tokens /CN=service-accounts
}

# kube_user NAME [GROUP]: a client certificate; prints the kubeconfig's path
kube_user() {
	local name=$1 group=${2-}
	local file=$KUBE_DIR/$name.kubeconfig
	kube_signed "$name" "${group:+/O=$group}/CN=$name" \
		-addext extendedKeyUsage=clientAuth
	kube_kubeconfig "$name" \
		"client-certificate-data: $(base64 -w 0 "$KUBE_DIR/$name.crt")" \
		"client-key-data: $(base64 -w 0 "$KUBE_DIR/$name.key")" >"$file"
	chmod 600 "$file"
	echo "$file"
}

# kube_account NAMESPACE NAME: an existing service account, by a token of an
# hour; prints the kubeconfig's path
kube_account() {
	local file=$KUBE_DIR/$1.$2.kubeconfig token
	token=$(kubectl create token --namespace "$1" "$2")
	kube_kubeconfig "$2" "token: $token" >"$file"
	chmod 600 "$file"
	echo "$file"
}

# kube_kubeconfig USER CREDENTIAL...: the document
kube_kubeconfig() {
	local user=$1
	shift
	cat <<-EOF
		apiVersion: v1
		kind: Config
		clusters:
		- name: test
		  cluster:
		    server: $KUBE_SERVER
		    certificate-authority-data: $(base64 -w 0 "$KUBE_CA")
		users:
		- name: $user
		  user:
		$(printf '    %s\n' "$@")
		contexts:
		- name: test
		  context: {cluster: test, user: $user}
		current-context: test
	EOF
}

# --- servers ------------------------------------------------------------------

# kube_start [APISERVER ARGUMENT...]
kube_start() {
	KUBE_SERVER=https://$KUBE_ADDRESS:6443
	kube_certificates
	KUBECONFIG=$(kube_user admin system:masters)
	export KUBECONFIG KUBECACHEDIR=$KUBE_DIR/cache
	kube_etcd_start
	kube_apiserver_start "$@"
	kube_wait
}

kube_stop() {
	# The API server does not end without etcd's answers.
	[ -z "$KUBE_ETCD_PID" ] || kill -CONT "$KUBE_ETCD_PID" 2>/dev/null || true
	kube_apiserver_stop
	kube_etcd_stop
}

kube_etcd_start() {
	etcd --name test --data-dir "$KUBE_DIR/etcd" --log-level warn \
		--listen-client-urls http://127.0.0.1:2379 \
		--advertise-client-urls http://127.0.0.1:2379 \
		--listen-peer-urls http://127.0.0.1:2380 \
		--initial-advertise-peer-urls http://127.0.0.1:2380 \
		--initial-cluster test=http://127.0.0.1:2380 \
		>>"$KUBE_DIR/etcd.log" 2>&1 &
	KUBE_ETCD_PID=$!
}

kube_etcd_stop() {
	kube_end "$KUBE_ETCD_PID"
	KUBE_ETCD_PID=
}

kube_apiserver_start() {
	# Every request once, when it has been answered: kube_audit reads it.
	cat >"$KUBE_DIR/audit-policy" <<-EOF
		apiVersion: audit.k8s.io/v1
		kind: Policy
		omitStages: [RequestReceived]
		rules: [{level: Metadata}]
	EOF
	# Without controllers nobody makes the accounts that pods would need.
	kube-apiserver --etcd-servers=http://127.0.0.1:2379 \
		--bind-address="$KUBE_ADDRESS" --secure-port=6443 \
		--advertise-address="$KUBE_ADDRESS" --endpoint-reconciler-type=none \
		--tls-cert-file="$KUBE_DIR/server.crt" \
		--tls-private-key-file="$KUBE_DIR/server.key" \
		--client-ca-file="$KUBE_CA" \
		--service-account-key-file="$KUBE_DIR/tokens.crt" \
		--service-account-signing-key-file="$KUBE_DIR/tokens.key" \
		--service-account-issuer=https://kubernetes.default.svc \
		--service-cluster-ip-range=10.96.0.0/16 \
		--authorization-mode=RBAC \
		--disable-admission-plugins=ServiceAccount \
		--audit-policy-file="$KUBE_DIR/audit-policy" \
		--audit-log-path="$KUBE_DIR/audit.log" \
		"$@" >>"$KUBE_DIR/apiserver.log" 2>&1 &
	KUBE_APISERVER_PID=$!
}

kube_apiserver_stop() {
	kube_end "$KUBE_APISERVER_PID"
	KUBE_APISERVER_PID=
}

# kube_end PID: stopped ones too; gone when this returns
kube_end() {
	local end=$((SECONDS + KUBE_DEADLINE))
	[ -n "$1" ] || return 0
	kill -TERM "$1" 2>/dev/null || true
	kill -CONT "$1" 2>/dev/null || true
	while kill -0 "$1" 2>/dev/null; do
		[ "$SECONDS" -lt "$end" ] || kill -KILL "$1" 2>/dev/null || true
		sleep 0.1
	done
	wait "$1" || true
}

# Until the API answers and has made the default namespace
kube_wait() {
	local end=$((SECONDS + KUBE_DEADLINE))
	until kube_answers; do
		kube_alive "$KUBE_ETCD_PID" etcd
		kube_alive "$KUBE_APISERVER_PID" apiserver
		[ "$SECONDS" -lt "$end" ] ||
			kube_give_up apiserver "not ready after $KUBE_DEADLINE s"
		sleep 0.2
	done
}

kube_answers() {
	kubectl get --raw /readyz && kubectl get namespace default
} >"$KUBE_DIR/wait.log" 2>&1

# kube_pause PID: all of its threads have stopped when this returns
kube_pause() {
	kill -STOP "$1"
	while awk '/^State:/ && $2 != "T" { runs = 1 } END { exit !runs }' \
		"/proc/$1/task"/*/status; do
		sleep 0.01
	done
}

# kube_alive PID NAME
kube_alive() {
	kill -0 "$1" 2>/dev/null || kube_give_up "$2" "$2 ended by itself"
}

kube_give_up() {
	tail -n 20 "$KUBE_DIR/$1.log" >&2
	kube_die "$2"
}

# --- use ----------------------------------------------------------------------

# kube_apply FILE...: - is stdin; what it defines is served when this returns
kube_apply() {
	local file
	for file; do
		kubectl apply -o name -f "$file" >"$KUBE_DIR/applied" ||
			kube_die "$file was not accepted"
		kube_serve
	done
}

# An established definition still answers 429 for a moment, which kubectl waits
# out and others would be counted for.
kube_serve() {
	local definition
	sed -n 's/^customresourcedefinition[^/]*[/]//p' "$KUBE_DIR/applied" |
		while read -r definition; do
			kubectl wait --for=condition=Established \
				"crd/$definition" --timeout="${KUBE_DEADLINE}s"
			kubectl get "$definition" --all-namespaces
		done >>"$KUBE_DIR/apply.log" 2>&1
}

# kube_audit [USERAGENT]: "verb resource code" of each request so far whose user
# agent begins so
kube_audit() {
	jq -r --arg agent "${1-}" '
		select(.stage == "ResponseComplete")
		| select((.userAgent // "") | startswith($agent))
		| "\(.verb) \(.objectRef.resource // "-") \(.responseStatus.code)"
	' "$KUBE_DIR/audit.log"
}

# kube_audit_count [USERAGENT]
kube_audit_count() {
	kube_audit "${1-}" | wc -l
}
