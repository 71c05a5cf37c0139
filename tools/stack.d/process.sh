# shellcheck shell=bash disable=SC2154
# Processes by pid file. A pid file holds the pid and the start time, so that a pid that was given anew is not mistaken.

# process_start_time PID - in clock ticks since boot; nothing for a process that is gone or a zombie
process_start_time() {
	local stat
	{ stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
	# the name, in brackets, may hold blanks: count from its end
	read -ra stat <<<"${stat##*) }"
	[ "${stat[0]}" != Z ] && echo "${stat[19]}"
}

# process_pid NAME - prints the pid; fails when the component does not run
process_pid() {
	local pid start
	{ read -r pid start <"$run_dir/pid/$1"; } 2>/dev/null || return 1
	[ "$(process_start_time "$pid")" = "$start" ] && echo "$pid"
}

process_is_gone() { ! process_pid "$1" >/dev/null; }

# process_spawn NAME COMMAND... - in a session of its own, so that Ctrl-C does not reach it
process_spawn() {
	local name=$1 pid
	shift
	setsid -- "$@" </dev/null >>"$run_dir/log/$name.log" 2>&1 9>&- &
	pid=$!
	echo "$pid $(process_start_time "$pid" || echo gone)" >"$run_dir/pid/$name"
	disown "$pid"
}

# process_signal NAME SIGNAL
process_signal() {
	local pid
	pid=$(process_pid "$1") || return 0
	kill "-$2" "$pid" 2>/dev/null || true
}

# process_stop NAME SIGNAL - asks, waits, kills
process_stop() {
	process_signal "$1" "$2"
	process_await_end "$1"
}

# process_await_end NAME - of one that was asked: a service that is asked twice ends at once, with calls unfinished
process_await_end() {
	if ! wait_for "$stop_timeout" process_is_gone "$1"; then
		say "$1 did not stop within $stop_timeout s: killed"
		process_signal "$1" KILL
		wait_for 10 process_is_gone "$1" || fail "$1 cannot be killed (pid $(process_pid "$1"))"
	fi
	rm -f "$run_dir/pid/$1"
}

# process_rss_mb PID
process_rss_mb() { awk '/^VmRSS/ {printf "%d MB", $2 / 1024}' "/proc/$1/status" 2>/dev/null; }

# process_failed NAME - the last words of a component that did not start, and the end
process_failed() {
	local log=$run_dir/log/$1.log what="does not serve after $up_timeout s"
	! process_is_gone "$1" || what="ended while starting"
	tail -n 15 "$log" >&2 || true
	if grep -qi 'no space left on device' <(tail -n 50 "$log"); then
		fail "$1 found the disk under $run_dir full; make room or name another folder in CRM_RUN_DIR"
	fi
	fail "$1 $what; its last lines are above, all of them in $log"
}
