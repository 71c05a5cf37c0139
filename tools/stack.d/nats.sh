# shellcheck shell=bash disable=SC2154
# The private nats-server with JetStream on disk.

nats_program() { PATH=$PATH:/usr/sbin command -v nats-server || fail "nats-server is missing; run tools/deps"; }

nats_url() { echo "nats://crm:$(secret nats)@127.0.0.1:${port[nats]}"; }

nats_start() {
	local program
	program=$(nats_program)
	port_check nats-server "${port[nats]}"
	cat >"$run_dir/nats.conf" <<CONF
server_name: crm
listen: "127.0.0.1:${port[nats]}"
authorization { user: crm, password: "$(secret nats)" }
jetstream { store_dir: "$run_dir/nats", max_memory_store: 64MB, max_file_store: 20GB }
# an event carries a resource before and after; the services accept messages of 4 MB
max_payload: 8MB
CONF
	process_spawn nats "$program" -c "$run_dir/nats.conf"
}

nats_is_ready() {
	[ -n "$(process_pid nats)" ] || return 1
	# the greeting comes once the server accepts clients
	(exec 3<>"/dev/tcp/127.0.0.1/${port[nats]}" && IFS= read -r -t 2 line <&3 && [[ $line == INFO* ]]) 2>/dev/null
}

nats_wait() { wait_for "$up_timeout" nats_is_ready || process_failed nats; }
nats_stop() { process_stop nats TERM; }
