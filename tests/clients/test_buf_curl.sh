#!/usr/bin/env bash
# buf curl, which knows nothing of our protos: everything by server reflection, against a service and through the gateway.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")" || exit
export HOME=${HOME:-/tmp} BUF_CACHE_DIR=$CRM_RUN_DIR/buf
failed=0

report() { # report STATUS NAME [WHY]
	if [ "$1" -eq 0 ]; then
		echo "ok - $2"
	else
		echo "not ok - $2: ${3-}"
		failed=1
	fi
}
curl() { # curl ADDRESS METHOD DATA [FLAG...]: the answer, or the error as JSON
	local address=$1 method=$2 data=$3
	shift 3
	timeout 30 node_modules/.bin/buf curl --protocol grpc --http2-prior-knowledge "http://$address/$method" -d "$data" "$@" 2>&1
}
field() { # field NAME: of the JSON on standard input
	/usr/bin/python3 -c 'import json,sys; v=json.load(sys.stdin)
for k in sys.argv[1].split("."): v=v[int(k)] if isinstance(v,list) else v[k]
print(v)' "$1"
}
field_at_fault() { # the first field of the BadRequest among an error's details: BadRequest{1: FieldViolation{1: field}}
	/usr/bin/python3 -c 'import base64,json,sys; b=base64.urlsafe_b64decode(json.load(sys.stdin)["details"][1]["value"]+"==")
print(b[4:4+b[3]].decode())'
}

secret=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
printf '\n%s\n' "$secret" >>"$BOOTSTRAP_FILE"
out=$(curl "$IDENTITY_ADDR" crm.identity.v1.IdentityService/CreateTenant '{"tenant":{"key":"buf","displayName":"Buf"},"administratorEmail":"a@example.com",
	"administratorName":"A","administratorPassword":"a password of length","bootstrapSecret":"'"$secret"'"}')
report $? "CreateTenant by reflection" "$out"
out=$(curl "$GATEWAY_ADDR" crm.identity.v1.IdentityService/Authenticate '{"password":{"tenantKey":"buf","email":"a@example.com","password":"a password of length"}}')
report $? "Authenticate through the gateway" "$out"
token=$(field accessToken <<<"$out")

for where in "direct $CONTACTS_ADDR" "gateway $GATEWAY_ADDR"; do
	read -r name address <<<"$where"
	echo "# $name"
	service=crm.contacts.v1.ContactsService
	out=$(curl "$address" $service/CreateContact '{"contact":{"name":{"given":"Łukasz","family":"Żółć"},"phones":[{"number":"+48 601 234 567"}]}}' -H "authorization: Bearer $token")
	report $? "CreateContact" "$out"
	[ "$(field phones.0.e164 <<<"$out")" = +48601234567 ]
	report $? "the number is in E.164" "$out"
	id=$(field id <<<"$out")
	out=$(curl "$address" $service/GetContact "{\"id\":\"$id\"}" -H "authorization: Bearer $token")
	[ "$(field displayName <<<"$out")" = 'Łukasz Żółć' ]
	report $? "GetContact" "$out"
	out=$(curl "$address" $service/GetContact '{"id":"nonsense"}' -H "authorization: Bearer $token")
	[ "$(field code <<<"$out")" = invalid_argument ] && [ "$(field details.1.type <<<"$out")" = google.rpc.BadRequest ] && [ "$(field_at_fault <<<"$out")" = id ]
	report $? "an error's details name the field" "$out"
	out=$(curl "$address" $service/GetContact "{\"id\":\"$id\"}")
	[ "$(field code <<<"$out")" = unauthenticated ]
	report $? "no token is unauthenticated" "$out"
	out=$(curl "$address" $service/ExportContacts '{}' -H "authorization: Bearer $token")
	grep -q "$id" <<<"$out"
	report $? "ExportContacts streams" "$out"
	out=$(curl "$address" $service/ImportContacts "{\"source\":\"buf\",\"key\":\"$name-1\",\"contact\":{\"displayName\":\"Eins\"}}
		{\"key\":\"$name-2\",\"contact\":{\"displayName\":\"Zwei\"}}" -H "authorization: Bearer $token")
	[ "$(field createdCount <<<"$out")" = 2 ]
	report $? "ImportContacts takes a stream" "$out"
	out=$(timeout 30 node_modules/.bin/buf curl --protocol grpc --http2-prior-knowledge --list-methods "http://$address" 2>&1)
	grep -q 'crm.contacts.v1.ContactsService/SearchContacts' <<<"$out"
	report $? "methods are listed" "$out"
done
grep -q 'crm.identity.v1.IdentityService/GetKeySet' <<<"$out" && grep -q 'crm.gateway.v1.GatewayService/GetCustomer360' <<<"$out"
report $? "the gateway's reflection has every service" "$out"
exit $failed
