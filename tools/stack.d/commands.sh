# shellcheck shell=bash disable=SC2154
# The commands of tools/stack.

# start_one NAME - unless it runs
start_one() {
	process_is_gone "$1" || return 0
	case $1 in
	postgres | nats) "$1_start" ;;
	*) service_start "$1" ;;
	esac
}

wait_one() {
	case $1 in
	postgres | nats) "$1_wait" ;;
	*) service_wait "$1" ;;
	esac
}

stop_one() {
	case $1 in
	postgres | nats) "$1_stop" ;;
	*) service_stop "$1" ;;
	esac
}

prepare() {
	ports_choose
	[ -x "$pg_bin/postgres" ] || fail "PostgreSQL 15 is missing; run tools/deps"
	postgres_secret_check
	disk_check "$run_dir"
	disk_check "$(dirname "$(postgres_dir)")"
	shared_key_create
	env_write
}

# The addresses and URLs of this run, for the shell and for test programs: NAME='value', one a line.
env_write() {
	local name upper
	{
		echo "CRM_RUN_DIR='$run_dir'"
		echo "DATABASE_URL='$(postgres_admin_url)'"
		echo "POSTGRES_ADDR='127.0.0.1:${port[postgres]}'"
		echo "NATS_ADDR='127.0.0.1:${port[nats]}'"
		echo "NATS_URL='$(nats_url)'"
		echo "SECRET_FILE='$run_dir/secret/shared-key'"
		echo "BOOTSTRAP_FILE='$run_dir/secret/bootstrap'"
		for name in $(services); do
			upper=${name^^}
			echo "${upper}_ADDR='$(service_address "$name")'"
			echo "${upper}_METRICS_ADDR='$(service_metrics_address "$name")'"
			! has_database "$name" || echo "${upper}_DATABASE_URL='$(postgres_url "crm_$name" "$(secret "postgres-$name")")'"
		done
	} >"$run_dir/env.new"
	secret bootstrap >/dev/null
	mv "$run_dir/env.new" "$run_dir/env"
}

command_up() {
	local name started
	started=$(now_ms)
	[ -n "$(services)" ] || fail "no service is built in $bin_dir; run make"
	prepare
	start_one postgres
	start_one nats
	postgres_wait
	postgres_prepare
	nats_wait
	for name in $(services); do
		start_one "$name"
	done
	for name in $(services); do
		service_wait "$name"
	done
	say "all of $(components | xargs) serving after $(($(now_ms) - started)) ms; gateway at $(service_address gateway)"
}

command_down() {
	local name list
	list=$(running)
	# the services side by side, then what they use
	for name in $list; do
		[ "$name" = nats ] || [ "$name" = postgres ] || process_signal "$name" TERM
	done
	for name in $list; do
		if [ "$name" = nats ] || [ "$name" = postgres ]; then
			stop_one "$name"
		else
			process_await_end "$name"
		fi
	done
	say "stopped: $(xargs <<<"${list:-nothing was running}")"
}

command_reset() {
	command_down
	postgres_remove
	# by name: somebody may have pointed CRM_RUN_DIR at a folder that holds other things
	(cd "$run_dir" && rm -rf log pid secret nats nats.conf demo env env.new port-base lock)
	rmdir "$run_dir" 2>/dev/null || true
	say "removed the data in $run_dir"
}

command_start() {
	component_check "${1-}"
	prepare
	start_one "$1"
	wait_one "$1"
}

command_stop() {
	component_check "${1-}"
	stop_one "$1"
}

command_kill() {
	component_check "${1-}"
	process_signal "$1" KILL
	wait_for 10 process_is_gone "$1" || fail "$1 cannot be killed"
}

# component_state NAME - SERVING, NOT_SERVING (it runs), DIED (nobody stopped it), STOPPED
component_state() {
	local check=service_is_serving
	case $1 in postgres | nats) check=$1_is_ready ;; esac
	if process_is_gone "$1"; then
		if [ -e "$run_dir/pid/$1" ]; then echo DIED; else echo STOPPED; fi
	elif "$check" "$1"; then
		echo SERVING
	else
		echo NOT_SERVING
	fi
}

status_line() {
	local pid rss note=''
	pid=$(process_pid "$1") && rss=$(process_rss_mb "$pid")
	[ "$1" != postgres ] || note="data in $(postgres_dir)"
	printf '%-14s %-12s pid %-8s port %-6s %-8s %s\n' "$1" "$(component_state "$1")" "${pid:--}" "${port[$1]}" "${rss:--}" "$note"
}

# command_status - fails unless everything serves
command_status() {
	local name lines
	ports_load
	lines=$(for name in $(components); do status_line "$name"; done)
	say "$lines"
	[ "$(grep -cw SERVING <<<"$lines")" = "$(components | wc -l)" ]
}

# The cursor goes below the table.
watch_end() {
	printf '%s' "${lines//[!$'\n']/}"
	exit 0
}

# command_watch - on a terminal the status, drawn over and over; elsewhere a line per change of state
command_watch() {
	local name now lines
	declare -A before=()
	ports_load
	lines=''
	trap watch_end INT TERM
	for (( ; ; )); do
		if [ -t 1 ]; then
			lines=$(command_status) || true
			printf '\033[2K%s\033[%dA\r' "${lines//$'\n'/$'\n\033[2K'}" $(($(wc -l <<<"$lines") - 1))
		else
			for name in $(components); do
				now=$(component_state "$name")
				[ "$now" = "${before[$name]-}" ] || say "$name $now"
				before[$name]=$now
			done
		fi
		sleep 2 &
		wait $!
	done
}

logs_there() { find "$run_dir/log" -name '*.log' -printf '%f\n' 2>/dev/null | sed 's/\.log$//' | sort | xargs; }

command_logs() {
	local log=$run_dir/log/${1-}.log
	[ -e "$log" ] || fail "usage: tools/stack logs NAME [-f]; there are: $(logs_there)"
	tail -n 100 ${2:+"$2"} "$log"
}
