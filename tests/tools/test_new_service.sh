#!/usr/bin/env bash
# tools/new-service in a copy of the sources: what it makes builds, passes the lints, serves and passes the generic tests; and its statements are checked.
set -euo pipefail
top=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
scratch=$(mktemp -d /tmp/crm-new.XXXXXX)
copy=$scratch/copy
build=${CRM_BUILD:-$top/build}
failed=0
trap 'rm -rf "$scratch"' EXIT

# report SENTENCE COMMAND... - one test
report() {
	local sentence=$1
	shift
	if "$@" >"$scratch/output" 2>&1; then
		echo "ok - $sentence"
	else
		echo "not ok - $sentence"
		tail -n 40 "$scratch/output" | sed 's/^/    /'
		failed=1
	fi
}

# refuses PATTERN NAME... - new-service does not make it, and says why
refuses() {
	local pattern=$1 said
	shift
	! said=$("$copy/tools/new-service" "$@" 2>&1) && grep -qE -- "$pattern" <<<"$said"
}

# The sources, and what is built of them, by the same paths below the folder: only what is new gets compiled.
make_copy() {
	mkdir -p "$copy"
	tar -C "$top" --exclude=./build --exclude=./run --exclude=./.git --exclude=node_modules -cf - . | tar -C "$copy" -xf -
	case $build in
	"$top"/*)
		mkdir -p "$copy/${build#"$top/"}"
		(cd "$build" && tar -cf - --exclude=obj/tests obj gen proto bin) | tar -C "$copy/${build#"$top/"}" -xf -
		;;
	esac
}

make_in_copy() {
	case $build in
	"$top"/*) make -C "$copy" --no-print-directory -j"$(nproc)" B="${build#"$top/"}" "$@" ;;
	*) make -C "$copy" --no-print-directory -j"$(nproc)" B=build "$@" ;;
	esac
}

lints_pass() {
	tools/lint-floors "$copy" && tools/lint-calls "$copy" && "$copy/tools/lint-sql" && tools/lint-proto "$copy"
}

wrong_statement_is_refused() {
	sed -i 's/r\.display_name, r\.note;/r.display_name, r.nothing AS note;/' "$copy/services/gadgets/gadget.sql"
	make_in_copy all
	! tests/clients/with-stack true >"$scratch/said" 2>&1 && grep -q 'r.nothing does not exist' "$scratch/said"
}

make_copy
cd "$copy"
case $build in
"$top"/*) export CRM_BUILD=$copy/${build#"$top/"} ;;
*) export CRM_BUILD=$copy/build ;;
esac
report 'a service that exists is refused' refuses 'there is a service contacts already' contacts
report 'a name that cannot be one is refused' refuses 'is no name for a service' Gadgets
report 'a resource must be named where the service has no singular' refuses 'name its first resource' stock
report 'a message that exists is refused' refuses 'there is a message Contact already' people contact
report 'a word of SQL is refused' refuses 'is a word of SQL' orders
report 'a service is made' tools/new-service gadgets
report 'a service with a resource of two words is made' tools/new-service stock price_list
report 'they build without a warning' make_in_copy all
cd "$top"
report 'they pass the lints' lints_pass
cd "$copy"
report 'they pass the generic tests' tests/clients/with-stack tests/clients/test_every_rpc.py gadgets stock
report 'a statement that does not fit stops the start' wrong_statement_is_refused
exit $failed
