# shellcheck shell=bash
# storm.sh - random faults, kills and reboots, for any store of a cluster
#
# Source it after sim.sh, fault.sh, audit.sh and tap.sh, and set STORM_SEED, which
# says what storm it is, as far as the machine's own timing goes. Runtimes on all
# nodes attach and detach at random (kube-storm) through a proxy that does its
# worst, plugins are killed, etcd stalls, the API server is restarted, nodes lose
# /run or the power.
#
#	storm NAME OPERATIONS WORKERS LINKS	NAME is a configuration (sim_config)
#
# STORM_NETWORKS has the names of all configurations, if there are more: NAME is
# the first. STORM_SETTLED is a command that says, with NAME, if all else is as it
# is to be in the end.
# All that was seen is kept in the folder STORM_KEEP, if that is set.

STORM_SEED=${STORM_SEED:-1}
STORM_NETWORKS=()
STORM_SETTLED=true # with the storm's name
STORM_RUNTIME=forgetful # or faithful, for a store that names no node
STORM_PROGRAM=${HOSTSHIM_BUILD:-$KUBE_ROOT/build/dev}/test/kube/kube-storm
STORM_SHIMCTL=$(dirname "$SIM_PROGRAM")/ctl/shimctl
# The release starts ten times as fast.
if [ -x "${HOSTSHIM_STATIC:-}/hostshim" ]; then
	SIM_PROGRAM=$HOSTSHIM_STATIC/hostshim
	STORM_SHIMCTL=$HOSTSHIM_STATIC/shimctl
fi
STORM_PID=
declare -A STORM_LOST

# Of a hundred requests some fifteen meet something. What a server that works
# never says is not among it: that it has refused what it has done.
storm_weather() {
	fault 'TLS . * 0.002 hang' 'TLS . * 0.01 reset-before' \
		'* . * 0.01 reset-before' '* . * 0.02 reset-after' \
		'* . * 0.01 abandon' '* . * 0.004 hang' \
		'* . * 0.004 hang-after' '* . * 0.01 truncate 60' \
		'* . * 0.005 oversize 6000000' '* . * 0.01 garbage' \
		'* . * 0.01 status 401' '* . * 0.01 status 403' \
		'POST . * 0.01 status 409' '* . * 0.01 status 422' \
		'* . * 0.01 status 429 1' '* . * 0.01 status 500' \
		'* . * 0.01 status-after 500' '* . * 0.01 status 503 1' \
		'* . * 0.01 status 503' '* . * 0.01 status-after 504' \
		'* . * 0.005 status 504' '* . * 0.02 latency 300ms' \
		'* . * 0.02 late 300ms'
}

# --- what happens to nodes and servers ------------------------------------------

# storm_tell NAME COMMAND: when it is done
storm_tell() {
	local before
	before=$(grep -cxF "$2" "$KUBE_DIR/$1.storm" || true)
	echo "$2" >&"$storm_commands"
	until [ "$(grep -cxF "$2" "$KUBE_DIR/$1.storm")" -gt "$before" ]; do
		kube_alive "$STORM_PID" "$1.storm"
		sleep 0.02
	done
}

storm_reboot() {
	storm_tell "$1" "down $2"
	sim_reboot "$2"
	unset "STORM_LOST[$2]"
	storm_tell "$1" "up $2=${SIM_PID[$2]}"
}

# As if a file system had been lost, with calls under way
storm_lose_run() {
	find "$SIM_DIR/$1/run" -mindepth 1 -delete
	STORM_LOST[$1]=1
}

storm_stall() {
	kill -STOP "$KUBE_ETCD_PID"
	sleep "$1"
	kill -CONT "$KUBE_ETCD_PID"
}

storm_restart() {
	kube_apiserver_stop
	kube_apiserver_start --v=0 --etcd-compaction-interval=0
	kube_wait
}

storm_networks() {
	printf '%s\n' "$1" "${STORM_NETWORKS[@]:1}"
}

