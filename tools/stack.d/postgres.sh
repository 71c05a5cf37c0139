# shellcheck shell=bash disable=SC2154
# The private PostgreSQL 15 cluster: loopback only, its own port, never as root.

pg_bin=/usr/lib/postgresql/15/bin

# as_postgres COMMAND... - as the user that owns the cluster: us, or the system user postgres when we are root
as_postgres() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid=postgres --regid=postgres --init-groups --no-new-privs -- "$@"
	else
		"$@"
	fi
}

# postgres_dir - where the data is: in the run folder, unless that user cannot get there (a closed home folder)
postgres_dir() {
	local choice=$run_dir/postgres
	if [ "$(id -u)" = 0 ] && ! as_postgres test -x "$run_dir" 2>/dev/null; then
		choice=/var/lib/crm-$(printf '%s' "$run_dir" | sha256sum | cut -c1-12)
	fi
	echo "$choice"
}

postgres_url() { echo "postgresql://$1:$2@127.0.0.1:${port[postgres]}/${3-crm}"; }
postgres_admin_url() { postgres_url postgres "$(secret postgres)" "${1-crm}"; }

postgres_create() {
	local dir=$1 log=$run_dir/log/initdb.log
	mkdir -p "$dir"
	secret postgres >"$dir.password"
	if [ "$(id -u)" = 0 ]; then
		chown postgres:postgres "$dir" "$dir.password"
	fi
	# the C order of bytes is what keyset pages compare by; letters are known to C.UTF-8
	if ! as_postgres env -C / "$pg_bin/initdb" -D "$dir" -U postgres --auth=scram-sha-256 --pwfile="$dir.password" --encoding=UTF8 \
		--locale=C.UTF-8 --no-sync --no-instructions >"$log" 2>&1; then
		rm -rf "$dir" "$dir.password"
		tail -n 5 "$log" >&2
		fail "the PostgreSQL cluster could not be made in $dir; all lines are in $log"
	fi
	rm "$dir.password"
	sync -f "$dir"
}

# A cluster outlives the secrets when its run folder was removed by hand.
postgres_secret_check() {
	local dir
	dir=$(postgres_dir)
	if [ -e "$dir/PG_VERSION" ] && [ ! -s "$run_dir/secret/postgres" ]; then
		fail "the data in $dir is there but the secrets in $run_dir/secret are gone; start anew with: tools/stack reset"
	fi
}

postgres_is_ready() {
	[ -n "$(process_pid postgres)" ] || return 1
	"$pg_bin/pg_isready" -q -h 127.0.0.1 -p "${port[postgres]}"
}

postgres_start() {
	local dir
	dir=$(postgres_dir)
	[ -s "$dir/PG_VERSION" ] || postgres_create "$dir"
	port_check PostgreSQL "${port[postgres]}"
	postgres_spawn "$dir"
}

# Terse: the details of an error would put the values of rows, people's names and addresses, into the log.
postgres_spawn() {
	local options=(-c listen_addresses=127.0.0.1 -c port="${port[postgres]}" -c unix_socket_directories=''
		-c max_connections=200 -c log_error_verbosity=terse -c logging_collector=off -c log_line_prefix='%m [%p] %u ' -c log_destination=stderr)
	if [ "$(id -u)" = 0 ]; then
		process_spawn postgres setpriv --reuid=postgres --regid=postgres --init-groups --no-new-privs -- \
			env -C / "$pg_bin/postgres" -D "$1" "${options[@]}"
	else
		process_spawn postgres "$pg_bin/postgres" -D "$1" "${options[@]}"
	fi
}

# After kill -9 the old backends take a moment to leave; until then PostgreSQL refuses to start.
postgres_is_ready_or_restarted() {
	! postgres_is_ready || return 0
	if process_is_gone postgres && tail -n 3 "$run_dir/log/postgres.log" | grep -qE 'still in use|lock file .* already exists'; then
		sleep 0.1
		postgres_spawn "$(postgres_dir)"
	fi
	return 1
}

postgres_wait() { wait_for "$up_timeout" postgres_is_ready_or_restarted || process_failed postgres; }

# The database, and for each service a role with a schema of its own.
postgres_prepare() {
	local name log=$run_dir/log/prepare.log
	{
		say 'SET client_min_messages = warning;'
		for name in $(services); do
			! has_database "$name" || postgres_role_sql "$name"
		done
	} >"$run_dir/secret/prepare.sql"
	if ! postgres_psql crm -c '' 2>/dev/null; then
		postgres_psql postgres -c 'CREATE DATABASE crm' >"$log" 2>&1 || postgres_prepare_failed "$log"
	fi
	postgres_psql crm -1 -f "$run_dir/secret/prepare.sql" >"$log" 2>&1 || postgres_prepare_failed "$log"
	rm -f "$run_dir/secret/prepare.sql"
}

# postgres_psql DATABASE ARGUMENT... - as the superuser; the password is not on the command line, which everybody sees
postgres_psql() {
	local database=$1
	shift
	PGPASSWORD=$(secret postgres) "$pg_bin/psql" -Xq -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "${port[postgres]}" -U postgres -d "$database" "$@"
}

postgres_prepare_failed() {
	cat "$1" >&2
	fail "the database could not be prepared; the reason is above"
}

postgres_role_sql() {
	local name=$1 role=crm_$1
	cat <<SQL
SELECT 'CREATE ROLE $role LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '$role') \gexec
ALTER ROLE $role PASSWORD '$(secret "postgres-$name")';
ALTER ROLE $role IN DATABASE crm SET search_path = $name, public;
CREATE SCHEMA IF NOT EXISTS $name AUTHORIZATION $role;
GRANT CREATE ON DATABASE crm TO $role;
SQL
}

# Fast shutdown: open sessions end, nothing acknowledged is lost.
postgres_stop() { process_stop postgres INT; }

postgres_remove() {
	local dir
	dir=$(postgres_dir)
	rm -rf "$dir"
}
