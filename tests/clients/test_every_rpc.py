"""What must hold for every RPC there is, from the descriptors alone: a new RPC is covered without a line here.

No token -> UNAUTHENTICATED; no permission -> PERMISSION_DENIED; another tenant's id -> NOT_FOUND; a required field missing, a text too long, invalid UTF-8, NUL, deep
nesting, truncated bytes -> INVALID_ARGUMENT that names the field; the same request_id twice -> one effect. Nothing may answer INTERNAL, hang or crash.

Every method is called at its own service; what a gateway could get wrong is called through the gateway as well. Arguments name the services to check ("contacts"); without
them, all are.
"""
import itertools
import os
import sys
import time
import uuid

import grpc

from office import CRM, PASSWORD, Code, bootstrap_secret, finish, report

IDENTITY = "crm.identity.v1.IdentityService/"
FORBIDDEN = (Code.INTERNAL, Code.UNKNOWN, Code.UNAVAILABLE, Code.DATA_LOSS, Code.DEADLINE_EXCEEDED)
VALUES = {  # a value of each format of crm.common.v1.Format
    1: None, 2: "jana@example.com", 3: "+420604893825", 4: "+420604893825", 5: "https://example.com/a", 6: "cs-CZ", 7: "Europe/Kyiv", 8: "CZ", 9: "CZK",
    10: "2026-03-29", 11: "key-{n}", 12: "example.com", 0: "text {n}",
}
USERS = ("owner_id", "lead_id", "creator_id", "user_id")
counter = itertools.count(1)


# ---- descriptors ----


def options(descriptor, kind, extension):
    """Our option on a field or method; the pool's own class knows the extension."""
    parsed = CRM.type(f"google.protobuf.{kind}").FromString(descriptor.GetOptions().SerializeToString())
    return parsed.Extensions[CRM.pool.FindExtensionByName(f"crm.common.v1.{extension}")]


def rules(field):
    return options(field, "FieldOptions", "rules")


def policy(path):
    return options(CRM.method(path), "MethodOptions", "policy")


def is_map(field):
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def is_ours(field):
    return field.message_type is not None and field.message_type.full_name.startswith("crm.") and not is_map(field)


METHODS = [m for s in CRM.services() if s.startswith("crm.") for m in CRM.methods(s)]


# ---- valid requests ----


class Sample:
    """Requests that are valid as far as the descriptors tell, with ids of records that exist."""

    def __init__(self, ids):
        self.ids = ids  # resource name -> id

    def reference(self, name):
        if name in USERS:
            return self.ids.get("user", "")
        if name in ("parent_id", "id", "except_id"):
            return ""
        return self.ids.get(name[:-3] if name.endswith("_id") else name[:-4], "")

    def text(self, field, rule):
        if rule.format == 1:
            return str(uuid.uuid4()) if field.name == "request_id" else self.reference(field.name)
        if rule.secret:
            return f"a secret of some length {next(counter)}"
        value = VALUES[rule.format].format(n=next(counter))
        if field.name == "permission":
            value = "contacts.contacts.read"
        return value[: rule.max_length or 1024]

    def single(self, field, depth):
        rule = rules(field)
        if field.message_type is not None:
            return self.message(field.message_type, depth + 1)
        if field.enum_type is not None:
            return field.enum_type.values[1].number if len(field.enum_type.values) > 1 else 0
        if field.cpp_type == field.CPPTYPE_STRING:
            text = self.text(field, rule)
            return text.encode() if field.type == field.TYPE_BYTES else text
        if field.cpp_type == field.CPPTYPE_BOOL:
            return False
        return max(rule.min, 1) if (rule.min or rule.max) else 0

    def message(self, descriptor, depth=0):
        made = CRM.type(descriptor.full_name)()
        for field in descriptor.fields:
            rule = rules(field)
            if rule.output_only or field.name in ("etag", "page_token", "filter", "order_by", "update_mask", "region") or depth > 4:
                continue
            if field.containing_oneof is not None and field.containing_oneof.fields[0] is not field:
                continue
            if is_map(field):
                getattr(made, field.name)["a"] = "b"
            elif field.message_type is not None and not is_ours(field):
                continue  # timestamps and masks: absent is valid
            elif field.label == field.LABEL_REPEATED:
                self.fill_list(made, field, depth)
            elif field.message_type is not None:
                getattr(made, field.name).CopyFrom(self.single(field, depth))
            else:
                setattr(made, field.name, self.single(field, depth))
        return made

    def fill_list(self, made, field, depth):
        value = self.single(field, depth)
        if field.message_type is not None and "request_id" in field.message_type.fields_by_name:
            value.request_id = ""
        if value != "":
            getattr(made, field.name).append(value)

    def request(self, path):
        method = CRM.method(path)
        request = self.message(method.input_type)
        target = target_of(path)
        for message in (request, *nested_requests(request)):
            fields = message.DESCRIPTOR.fields_by_name
            if "id" in fields and target in self.ids:
                message.id = self.ids[target]
            if is_update_of(message, target):
                for field in fields[target].message_type.fields:
                    if rules(field).immutable:
                        getattr(message, target).ClearField(field.name)
                if not rules(fields[target].message_type.fields_by_name["id"]).output_only:
                    getattr(message, target).id = self.ids[target]
            if "ids" in fields:
                message.ids[:] = [self.ids[target]]
        if method.input_type.name == "ListTimelineRequest":
            request.organization_id = ""  # exactly one of two: no rule of a single field
        if method.input_type.name in ("ListSessionsRequest", "ExplainAccessRequest"):
            request.user_id = self.ids["user"]
        return request


