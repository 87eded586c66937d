# shellcheck shell=bash
# tap.sh - claims of a shell test, one line each
#
#   claim "the pod has two interfaces" has_links pod1 eth0 lhnet1
#
# prints "ok N - TEXT", or "not ok N - TEXT" and what the command wrote. The
# last line of a test is what claims_end prints; its status is the test's.

claims_passed=0
claims_failed=0

# claim TEXT COMMAND...: the command runs in a subshell and changes nothing here
claim() {
	local text=$1 output
	shift
	if output=$("$@" 2>&1); then
		claims_passed=$((claims_passed + 1))
		echo "ok $((claims_passed + claims_failed)) - $text"
	else
		claims_failed=$((claims_failed + 1))
		echo "not ok $((claims_passed + claims_failed)) - $text"
		echo "#   ${output//$'\n'/$'\n'#   }"
	fi
}

# equal WANTED FOUND: the same text, or both are shown
equal() {
	[ "$1" = "$2" ] && return
	printf 'wanted: %s\nfound:  %s\n' "$1" "$2"
	return 1
}

not() {
	! "$@"
}

# eventually COMMAND...: within half a minute, for what others do on their own time
eventually() {
	local end=$((SECONDS + 30)) output
	until output=$("$@" 2>&1); do
		if [ "$SECONDS" -ge "$end" ]; then
			echo "$output"
			return 1
		fi
		sleep 0.2
	done
}

claims_end() {
	echo "1..$((claims_passed + claims_failed))"
	echo "# $claims_passed passed, $claims_failed failed"
	[ "$claims_failed" = 0 ] && [ "$claims_passed" -gt 0 ]
}
