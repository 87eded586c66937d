# shellcheck shell=bash
# audit.sh - who had which address at which moment, from etcd and the kernels
#
# Source it after lib.sh, api.sh and sim.sh. Nothing of the product is asked, nor
# is the API server: etcd tells each change that it makes, in order
# (audit_start), so no moment is missed; the kernels of the nodes' sandboxes are
# looked into now and then (audit_look); and kube-storm writes down what its
# runtimes were told. audit.awk then finds what does not fit.
#
#	audit_start links
#	audit_look links
#	audit_stop links
#	audit_findings links 1
#
# NAME is a network, and for files in KUBE_DIR: NAME.watch, NAME.history,
# NAME.looks, and kube-storm's NAME.storm.

AUDIT_KEYS=/registry/hostshim.dev/reservations/
AUDIT_READ=audit_read_reservations # with the network's name
# shellcheck disable=SC2034 # storm.sh
AUDIT_NODE= # "-": they name no node
AUDIT_ADOPTS=0 # 1: a new sandbox of a pod takes its address over
AUDIT_WITNESS=${HOSTSHIM_BUILD:-$KUBE_ROOT/build/dev}/test/kube/kube-witness
AUDIT_PID=

# --- etcd ---------------------------------------------------------------------

# audit_keys FILTER: a request over all keys of AUDIT_KEYS
audit_keys() {
	jq -nc --arg from "$AUDIT_KEYS" --arg to "${AUDIT_KEYS%/}0" '{
		key: ($from | @base64), range_end: ($to | @base64)
	}'" | $1"
}

# audit_ask PATH REQUEST
audit_ask() {
	exec curl --silent --show-error --no-buffer --data "$2" \
		"http://127.0.0.1:2379$1"
}

# audit_start NAME: from now on
audit_start() {
	: >"$KUBE_DIR/$1.looks"
	audit_ask /v3/watch \
		"$(audit_keys '{create_request: (. + {prev_kv: true})}')" \
		> >(exec "$AUDIT_WITNESS" stamp >"$KUBE_DIR/$1.watch") \
		2>"$KUBE_DIR/$1.curl" &
	AUDIT_PID=$!
	eventually grep -q '"created":true' "$KUBE_DIR/$1.watch" ||
		kube_die "etcd does not tell what it does"
}

# audit_read_reservations: what of a value is NAME's, "ADDRESS ID NODE BOOT UID"
audit_read_reservations() {
	cat <<-'EOF'
		def read: @base64d | fromjson | .metadata.uid as $uid | .spec
			| select(.network == $name)
			| "\(.address) \(.containerID) \(.node) \(.bootID) \($uid)";
	EOF
}

# audit_history NAME: "MS put|delete ADDRESS ID NODE BOOT UID", in order
audit_history() {
	jq -Rr --arg name "$1" "$("$AUDIT_READ" "$1")"'
		def address: split(" ")[0];
		split(" ") as [$ms] | ltrimstr($ms) | fromjson
		| .result.events // [] | .[]
		| [.prev_kv.value // empty | read] as $old
		| [.kv.value // empty | read] as $new
		| ($new - $old | .[] | "\($ms) put \(.)"),
		($old | map(select(address as $a
			| $new | any(address == $a) | not))
			| .[] | "\($ms) delete \(.)")
	' "$KUBE_DIR/$1.watch" >"$KUBE_DIR/$1.history"
}

# audit_etcd NAME: "ADDRESS ID NODE BOOT" as etcd has them now
audit_etcd() {
	(audit_ask /v3/kv/range "$(audit_keys .)") | jq -r --arg name "$1" "$("$AUDIT_READ" "$1")"'
		.kvs // [] | .[].value | read | split(" ")[:4] | join(" ")
	' | sort -V
}

# audit_replayed NAME: the same, as all that was told adds up
audit_replayed() {
	audit_history "$1"
	awk '$2 == "put" { has[$3] = $3 " " $4 " " $5 " " $6 }
		$2 == "delete" { delete has[$3] }
		END { for (i in has) print has[i] }' \
		"$KUBE_DIR/$1.history" | sort -V
}

audit_is_complete() {
	same "$(audit_etcd "$1")" "$(audit_replayed "$1")"
}

# same WANTED FOUND: these lines, or those that differ
same() {
	diff <(sed '/^$/d' <<<"$1") <(sed '/^$/d' <<<"$2") |
		sed -n 's/^</missing:/p; s/^>/too much:/p' >"$KUBE_DIR/same"
	cat "$KUBE_DIR/same"
	[ ! -s "$KUBE_DIR/same" ]
}

# audit_stop NAME: when all has been told
audit_stop() {
	local status=0
	eventually audit_is_complete "$1" || status=$?
	kill "$AUDIT_PID"
	wait "$AUDIT_PID" 2>/dev/null || true
	return "$status"
}

# --- kernels ------------------------------------------------------------------

# audit_look NAME: see kube-witness
audit_look() {
	local nodes
	mapfile -t nodes < <(sim_nodes)
	"$AUDIT_WITNESS" look "${nodes[@]}" >>"$KUBE_DIR/$1.looks"
}

# audit_kernels NAME: "ADDRESS ID NODE" of the last look
audit_kernels() {
	awk '$1 == "look" { n = 0 }
		$1 == "has" { line[++n] = $6 " " $3 " " $2 }
		END { for (i = 1; i <= n; i++) print line[i] }' \
		"$KUBE_DIR/$1.looks" | sort -V
}

# audit_nodes_links: what is left in the nodes' own namespaces
audit_nodes_links() {
	local node
	for node in $(printf '%s\n' "${!SIM_PID[@]}" | sort -V); do
		sim "$node" ip -json link show |
			jq -r --arg node "$node" '.[].ifname
				| select(. != "lo" and . != "eth0")
				| "\($node) \(.)"'
	done
}

# --- judgement ----------------------------------------------------------------

# audit_findings NAME LINKS: no line if there are none. With LINKS (1) what is
# held must be seen in the kernels.
audit_findings() {
	awk -v links="$2" -v adopts="$AUDIT_ADOPTS" -f "$KUBE_ROOT/test/kube/audit.awk" \
		kind=history "$KUBE_DIR/$1.history" \
		kind=journal "$KUBE_DIR/$1.storm" \
		kind=looks "${AUDIT_LOOKS:-$KUBE_DIR/$1.looks}"
}