def is_update_of(message, target):
    return "update_mask" in message.DESCRIPTOR.fields_by_name and target in message.DESCRIPTOR.fields_by_name


def nested_requests(request):
    field = request.DESCRIPTOR.fields_by_name.get("requests")
    return list(request.requests) if field else []


def target_of(path):
    """The resource of a standard method: GetContact, BatchGetContacts -> contact."""
    name = CRM.method(path).name
    for verb in ("BatchGet", "BatchCreate", "BatchUpdate", "BatchDelete", "Get", "Create", "Update", "Delete", "Undelete", "Revoke"):
        if name.startswith(verb):
            name = name[len(verb):]
            name = name[:-3] + "y" if name.endswith("ies") else name[:-1] if verb.startswith("Batch") else name
            break
    return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")


# ---- calling ----


class Caller:
    def __init__(self, through_gateway=False, token=None):
        self.through_gateway = through_gateway
        self.token = token
        self.channels = {}

    def channel(self, path):
        package = path.split("/")[0].rsplit(".", 1)[0]
        service = "gateway" if self.through_gateway else package.split(".")[1]
        if service not in self.channels:
            self.channels[service] = grpc.insecure_channel(os.environ[f"{service.upper()}_ADDR"], options=[("grpc.max_send_message_length", -1)])
        return self.channels[service]

    def call(self, path, body, timeout=20):
        """(code, error or None, answer bytes or list of them)"""
        client_streams, server_streams = CRM.streams(path)
        kind = f"{'stream' if client_streams else 'unary'}_{'stream' if server_streams else 'unary'}"
        same = {"request_serializer": lambda b: b, "response_deserializer": lambda b: b}
        metadata = (("authorization", "Bearer " + self.token),) if self.token else ()
        try:
            answer = getattr(self.channel(path), kind)("/" + path, **same)(iter([body]) if client_streams else body, timeout=timeout, metadata=metadata)
            return Code.OK, None, list(answer) if server_streams else answer
        except grpc.RpcError as error:
            return error.code(), error, None


def names_field(error, field):
    """BadRequest lists the field, or one inside it."""
    return any(f == field or f.startswith((field + ".", field + "[")) for f in CRM.fields_at_fault(error))


# ---- fields of a request ----


def walk(message, prefix="", raw=(), depth=0):
    """(path, message that holds it, field, [(message, field number)...] from the top) of every field that the request's messages have."""
    for field in message.DESCRIPTOR.fields:
        path = prefix + field.name
        yield path, message, field, raw
        if not is_ours(field) or depth > 4:
            continue
        if field.label == field.LABEL_REPEATED:
            for i, child in enumerate(getattr(message, field.name)):
                yield from walk(child, f"{path}[{i}].", raw + ((message, field.number),), depth + 1)
        elif message.HasField(field.name):
            yield from walk(getattr(message, field.name), path + ".", raw + ((message, field.number),), depth + 1)


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out + bytes([n]))


