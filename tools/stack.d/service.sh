# shellcheck shell=bash disable=SC2154
# The services: every program in the bin folder that has a folder in services/.

service_address() { echo "127.0.0.1:${port[$1]}"; }
service_metrics_address() { echo "127.0.0.1:${metrics_port[$1]}"; }

# service_upstreams - what the gateway routes to: every other service by its proto package
service_upstreams() {
	local name list=()
	for name in $(services); do
		[ "$name" = gateway ] || list+=("crm.$name.v1=$(service_address "$name")")
	done
	local IFS=,
	echo "${list[*]}"
}

service_start() {
	local name=$1 environment
	environment=(
		CRM_LISTEN="$(service_address "$name")"
		CRM_METRICS="$(service_metrics_address "$name")"
		CRM_NATS="$(nats_url)"
		CRM_SECRET_FILE="$run_dir/secret/shared-key"
		CRM_LOG_LEVEL="${CRM_LOG_LEVEL:-info}"
	)
	[ -z "${port[identity]-}" ] || environment+=(CRM_IDENTITY="$(service_address identity)")
	! has_database "$name" || environment+=(CRM_DATABASE="$(postgres_url "crm_$name" "$(secret "postgres-$name")")")
	# the others are called through the gateway, which is on this machine as well
	[ "$name" = gateway ] || environment+=(CRM_TRUSTED_PROXIES=127.0.0.1)
	[ "$name" != identity ] || environment+=(CRM_BOOTSTRAP_FILE="$run_dir/secret/bootstrap")
	[ "$name" != gateway ] || environment+=(CRM_UPSTREAMS="$(service_upstreams)")
	port_check "crm-$name" "${port[$name]}"
	port_check "the metrics of crm-$name" "${metrics_port[$name]}"
	process_spawn "$name" env "${environment[@]}" "$bin_dir/crm-$name"
}

# service_is_serving NAME - by the health protocol; a process that has ended is not asked
service_is_serving() {
	[ -n "$(process_pid "$1")" ] && "$bin_dir/crmctl" health "$(service_address "$1")" >/dev/null 2>&1
}

service_is_serving_or_gone() { process_is_gone "$1" || service_is_serving "$1"; }

service_wait() {
	wait_for "$up_timeout" service_is_serving_or_gone "$1" || process_failed "$1"
	! process_is_gone "$1" || process_failed "$1"
}

service_stop() { process_stop "$1" TERM; }
