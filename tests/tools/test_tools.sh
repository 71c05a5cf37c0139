#!/usr/bin/env bash
# tools/deps and tools/stack: what they say when something is wrong, and that the stack keeps its data. The services are
# stand-ins, so that this tests the tools alone; PostgreSQL and nats-server are real, on ports of their own.
set -euo pipefail
top=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
scratch=$(mktemp -d /tmp/crm-tools.XXXXXX)
export CRM_RUN_DIR=$scratch/run CRM_BIN_DIR=$scratch/bin CRM_PORT_BASE=auto CRM_STOP_TIMEOUT=5
passed=0 failed=0

finish() {
	"$top/tools/stack" reset >/dev/null 2>&1 || true
	rm -rf "$scratch"
}
trap finish EXIT

# make_program NAME - its body on standard input
make_program() {
	{
		echo '#!/bin/bash'
		cat
	} >"$scratch/$1"
	chmod 755 "$scratch/$1"
}

make_services() {
	local name
	mkdir -p "$CRM_BIN_DIR"
	for name in identity contacts gateway; do
		make_program "bin/crm-$name" <<<'trap "exit 0" TERM; for (( ; ; )); do sleep 0.05; done'
	done
	make_program bin/crmctl <<<'exit 0'
}

# check SENTENCE COMMAND... - runs one test
check() {
	local sentence=$1
	shift
	# in the background, because bash ignores a failing line of what it runs as a condition
	("$@") >"$scratch/output" 2>&1 &
	if wait $!; then
		passed=$((passed + 1))
		echo "ok - $sentence"
	else
		failed=$((failed + 1))
		echo "not ok - $sentence"
		sed 's/^/     /' "$scratch/output"
	fi
}

# says PATTERN COMMAND... - the command fails, its last line says what the pattern wants
says() {
	local pattern=$1 output
	shift
	if output=$("$@" 2>&1 </dev/null); then
		echo "it succeeded: $output"
		return 1
	fi
	echo "$output"
	grep -qE "$pattern" <<<"$(tail -n 1 <<<"$output")"
}

psql_stack() {
	# shellcheck source=/dev/null
	(. "$CRM_RUN_DIR/env" && /usr/lib/postgresql/15/bin/psql -XqAtd "$DATABASE_URL" -c "$1")
}

# deps_without COMMAND - tools/deps as a user without rights on a machine that lacks every package
deps_without() {
	make_program stub/dpkg-query <<<'exit 0'
	case $1 in
	sudo) PATH=$scratch/stub:$scratch/some ;;
	password)
		make_program stub/sudo <<<'exit 1'
		PATH=$scratch/stub:$PATH
		;;
	esac
	local as=()
	[ "$(id -u)" != 0 ] || as=(/usr/bin/setpriv --reuid=65534 --regid=65534 --clear-groups --)
	"${as[@]}" /usr/bin/env PATH="$PATH" /bin/bash "$scratch/deps" run
}

make_deps() {
	local name
	mkdir -p "$scratch/stub" "$scratch/some"
	chmod 755 "$scratch"
	cp "$top/tools/deps" "$scratch/deps"
	for name in comm sort sed grep cat id bash; do
		ln -s "$(command -v $name)" "$scratch/some/$name"
	done
}

the_data_survives() {
	"$top/tools/stack" up
	psql_stack 'CREATE TABLE kept (n int); INSERT INTO kept VALUES (42)'
	"$top/tools/stack" "$1" postgres
	"$top/tools/stack" start postgres
	[ "$(psql_stack 'SELECT n FROM kept; DROP TABLE kept')" = 42 ]
}

everything_restarts() {
	"$top/tools/stack" down
	says 'contacts +STOPPED' "$top/tools/stack" status
	"$top/tools/stack" up
	"$top/tools/stack" status
	"$top/tools/stack" up
}

only_loopback_listens() {
	local port
	# shellcheck source=/dev/null
	. "$CRM_RUN_DIR/env"
	for port in "${POSTGRES_ADDR##*:}" "${NATS_ADDR##*:}"; do
		[ "$(awk -v port="$(printf ':%04X' "$port")" '$4 == "0A" && $2 ~ port "$" {print $2}' /proc/net/tcp /proc/net/tcp6)" = "0100007F:$(printf %04X "$port")" ]
	done
}

