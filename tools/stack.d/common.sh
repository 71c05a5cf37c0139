# shellcheck shell=bash disable=SC2034,SC2154
# What every part of tools/stack uses: limits, messages, secrets, the names of the components.

up_timeout=${CRM_UP_TIMEOUT:-30}
stop_timeout=${CRM_STOP_TIMEOUT:-35}

say() { printf '%s\n' "$*"; }

fail() {
	printf 'tools/stack: %s\n' "$*" >&2
	exit 1
}

# now_ms - for bounded waits
now_ms() {
	local t=$EPOCHREALTIME
	printf '%s' $((${t/[.,]/} / 1000))
}

# wait_for SECONDS COMMAND... - repeats the command until it succeeds; fails when the time is over
wait_for() {
	local until=$(($(now_ms) + $1 * 1000))
	shift
	until "$@"; do
		[ "$(now_ms)" -lt "$until" ] || return 1
		sleep 0.02
	done
}

run_dir_create() {
	mkdir -p "$run_dir"/{log,pid,secret} 2>/dev/null ||
		fail "cannot write $run_dir; free some disk space or name another folder in CRM_RUN_DIR"
	# the user that PostgreSQL runs as passes through; what is inside stays closed
	[ "$(id -u)" != 0 ] || chmod 711 "$run_dir"
}

# One start or stop at a time; whoever comes second waits.
lock_take() {
	exec 9>"$run_dir/lock"
	flock -n 9 || flock -w 120 9 || fail "another tools/stack works on $run_dir for two minutes already"
}

disk_check() {
	local free_kb
	free_kb=$(df -Pk "$1" | awk 'NR == 2 {print $4}')
	[ "$free_kb" -ge 300000 ] ||
		fail "the disk under $1 is full ($((free_kb / 1024)) MB free, 300 needed); make room or name another folder in CRM_RUN_DIR"
}

# secret NAME - makes a random secret once and prints it
secret() {
	local file=$run_dir/secret/$1
	[ -s "$file" ] || random_hex 24 >"$file"
	cat "$file"
}

random_hex() { od -An -N"$1" -tx1 /dev/urandom | tr -d ' \n'; }

# The 32 bytes that the services share; half a key, left by a full disk, is made again.
shared_key_create() {
	local file=$run_dir/secret/shared-key
	[ "$(stat -c %s "$file" 2>/dev/null || echo 0)" = 32 ] || head -c 32 /dev/urandom >"$file"
}

# services - the names of the services that are built, in the order of their ports; others after the known ones
services() {
	local name known=(gateway identity contacts deals documents notifications)
	for name in "${known[@]}"; do
		[ ! -x "$bin_dir/crm-$name" ] || say "$name"
	done
	for name in services/*/main.c; do
		name=${name#services/} name=${name%/main.c}
		[[ " ${known[*]} " == *" $name "* ]] || [ ! -x "$bin_dir/crm-$name" ] || say "$name"
	done
}

components() {
	say postgres
	say nats
	services
}

# running - the components that were started and not stopped, the services first
running() {
	local file
	for file in "$run_dir"/pid/*; do
		file=${file##*/}
		[[ $file == [*] || $file == postgres || $file == nats ]] || say "$file"
	done
	[ ! -e "$run_dir/pid/nats" ] || say nats
	[ ! -e "$run_dir/pid/postgres" ] || say postgres
}

component_check() {
	local all
	all=$(components | xargs)
	# no pipe into grep -q: it may leave before everything is written
	[[ -n ${1-} && " $all " == *" $1 "* ]] || fail "no component '${1-}'; there are: $all"
}

has_database() { [ -d "services/$1/migrations" ]; }
