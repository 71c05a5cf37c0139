# shellcheck shell=bash disable=SC2154
# Which port each component has, and who holds one that is taken.
#
# Base + 0..: the services in their order, + 22 nats, + 32 PostgreSQL, + 100..: the services' metrics.

declare -A port=() metrics_port=()

ports_set() {
	local base=$1 i=0 name
	port[postgres]=$((base + 32))
	port[nats]=$((base + 22))
	for name in $(services); do
		port[$name]=$((base + $(port_offset "$name" $i)))
		metrics_port[$name]=$((port[$name] + 100))
		i=$((i + 1))
	done
}

# port_offset NAME INDEX - known services keep their place whether or not the others are built
port_offset() {
	case $1 in
	gateway) echo 0 ;;
	identity) echo 1 ;;
	contacts) echo 2 ;;
	deals) echo 3 ;;
	documents) echo 4 ;;
	notifications) echo 5 ;;
	*) echo $((6 + $2)) ;;
	esac
}

ports_kept() { cat "$run_dir/port-base" 2>/dev/null; }

# ports_load - the ports that this run folder has, or would have
ports_load() {
	local kept
	kept=$(ports_kept) || kept=7400
	ports_set "$kept"
}

# ports_choose - the ports to start with; they do not change while something runs
ports_choose() {
	local kept base
	kept=$(ports_kept) || kept=
	base=${CRM_PORT_BASE:-${kept:-7400}}
	if [ "$base" = auto ]; then
		if [ -n "$kept" ] && { [ -n "$(running)" ] || ports_are_free "$kept"; }; then
			base=$kept
		else
			base=$(ports_find)
		fi
	fi
	port_base_check "$base"
	[ -z "$(running)" ] || [ "$base" = "$kept" ] ||
		fail "the stack in $run_dir runs with ports from $kept; stop it first: tools/stack down"
	ports_set "$base"
	echo "$base" >"$run_dir/port-base"
}

port_base_check() {
	if ! [[ $1 =~ ^[0-9]{4,5}$ ]] || [ "$1" -lt 1024 ] || [ "$1" -gt 65000 ]; then
		fail "CRM_PORT_BASE is '$1'; it must be a number from 1024 to 65000, or auto"
	fi
}

port_is_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# ports_find - a base whose ports are all free; its lock is held by this process until the ports are in use
ports_find() {
	local base attempt
	for attempt in {1..200}; do
		base=$((10000 + (RANDOM % 110) * 200))
		ports_reserve "$base" && ports_are_free "$base" && echo "$base" && return
	done
	fail "no free ports found in $attempt attempts; name a first port in CRM_PORT_BASE"
}

ports_are_free() (
	ports_set "$1"
	for p in "${port[@]}" "${metrics_port[@]}"; do
		! port_is_open "$p" || exit 1
	done
)

# ports_reserve BASE - keeps another stack that starts at this moment from choosing the same
ports_reserve() {
	local dir=/tmp/crm-ports
	mkdir -m 1777 "$dir" 2>/dev/null || true
	# a reservation is a folder that is only as good as it is fresh
	find "$dir" -mindepth 1 -maxdepth 1 -mmin +2 -exec rmdir {} + 2>/dev/null || true
	mkdir "$dir/$1" 2>/dev/null
}

# port_holder PORT - "PID (PROGRAM)" of the listener where that can be seen
port_holder() {
	local inode fd pid
	inode=$(awk -v port="$(printf ':%04X' "$1")" '$4 == "0A" && substr($2, length($2) - 4) == port {print $10; exit}' \
		/proc/net/tcp /proc/net/tcp6 2>/dev/null)
	for fd in ${inode:+/proc/[0-9]*/fd/*}; do
		[ "$(readlink "$fd" 2>/dev/null)" = "socket:[$inode]" ] || continue
		pid=${fd#/proc/} pid=${pid%%/*}
		echo "process $pid ($(cat "/proc/$pid/comm"))"
		return
	done
	echo "a process of another user"
}

# port_check NAME PORT - stops when somebody else has the port
port_check() {
	! port_is_open "$2" ||
		fail "port $2, wanted for $1, is taken by $(port_holder "$2"); stop that or choose other ports: CRM_PORT_BASE=auto or CRM_PORT_BASE=NUMBER"
}