# storm_repair NAME NODE: in the middle of all that
storm_repair() {
	local network
	network=$(storm_networks "$1" | sed -n "$((RANDOM % (
		${#STORM_NETWORKS[@]} ? ${#STORM_NETWORKS[@]} : 1) + 1))p")
	sim "$2" timeout 20 "$STORM_SHIMCTL" -c "$KUBE_DIR/$network" \
		ipam check --repair >>"$KUBE_DIR/$1.repairs" 2>&1 || true
}

# storm_trouble NAME LINKS: until all calls have been begun. The last lost /run
# of a node is followed by a reboot: what it forgot is that boot's.
storm_trouble() {
	local turn=0 node
	until grep -qx 'done' "$KUBE_DIR/$1.storm"; do
		kube_alive "$STORM_PID" "$1.storm"
		turn=$((turn + 1))
		node=k8s-$((RANDOM % ${#SIM_PID[@]} + 1))
		case $((turn % 16)) in
		1 | 5 | 9) storm_stall 0.$((RANDOM % 900 + 100)) ;;
		3) storm_lose_run "$node" ;;
		4) storm_reboot "$1" "$node" ;;
		7) storm_stall 4 ;;
		10) storm_lose_run "$node" ;;
		12) storm_reboot "$1" "$node" ;;
		2 | 6 | 8 | 13) storm_repair "$1" "$node" ;;
		14) ((turn / 16 % 2)) || storm_restart ;;
		*) ;;
		esac
		[ "$2" = 0 ] || audit_look "$1"
		sleep 1
	done
	for node in "${!STORM_LOST[@]}"; do
		storm_reboot "$1" "$node"
	done
}

# --- the end ------------------------------------------------------------------------

# storm_held NAME [NODE]: "ADDRESS ID NODE" of what is held in the end
storm_held() {
	awk -v node="${2-}" '$1 == "held" {
			print $4 " " $3 " " (node ? node : $2) }' \
		"$KUBE_DIR/$1.storm" | sort -V
}