def delimited(number, body):
    return varint(number << 3 | 2) + varint(len(body)) + body


def with_bytes(request, raw, number, value):
    """The request's bytes with one more occurrence of a field deep inside, holding these bytes."""
    extra = delimited(number, value)
    for _, outer in reversed(raw):
        extra = delimited(outer, extra)
    return request.SerializeToString() + extra


def deep_nesting(number, levels):
    sizes, total = [], 0
    for _ in range(levels):
        head = varint(number << 3 | 2) + varint(total)
        sizes.append(head)
        total += len(head)
    return b"".join(reversed(sizes))


# ---- the checks ----


def check_no_token(path, sample, callers):
    if policy(path).public:
        return
    for caller in callers["nobody"]:
        code, error, _ = caller.call(path, sample.request(path).SerializeToString())
        report(code == Code.UNAUTHENTICATED, f"{path} without a token is UNAUTHENTICATED", f"{code} {error and error.details()}")


def check_no_permission(path, sample, callers):
    if not policy(path).permission:
        return
    for caller in callers["powerless"]:
        code, error, _ = caller.call(path, sample.request(path).SerializeToString())
        report(code == Code.PERMISSION_DENIED, f"{path} without the permission is PERMISSION_DENIED", f"{code} {error and error.details()}")


def check_foreign_id(path, sample, callers):
    """Tenant B asks for what tenant A has."""
    request = sample.request(path)
    fields = request.DESCRIPTOR.fields_by_name
    target = target_of(path)
    named = [m for m in (request, *nested_requests(request)) if "id" in m.DESCRIPTOR.fields_by_name or (is_update_of(m, target) and getattr(m, target).id)]
    if policy(path).public or not (named or "ids" in fields or "contact_id" in fields):
        return
    code, error, _ = callers["foreign"].call(path, request.SerializeToString())
    report(code == Code.NOT_FOUND, f"{path} of another tenant is NOT_FOUND", f"{code} {error and error.details()}")


def check_required(path, sample, callers):
    for i, (name, _, field, raw) in enumerate(list(walk(sample.request(path)))):
        if not rules(field).required or any("update_mask" in outer.DESCRIPTOR.fields_by_name for outer, _ in raw):
            continue  # in an update only the outcome must satisfy it
        request = sample.request(path)
        list(walk(request))[i][1].ClearField(field.name)
        code, error, answer = callers["admin"].call(path, request.SerializeToString())
        if CRM.streams(path)[0]:
            report(verdict_names(path, answer, name), f"{path} gives a verdict on the missing {name}", str(code))
        else:
            report(code == Code.INVALID_ARGUMENT and names_field(error, name), f"{path} without {name} is INVALID_ARGUMENT naming it",
                   f"{code} {error and error.details()}")


def verdict_names(path, answer, name):
    """A stream of rows answers OK with a verdict for the row that is wrong."""
    if answer is None:
        return False
    response = CRM.type(CRM.method(path).output_type.full_name).FromString(answer)
    return any(v.field == name or v.field.startswith(name) for v in response.verdicts)


def check_too_long(path, sample, callers):
    for i, (name, _, field, _) in enumerate(list(walk(sample.request(path)))):
        rule = rules(field)
        if field.cpp_type != field.CPPTYPE_STRING or field.type == field.TYPE_BYTES or field.label == field.LABEL_REPEATED or rule.output_only:
            continue
        request = sample.request(path)
        holder = list(walk(request))[i][1]
        setattr(holder, field.name, "x" * ((rule.max_length or 1024) + 1))
        code, error, answer = callers["admin"].call(path, request.SerializeToString())
        if CRM.streams(path)[0]:
            fine = code == Code.INVALID_ARGUMENT or verdict_names(path, answer, name)
        else:
            fine = code == Code.INVALID_ARGUMENT and names_field(error, name)
        report(fine, f"{path} with {name} too long is INVALID_ARGUMENT naming it", f"{code} {error and error.details()}")


