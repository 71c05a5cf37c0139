"""A server that others wrote (python3-grpcio) for crmctl: some methods of identity and contacts, health, and reflection.

ctl_server.py ALL.PB MODE: listens on 127.0.0.1, prints the port, serves until its standard input ends.
MODE v1: reflection v1 that sends a file with all its imports, as most servers do.
MODE v1alpha: only the older version, each file alone.
"""
import os
import sys
import threading
from concurrent import futures

import grpc

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import crmpb  # noqa: E402

IDENTITY = "crm.identity.v1.IdentityService/"
CONTACTS = "crm.contacts.v1.ContactsService/"
SERVICES = ["crm.identity.v1.IdentityService", "crm.contacts.v1.ContactsService", "grpc.health.v1.Health"]


class Server:
    def __init__(self, crm, mode):
        self.crm = crm
        self.mode = mode
        self.files = {f.name: f for f in crm.files}
        self.refreshed = 0

    # ---- reflection ----

    def file_of(self, symbol):
        try:
            return self.crm.pool.FindFileContainingSymbol(symbol).name
        except KeyError:
            return None

    def with_imports(self, name, seen):
        if name not in seen:
            seen.add(name)
            for import_ in self.files[name].dependency:
                self.with_imports(import_, seen)
        return seen

    def answer(self, question):
        answer = self.crm.new(f"grpc.reflection.{self.mode}.ServerReflectionResponse")
        kind = question.WhichOneof("message_request")
        if kind == "list_services":
            for name in SERVICES + [f"grpc.reflection.{self.mode}.ServerReflection"]:
                answer.list_services_response.service.add(name=name)
            return answer
        name = question.file_by_filename if kind == "file_by_filename" else self.file_of(question.file_containing_symbol)
        if name not in self.files:
            answer.error_response.error_code = 5
            return answer
        names = self.with_imports(name, set()) if self.mode == "v1" else {name}
        for each in names:
            answer.file_descriptor_response.file_descriptor_proto.append(self.files[each].SerializeToString())
        return answer

    def reflect(self, questions, context):
        for question in questions:
            yield self.answer(question)

    # ---- identity ----

    def tokens(self, type_, seconds):
        return self.crm.new(type_, access_token=f"access-{seconds}-{self.refreshed}", refresh_token=f"refresh-{self.refreshed}",
                            access_expire_time="2999-01-01T00:00:00Z" if seconds else "2001-01-01T00:00:00.5Z",
                            session={"id": "s-1", "user_id": "u-1"})

    def authenticate(self, request, context):
        if request.api_key == "good":
            return self.tokens("crm.identity.v1.AuthenticateResponse", 600)
        password = request.password
        if (password.tenant_key, password.email, password.password) != ("acme", "a@acme.example", 'pass "word" ž\\'):
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "the credential is not good")
        # one that has ended already: the next call must refresh it
        return self.tokens("crm.identity.v1.AuthenticateResponse", 0)

    def refresh(self, request, context):
        if request.refresh_token != f"refresh-{self.refreshed}":
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "used a second time")
        self.refreshed += 1
        return self.tokens("crm.identity.v1.RefreshSessionResponse", 600)

    def principal(self, context):
        return dict(context.invocation_metadata()).get("authorization", "")

    def get_tenant(self, request, context):
        if not self.principal(context).startswith("Bearer access-600-"):
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "no token")
        return self.crm.new("crm.identity.v1.Tenant", key="acme", display_name="Acme s.r.o.")

    def revoke(self, request, context):
        self.get_tenant(request, context)
        return self.crm.new("crm.identity.v1.RevokeSessionResponse")

    def create_tenant(self, request, context):
        if (request.bootstrap_secret, request.administrator_password) != ("secret-1", 'pass "word" ž\\'):
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "the bootstrap secret is not good")
        return self.crm.new("crm.identity.v1.CreateTenantResponse", tenant={"key": request.tenant.key},
                            administrator={"email": request.administrator_email, "display_name": request.administrator_name})

    # ---- contacts ----

    def abort_with_details(self, context):
        def any_(name, **fields):
            m = self.crm.new("google.rpc." + name, **fields)
            return {"type_url": "type.googleapis.com/google.rpc." + name, "value": m.SerializeToString()}
        status = self.crm.type("google.rpc.Status")(code=3, message="id: is not good")
        for detail in (any_("ErrorInfo", reason="ID_ODD", domain="contacts.crm"),
                       any_("BadRequest", field_violations=[{"field": "id", "description": "is not good\x1b[2J"},
                                                            {"field": "etag", "description": "is too old"}]),
                       any_("RetryInfo", retry_delay="1.500s")):
            status.details.add(**detail)
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "id: is not good")

    def get_contact(self, request, context):
        if request.id == "odd":
            self.abort_with_details(context)
        if request.id == "slow":
            threading.Event().wait(context.time_remaining() + 1)
        metadata = dict(context.invocation_metadata())
        return self.crm.new("crm.contacts.v1.Contact", id=request.id, display_name=metadata.get("x-name", "Jana Nováková"),
                            creator_id=self.principal(context))

    def import_contacts(self, requests, context):
        answer = self.crm.new("crm.contacts.v1.ImportContactsResponse")
        for request in requests:
            if request.key == "stop":
                context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "enough")
            answer.verdicts.add(row=len(answer.verdicts) + 1, key=request.key, outcome=1)
        answer.created_count = len(answer.verdicts)
        return answer

    def export_contacts(self, request, context):
        for n in range(int(request.filter)):
            yield self.crm.new("crm.contacts.v1.Contact", id=str(n), display_name="x" * 1000)

    # ---- health ----

    def check(self, request, context):
        if request.service == "unknown":
            context.abort(grpc.StatusCode.NOT_FOUND, "no such service")
        return self.crm.new("grpc.health.v1.HealthCheckResponse", status="NOT_SERVING" if request.service == "sick" else "SERVING")

    def watch(self, request, context):
        for state in ("NOT_SERVING", "SERVING"):
            yield self.crm.new("grpc.health.v1.HealthCheckResponse", status=state)

    def handlers(self):
        reflection = f"grpc.reflection.{self.mode}.ServerReflection/ServerReflectionInfo"
        for path, handler in {
                reflection: self.reflect,
                IDENTITY + "Authenticate": self.authenticate, IDENTITY + "RefreshSession": self.refresh,
                IDENTITY + "GetTenant": self.get_tenant, IDENTITY + "RevokeSession": self.revoke,
                IDENTITY + "CreateTenant": self.create_tenant,
                CONTACTS + "GetContact": self.get_contact, CONTACTS + "ImportContacts": self.import_contacts,
                CONTACTS + "ExportContacts": self.export_contacts,
                "grpc.health.v1.Health/Check": self.check, "grpc.health.v1.Health/Watch": self.watch}.items():
            yield path, self.method_handler(path, handler)

    def method_handler(self, path, handler):
        method = self.crm.method(path)
        kind = "_".join("stream" if streams else "unary" for streams in self.crm.streams(path))
        return getattr(grpc, kind + "_rpc_method_handler")(
            handler, request_deserializer=self.crm.type(method.input_type.full_name).FromString,
            response_serializer=lambda m: m.SerializeToString())


def main():
    instance = Server(crmpb.Crm(sys.argv[1]), sys.argv[2])
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8), options=[("grpc.so_reuseport", 0)])
    by_service = {}
    for path, handler in instance.handlers():
        service, name = path.split("/")
        by_service.setdefault(service, {})[name] = handler
    server.add_generic_rpc_handlers(tuple(grpc.method_handlers_generic_handler(s, h) for s, h in by_service.items()))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(0)


if __name__ == "__main__":
    main()