# storm_is_settled NAME: of this boot, etcd has what is held
storm_is_settled() {
	same "$(storm_held "$1" "$AUDIT_NODE")" "$(audit_etcd "$1" |
		grep -Ff <(cat "$SIM_DIR"/*/boot_id; echo ' -') |
		cut -d ' ' -f 1-3)" && "$STORM_SETTLED" "$1"
}

# storm_settles NAME: what is owed is looked at by later calls
storm_settles() {
	local end=$((SECONDS + 600)) node
	until storm_is_settled "$1" >"$KUBE_DIR/$1.settled"; do
		if [ "$SECONDS" -ge "$end" ]; then
			cat "$KUBE_DIR/$1.settled"
			return 1
		fi
		for node in "${!SIM_PID[@]}"; do
			nudge "$node" "$1" || true
		done
		sleep 0.2
	done
}

# storm_sweep NAME: what is left is swept
storm_sweep() {
	local node
	for node in "${!SIM_PID[@]}"; do
		sim "$node" "$STORM_SHIMCTL" -c "$KUBE_DIR/$1" \
			ipam check --repair || true
	done >"$KUBE_DIR/$1.repair" 2>&1
	same "$(storm_held "$1" "$AUDIT_NODE")" \
		"$(audit_etcd "$1" | cut -d ' ' -f 1-3)" &&
		return
	cat "$KUBE_DIR/$1.repair"
	return 1
}

# --- all of it ----------------------------------------------------------------------

# storm_begin NAME OPERATIONS WORKERS LINKS
storm_begin() {
	local nodes configs
	mapfile -t nodes < <(sim_nodes)
	configs=$(storm_networks "$1" | sed "s,^,$KUBE_DIR/," | paste -sd ,)
	audit_start "$1"
	: >"$KUBE_DIR/$1.storm"
	: >"$FAULT_LOG"
	rm -f "$KUBE_DIR/commands"
	mkfifo "$KUBE_DIR/commands"
	"$STORM_PROGRAM" "$SIM_PROGRAM" "$configs" "$2" "$3" "$STORM_SEED" \
		"$STORM_RUNTIME $([ "$4" = 0 ] || echo links)" "${nodes[@]}" <"$KUBE_DIR/commands" \
		>"$KUBE_DIR/$1.storm" 2>"$KUBE_DIR/$1.stderr" &
	STORM_PID=$!
	exec {storm_commands}>"$KUBE_DIR/commands"
}

# storm_end NAME: its status
storm_end() {
	local status=0
	storm_tell "$1" calm
	wait "$STORM_PID" || status=$?
	exec {storm_commands}>&-
	return "$status"
}

storm() {
	local status=0 began=$SECONDS called
	RANDOM=$STORM_SEED
	storm_begin "$@"
	storm_weather
	storm_trouble "$1" "$4"
	fault '# none'
	storm_end "$1" || status=$?
	called=$((SECONDS - began))
	storm_judge "$1" "$4" "$status"
	[ -z "${STORM_KEEP-}" ] ||
		cp -R "$KUBE_DIR/$1".* "$FAULT_LOG" "$SIM_DIR" "$STORM_KEEP"
	storm_numbers "$1" "$called" $((SECONDS - began - called))
}

# storm_without_a_store NAME: three tables that do not know of each other. The
# auditor must be able to say no.
storm_without_a_store() {
	local found what node
	storm_begin "$1" 150 2 1
	until grep -qx 'done' "$KUBE_DIR/$1.storm"; do
		kube_alive "$STORM_PID" "$1.storm"
		audit_look "$1"
	done
	storm_end "$1" || true
	audit_stop "$1" >"$KUBE_DIR/$1.stop"
	found=$(audit_findings "$1" 1)
	for what in 'duplicate: .* is given' 'duplicate: .* is on interfaces' \
		'uncovered: .* is held' 'uncovered: .* is on an interface'; do
		claim "without a store, the auditor finds: $what" \
			grep -q "^$what" <<<"$found"
	done
	found=$(sed '/^has/d' "$KUBE_DIR/$1.looks" |
		AUDIT_LOOKS=/dev/stdin audit_findings "$1" 1)
	claim "without interfaces, the auditor finds: unseen" \
		grep -q '^unseen' <<<"$found"
	# What it has left in the kernels would be the next one's.
	for node in "${!SIM_PID[@]}"; do
		sim_reboot "$node"
	done
}

# storm_judge NAME LINKS STATUS
storm_judge() {
	local name=$1 links=$2 what
	# A DEL is refused if it can neither release nor write down that it owes.
	for what in 'DEL of' wrong; do
		sed -n "s/^$what/# &/p" "$KUBE_DIR/$name.storm" | tail -n 20
	done
	claim "$name: no answer that no fault explains" equal 0 "$3"
	claim "$name: what is owed is settled by later calls" \
		storm_settles "$name"
	claim "$name: after the last sweep etcd has what pods hold, no more, no less" \
		storm_sweep "$name"
	audit_look "$name"
	claim "$name: etcd has told each change" audit_stop "$name"
	claim "$name: nobody had another's address at any moment" \
		equal "" "$(audit_findings "$name" "$links")"
	[ "$links" = 0 ] || claim "$name: the kernels have what pods hold" \
		same "$(storm_held "$name")" "$(audit_kernels "$name")"
	claim "$name: nothing is left of ours in the nodes' namespaces" \
		equal "" "$(audit_nodes_links)"
}

# storm_numbers NAME SECONDS SECONDS: of calls, and until all was settled and judged
storm_numbers() {
	grep '^storm: ' "$KUBE_DIR/$1.storm" | sed "s/^storm:/# $1:/"
	echo "# $1: seed $STORM_SEED, $2 s and $3 s until it was judged;" \
		"$(grep '^begin' "$FAULT_LOG" | grep -vc '^begin - ' || true)" \
		"of $(grep -c '^begin' "$FAULT_LOG") requests met a fault;" \
		"etcd told $(wc -l <"$KUBE_DIR/$1.history") changes," \
		"$(grep -c '^look' "$KUBE_DIR/$1.looks") looks into the" \
		"kernels saw $(grep -c '^has' "$KUBE_DIR/$1.looks") addresses;" \
		"$(storm_held "$1" | wc -l) held in the end"
}
