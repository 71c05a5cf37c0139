#!/usr/bin/env bash
# Every lint complains about a fault planted in a copy of the sources, names its place, and has nothing to say about the copy itself.
set -euo pipefail
top=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
scratch=$(mktemp -d /tmp/crm-lints.XXXXXX)
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
		sed 's/^/    /' "$scratch/output"
		failed=1
	fi
}

fresh_copy() {
	rm -rf "$copy"
	mkdir -p "$copy"
	tar -C "$top" --exclude=./build --exclude=./run --exclude=./.git --exclude=node_modules -cf - . | tar -C "$copy" -xf -
}

# complains LINT PATTERN - about the copy, in words that fit the pattern
complains() {
	local lint=$1 pattern=$2 said
	if said=$(run_lint "$lint"); then
		echo "it has nothing to say"
		return 1
	fi
	echo "$said"
	grep -qE -- "$pattern" <<<"$said"
}

run_lint() {
	case $1 in
	headers) "$top/tools/lint-headers" "$build" "$copy" ;;
	sql) "$copy/tools/lint-sql" ;;
	*) "$top/tools/lint-$1" "$copy" ;;
	esac 2>&1
}

# plant FILE [OLD NEW] - replaces the first OLD of a file of the copy; without them, standard input is added at its end
plant() {
	local file=$copy/$1
	mkdir -p "$(dirname "$file")"
	[ -e "$scratch/kept" ] || { [ -e "$file" ] && cp "$file" "$scratch/kept"; }
	if [ $# -eq 1 ]; then
		cat >>"$file"
	else
		python3 -c 'import sys; p, a, b = sys.argv[1:]; s = open(p).read(); assert a in s; open(p, "w").write(s.replace(a, b, 1))' "$file" "$2" "$3"
	fi
}

# undo FILE
undo() {
	if [ -e "$scratch/kept" ]; then
		mv "$scratch/kept" "$copy/$1"
	else
		rm -f "$copy/$1"
	fi
}

# refused LINT PATTERN FILE [OLD NEW] - plants, expects the complaint, undoes
refused() {
	local lint=$1 pattern=$2 file=$3
	shift 2
	plant "$@"
	report "lint-$lint complains: $pattern" complains "$lint" "$pattern"
	undo "$file"
}

fresh_copy
for lint in floors calls format headers sql shell; do
	report "lint-$lint has nothing to say about the sources" run_lint "$lint"
done

refused floors 'common/base/map.c:[0-9]+: base includes .kit/call.h. of kit' common/base/map.c <<<'#include "kit/call.h"'
refused floors 'adapters includes .kit/page.h. of kit' common/adapters/log/log.c <<<'#include "kit/page.h"'
refused floors 'kit includes .services/contacts/rules.h. of services' common/kit/call.c <<<'#include "services/contacts/rules.h"'
refused floors 'services/contacts includes .services/identity/rules.h. of services/identity' services/contacts/contact.c <<<'#include "services/identity/rules.h"'
refused floors 'libpq-fe.h> belongs to the adapter db alone' common/kit/page.c <<<'#include <postgresql/libpq-fe.h>'
refused floors 'nats.h> belongs to the adapter bus alone' common/adapters/db/db.c <<<'#include <nats/nats.h>'
refused floors 'zlib.h> has no adapter' common/kit/page.c <<<'#include <zlib.h>'
refused floors 'adapter log does not stand on db' common/adapters/log/log.c <<<'#include "adapters/db/db.h"'
refused floors 'private to its folder' services/contacts/contact.c <<<'#include "kit/service_private.h"'
refused floors '#pragma once is missing' common/kit/planted.h <<<'/* A header without a guard. */'
refused floors 'planted.c:1: the first lines say what the file is for' common/kit/planted.c <<<'#include "kit/call.h"'

for call in strcpy strcat sprintf gets atoi strtok alloca localtime gmtime rand; do
	refused calls "contact.c:[0-9]+: $call is banned" services/contacts/contact.c <<<"void planted(void) { $call(0); }"
done
refused calls 'malloc is for common/base alone' common/kit/page.c <<<'void *planted(void) { return malloc(1); }'
refused calls 'free is for common/base alone' common/kit/page.c <<<'void planted(void *p) { free(p); }'
refused calls 'goto' services/identity/user.c <<<'void planted(void) { goto end; end:; }'
refused calls 'TODO without an issue' services/identity/user.c <<<'/* TODO: later */'
plant services/identity/user.c <<<'/* strcpy(a, b) */ const char planted[] = "goto and malloc(1)"; struct s { int free; };'
report 'lint-calls knows comments and texts from code' run_lint calls
undo services/identity/user.c

refused format 'contact.c:[0-9]+:.*not formatted|code should be clang-formatted' services/contacts/contact.c <<<'int  planted;'

refused headers 'planted.h does not compile alone' common/kit/planted.h <<<'struct status_of { enum status_planted s; };'

refused sql 'not bound to the tenant' services/contacts/contact.sql 'tenant_id = :call.tenant_id' 'true'
refused sql 'without :visible' services/contacts/organization.sql ' AND :visible(o)' ''
refused sql 'use the outbox' services/contacts/contact.sql <<<$'-- name: planted :exec\nSELECT pg_notify(\'a\', \'b\') AS planted;'
refused sql 'drops what the binary before may use' services/contacts/migrations/0099_planted.sql <<<'ALTER TABLE contact DROP COLUMN name_given;'
report 'lint-sql finds every fault of its own list' "$top/tools/lint-sql" --self-test

refused shell 'SC2086' tools/planted <<'SCRIPT'
#!/bin/bash
planted=$1
rm $planted
SCRIPT

refused proto 'Enum zero value name' proto/crm/contacts/v1/common.proto <<<$'// Planted.\nenum Planted {\n  // Wrong.\n  WRONG = 0;\n}'
refused proto 'non-empty comment' proto/crm/contacts/v1/common.proto <<<$'message Planted {}'

breaks_clients() {
	git -C "$copy" init -q -b main
	git -C "$copy" add -A
	git -C "$copy" -c user.name=test -c user.email=test@localhost commit -qm before
	git -C "$copy" -c user.name=test -c user.email=test@localhost commit -qm this --allow-empty
	run_lint proto
	plant proto/crm/contacts/v1/common.proto 'string type = 2' 'string type = 7'
	complains proto 'common.proto:[0-9]+:.*(field|Field)'
}
if command -v git >/dev/null; then
	report 'lint-proto complains: a field has another number' breaks_clients
fi
exit "$failed"
