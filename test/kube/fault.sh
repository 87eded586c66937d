# shellcheck shell=bash
# fault.sh - what networks and servers do to requests, on purpose
#
# Source it after lib.sh and api.sh. A proxy (test/tools/faultproxy, which lists
# the faults) stands between a client and the API server: its certificate is
# the cluster CA's, credentials pass through, so clients use tokens. Rules are
# for the requests that come after them; none: all pass.
#
#	fault_start
#	fault 'POST /reservations 1 1 reset-after'
#	fault_await 'passed reset-after POST'

FAULT_RULES=$KUBE_DIR/fault.rules
FAULT_LOG=$KUBE_DIR/fault.log
FAULT_SERVER=
FAULT_PID=

# fault_start [SEED]
fault_start() {
	FAULT_SERVER=https://$KUBE_ADDRESS:7443
	: >"$FAULT_LOG"
	fault '# none'
	faultproxy -listen "$KUBE_ADDRESS:7443" -server "$KUBE_SERVER" \
		-ca "$KUBE_CA" -cert "$KUBE_DIR/server.crt" \
		-key "$KUBE_DIR/server.key" -rules "$FAULT_RULES" \
		-log "$FAULT_LOG" -seed "${1:-1}" 2>"$KUBE_DIR/faultproxy.log" &
	FAULT_PID=$!
	KUBE_DEADLINE=10 fault_answers ||
		kube_give_up faultproxy "the proxy does not answer"
}

fault_stop() {
	kube_end "$FAULT_PID"
	FAULT_PID=
}

# Reading what everybody may read
fault_answers() {
	local end=$((SECONDS + KUBE_DEADLINE))
	until curl --silent --max-time 5 --cacert "$KUBE_CA" \
		--output /dev/null "$FAULT_SERVER/version"; do
		kube_alive "$FAULT_PID" faultproxy
		[ "$SECONDS" -lt "$end" ] || return
		sleep 0.1
	done
}

# fault [RULE...]: these and no others from now on
fault() {
	printf '%s\n' "$@" >"$FAULT_RULES.new"
	mv "$FAULT_RULES.new" "$FAULT_RULES"
}

# fault_at REQUEST NUMBER FAULT: once, at the one of that number of those from now
# on; what was seen before is forgotten
fault_at() {
	: >"$FAULT_LOG"
	fault "$1 $(($2 - 1)) 1 latency 0ms" "$1 1 1 $3"
}

# fault_seen TEXT: how often
fault_seen() {
	grep -cF -- "$1" "$FAULT_LOG" || true
}

# fault_await TEXT [COUNT]: until the log has it so often, at most half a minute
fault_await() {
	local end=$((SECONDS + 30))
	until [ "$(fault_seen "$1")" -ge "${2:-1}" ]; do
		kube_alive "$FAULT_PID" faultproxy
		if [ "$SECONDS" -ge "$end" ]; then
			echo "# the proxy has not seen \"$1\""
			return 1
		fi
		sleep 0.02
	done
}

# fault_comes TEXT: what is told to come about, a claim
fault_comes() {
	claim "it comes about: $1" fault_await "$1"
}

# --- order --------------------------------------------------------------------

gate=$KUBE_DIR/gate

# close_gate RULE...: with "before $gate" or "after $gate" in them; what was seen
# before is forgotten
close_gate() {
	rm -f "$gate"
	: >"$FAULT_LOG"
	fault "$@"
}

open_gate() {
	: >"$gate"
	fault '# none'
}

# behind_gate COMMAND...: while a gate is closed; its output in $KUBE_DIR/behind,
# its process in $behind
behind_gate() {
	"$@" >"$KUBE_DIR/behind" 2>&1 &
	# shellcheck disable=SC2034
	behind=$!
}