def check_bad_text(path, sample, callers):
    request = sample.request(path)
    for name, _, field, raw in list(walk(request)):
        if field.cpp_type != field.CPPTYPE_STRING or field.type == field.TYPE_BYTES:
            continue
        for what, value in (("invalid UTF-8", b"\xff\xfe"), ("NUL", b"a\0b")):
            code, error, answer = callers["admin"].call(path, with_bytes(request, raw, field.number, value))
            fine = code == Code.INVALID_ARGUMENT or (CRM.streams(path)[0] and verdict_names(path, answer, name.split("[")[0].split(".")[0]))
            report(fine, f"{path} with {what} in {name} is INVALID_ARGUMENT", f"{code} {error and error.details()}")


def check_hostile_wire(path, sample, callers):
    valid = sample.request(path).SerializeToString()
    bodies = {"100 000 groups": b"\x0b" * 100000, "a varint without an end": b"\x08" + b"\xff" * 11, "field number 0": b"\x02\x00", "a length beyond the end": b"\x0a\x7f"}
    for field in CRM.method(path).input_type.fields:
        if is_ours(field):
            bodies[f"{field.name} 100 000 deep"] = deep_nesting(field.number, 100000)
    if len(valid) > 1:
        bodies["truncated bytes"] = valid[:-1]
    for what, body in bodies.items():
        code, error, _ = callers["admin"].call(path, body)
        expected = code == Code.INVALID_ARGUMENT or (what.endswith("deep") and code not in FORBIDDEN and code != Code.OK)
        report(expected, f"{path} with {what} is INVALID_ARGUMENT", f"{code} {error and error.details()}")


def check_request_id(path, sample, callers):
    if "request_id" not in CRM.method(path).input_type.fields_by_name:
        return
    fresh = sample.remade(path)
    request = fresh.request(path)
    request.request_id = str(uuid.uuid4())
    first = callers["admin"].call(path, request.SerializeToString())
    second = callers["admin"].call(path, request.SerializeToString())
    same = first[0] == Code.OK and second[0] == Code.OK and without_secrets(path, first[2]) == without_secrets(path, second[2])
    report(same, f"{path} twice with one request_id has one effect", f"{first[0]} {first[1] and first[1].details()} then {second[0]} {second[1] and second[1].details()}")
    other = fresh.request(path)
    other.request_id = request.request_id
    if other == request:
        return
    code, error, _ = callers["admin"].call(path, other.SerializeToString())
    report(code == Code.INVALID_ARGUMENT and names_field(error, "request_id"), f"{path} with a used request_id and another body is INVALID_ARGUMENT",
           f"{code} {error and error.details()}")


def without_secrets(path, answer):
    """A secret that an answer hands out is given once."""
    message = CRM.type(CRM.method(path).output_type.full_name).FromString(answer)
    for field in message.DESCRIPTOR.fields:
        if rules(field).secret:
            message.ClearField(field.name)
    return message


def check_nothing_breaks(path, sample, callers):
    """A valid request, through the gateway too: never one of the answers that mean a fault of ours."""
    for caller in (callers["admin"], callers["admin_by_gateway"]):
        code, error, _ = caller.call(path, sample.remade(path).request(path).SerializeToString())
        report(code not in FORBIDDEN, f"{path} with a valid request does not break", f"{code} {error and error.details()}")


# ---- the records that the checks use ----


