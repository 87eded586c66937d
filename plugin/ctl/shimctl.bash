# Completion of shimctl(8) for bash.

_shimctl() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local commands='up down status needs verify doctor traffic peers
		announce ipam nad'
	local common='--config --output --netns --node --quiet --verbose --help
		--version'
	local command='' words='' i

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-c | --config | -o | --output | --netns | --node | --probe | \
			--timeout | --count | --window | --threshold | \
			--speed | --name | --namespace | --log | --from | \
			--to | --kubeconfig)
			((i++))
			;;
		-*) ;;
		*)
			command=${COMP_WORDS[i]}
			break
			;;
		esac
	done

	case $prev in
	-c | --config | --netns | --log | --kubeconfig)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	-o | --output)
		mapfile -t COMPREPLY < <(compgen -W 'text json' -- "$cur")
		return
		;;
	--from)
		mapfile -t COMPREPLY < <(compgen -W 'local whereabouts' -- "$cur")
		return
		;;
	--to)
		mapfile -t COMPREPLY < <(compgen -W whereabouts -- "$cur")
		return
		;;
	--node | --probe | --timeout | --count | --window | --threshold | \
		--speed | --name | --namespace)
		return
		;;
	esac

	case $command in
	'') words="$commands $common" ;;
	up) words="--wait --timeout --dry-run $common" ;;
	down) words="--force --restore-address --dry-run $common" ;;
	status) words="--ready $common" ;;
	needs) words="$(cd /sys/class/net && echo *) --probe $common" ;;
	traffic) words="--window --watch --threshold --speed $common" ;;
	peers) words="prune --dry-run $common" ;;
	verify) words="--mtu --tcp --dad --probe-pods --count --serve --timeout
		$common" ;;
	nad) words="longhorn linstor rook --namespace --name --per-node $common" ;;
	doctor) words="--log $common" ;;
	ipam) words="ls check release gc adopt --repair --cluster --force
		--from --to --kubeconfig --dry-run $common" ;;
	*) words=$common ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _shimctl shimctl