secrets_are_closed() {
	[ -z "$(find "$CRM_RUN_DIR"/{secret,env,nats.conf,log,pid} -perm /077)" ] &&
		[ "$(stat -c %s "$CRM_RUN_DIR/secret/shared-key")" = 32 ]
}

postgres_is_not_root() {
	[ "$(stat -c %u "/proc/$(cut -d' ' -f1 "$CRM_RUN_DIR/pid/postgres")")" != 0 ]
}

second_stack_on_the_same_ports() {
	local base
	base=$(cat "$CRM_RUN_DIR/port-base")
	CRM_RUN_DIR=$scratch/second CRM_PORT_BASE=$base "$top/tools/stack" up
}

with_full_disk() {
	make_program stub/df <<<'echo; echo "/dev/sda1 1000 1000 12 100% /"'
	CRM_RUN_DIR=$scratch/third PATH=$scratch/stub:$PATH "$top/tools/stack" up
}

the_first_port_is_7400() {
	rm -rf "$scratch/third"
	! CRM_PORT_BASE='' with_full_disk || return 1
	[ "$(cat "$scratch/third/port-base")" = 7400 ]
}

with_service_that_ends() {
	local rc=0
	"$top/tools/stack" stop contacts
	mv "$CRM_BIN_DIR/crm-contacts" "$scratch/good"
	make_program bin/crm-contacts <<<'echo "CRM_LISTEN is wrong" >&2; exit 2'
	"$top/tools/stack" up || rc=$?
	mv "$scratch/good" "$CRM_BIN_DIR/crm-contacts"
	return $rc
}

# the stand-in takes its time, so that a second signal would find it
each_service_is_asked_once() {
	"$top/tools/stack" stop gateway
	make_program bin/crm-gateway <<SERVICE
asked=0
trap 'asked=1; echo asked >>$scratch/asked' TERM
for ((n = 0; n < 10; n += asked)); do sleep 0.05; done
SERVICE
	"$top/tools/stack" up
	"$top/tools/stack" down
	[ "$(wc -l <"$scratch/asked")" = 1 ]
	"$top/tools/stack" up
}

with_service_that_never_stops() {
	make_program bin/crm-gateway <<<'trap "" TERM; for (( ; ; )); do sleep 0.05; done'
	"$top/tools/stack" up
	CRM_STOP_TIMEOUT=1 "$top/tools/stack" stop gateway
	[ ! -e "$CRM_RUN_DIR/pid/gateway" ]
}

reset_leaves_other_files() {
	touch "$CRM_RUN_DIR/mine"
	"$top/tools/stack" reset
	[ "$(ls -A "$CRM_RUN_DIR")" = mine ]
}

make_services
make_deps
check 'deps without sudo says what to do' says 'no sudo; run as root: apt-get install' deps_without sudo
check 'deps without a password says what to do' says 'sudo asks for a password; run tools/deps in a terminal' deps_without password
check 'a wrong port base is named' says "CRM_PORT_BASE is 'abc'" env CRM_PORT_BASE=abc "$top/tools/stack" up
check 'a full disk is named' says 'is full .* make room or name another folder' with_full_disk
check 'without CRM_PORT_BASE the first port is 7400' the_first_port_is_7400
check 'killed PostgreSQL continues with its data' the_data_survives kill
check 'stopped PostgreSQL continues with its data' the_data_survives stop
check 'PostgreSQL does not run as root' postgres_is_not_root
check 'only the loopback address is listened on' only_loopback_listens
check 'secrets are for their owner only' secrets_are_closed
check 'the stack goes down and comes up again' everything_restarts
check 'a taken port names its holder' says 'port [0-9]+, wanted for PostgreSQL, is taken by process [0-9]+ \(postgres\)' second_stack_on_the_same_ports
check 'a service that ends while starting is named' says 'contacts ended while starting' with_service_that_ends
check 'an unknown component is refused' says "no component 'nothing'" "$top/tools/stack" start nothing
check 'a service is asked to stop once' each_service_is_asked_once
check 'a service that does not stop is killed' with_service_that_never_stops
check 'reset leaves what is not its own' reset_leaves_other_files
echo "$passed passed, $failed failed"
[ $failed = 0 ]