class Records(Sample):
    """A tenant with one record of each kind, made by the Create methods themselves."""

    def __init__(self, key):
        super().__init__({})
        self.admin = Caller()
        answer = self.must(IDENTITY + "CreateTenant", tenant={"key": key, "display_name": key}, administrator_email=f"admin@{key}.example.com",
                           administrator_name="Admin", administrator_password=PASSWORD, bootstrap_secret=bootstrap_secret())
        self.ids["tenant"] = answer.tenant.id
        self.key = key
        self.admin.token = self.sign_in(f"admin@{key}.example.com").access_token
        self.ids["user"] = answer.administrator.id
        for path in [m for m in METHODS if CRM.method(m).name.startswith("Create") and m != IDENTITY + "CreateTenant"] * 2:
            if target_of(path) not in self.ids or target_of(path) == "user":
                self.make(path)
        self.ids["inquiry"] = self.must("crm.contacts.v1.ContactsService/SubmitInquiry", inquiry={"channel": "web", "from_email": "who@example.com"}).id

    def must(self, path, **fields):
        code, error, answer = self.admin.call(path, CRM.new(CRM.method(path).input_type.full_name, **fields).SerializeToString())
        assert code == Code.OK, f"{path}: {code} {error and error.details()}"
        return CRM.type(CRM.method(path).output_type.full_name).FromString(answer)

    def sign_in(self, email):
        answer = self.must(IDENTITY + "Authenticate", password={"tenant_key": self.key, "email": email, "password": PASSWORD})
        self.ids["session"] = answer.session.id
        return answer

    def make(self, path):
        """Makes one more record of a kind; False if that needs others first."""
        request = self.request(path)
        record = getattr(request, target_of(path))
        for field in record.DESCRIPTOR.fields:
            if field.name == "email":
                record.email = f"user{next(counter)}@example.com"
        end = time.monotonic() + 20
        code, error, answer = self.admin.call(path, request.SerializeToString())
        # each service hears of a new user in its own time
        while code == Code.INVALID_ARGUMENT and "is not an active user" in error.details() and time.monotonic() < end:
            time.sleep(0.05)
            code, error, answer = self.admin.call(path, request.SerializeToString())
        if code == Code.OK:
            self.ids[target_of(path)] = CRM.type(CRM.method(path).output_type.full_name).FromString(answer).id
        else:
            print(f"# {path}: {code} {error.details()}")
        return code == Code.OK

    def remade(self, path):
        """For calls with an effect: fresh records to have it on."""
        name, target = CRM.method(path).name, target_of(path)
        service = path.split("/")[0]
        prepared = Prepared(dict(self.ids))
        if name.startswith(("Delete", "Undelete", "BatchDelete", "Create", "BatchCreate")) and f"{service}/Create{title(target)}" in METHODS:
            if target == "affiliation":  # a pair is linked once
                self.make(f"{service}/CreateContact")
                prepared.ids["contact"] = self.ids["contact"]
            if not name.startswith(("Create", "BatchCreate")):
                kept = self.ids[target]
                self.make(f"{service}/Create{title(target)}")
                prepared.ids[target], self.ids[target] = self.ids[target], kept
        if name.startswith("Undelete"):
            self.must(f"{service}/Delete{title(target)}", id=prepared.ids[target])
        if name == "RevokeSession":
            kept = self.ids["session"]
            self.sign_in(f"admin@{self.key}.example.com")
            prepared.ids["session"], self.ids["session"] = self.ids["session"], kept
        return prepared


class Prepared(Sample):
    def request(self, path):
        request = super().request(path)
        for message in (request, *nested_requests(request)):
            if "user" in message.DESCRIPTOR.fields_by_name and message.DESCRIPTOR.fields_by_name["user"].message_type is not None:
                message.user.email = f"user{next(counter)}@example.com"
        return request


def title(name):
    return "".join(part.capitalize() for part in name.split("_"))


def chosen(names):
    """The methods to check: those of the named services, or all; calls between services are no API."""
    found = [m for m in METHODS if m.split(".")[1] != "internal" and (not names or m.split(".")[1] in names)]
    missing = set(names) - {m.split(".")[1] for m in found}
    assert found and not missing, f"no such service: {missing}"
    return found


def main():
    a, b = Records("alpha"), Records("beta")
    a.must(IDENTITY + "CreateUser", user={"email": "powerless@example.com", "display_name": "Powerless", "password": PASSWORD})
    kept = a.ids["session"]
    powerless = a.sign_in("powerless@example.com").access_token
    a.ids["session"] = kept
    callers = {
        "admin": a.admin, "admin_by_gateway": Caller(True, a.admin.token), "foreign": b.admin,
        "nobody": [Caller(), Caller(True)], "powerless": [Caller(False, powerless), Caller(True, powerless)],
    }
    for path in chosen(sys.argv[1:]):
        for check in (check_no_token, check_no_permission, check_foreign_id, check_required, check_too_long, check_bad_text, check_hostile_wire, check_request_id,
                      check_nothing_breaks):
            check(path, a, callers)
    finish()


if __name__ == "__main__":
    main()
