"""Where a call comes from: x-forwarded-for is believed only of those who are trusted, and every limit per address holds behind the gateway and without it."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import crmpb  # noqa: E402
from faults import IDENTITY, Service, free_port  # noqa: E402
from office import CRM, PASSWORD, Code, Office, Person, code_of, run, stories  # noqa: E402

OFFICE = Office("origin")


def _identity(**settings):
    """One more replica of identity."""
    return Service("identity", listen=f"127.0.0.1:{free_port()}", metrics="", **settings).start_and_wait()


def _sign_in(target, forwarded, email=None, password=PASSWORD):
    client = CRM.client(target, metadata=(("x-forwarded-for", forwarded),) if forwarded else ())
    return client.call(IDENTITY + "Authenticate", password={"tenant_key": OFFICE.key, "email": email or OFFICE.email("admin"), "password": password})


def _guesses(target, n):
    """Codes of failed sign-ins, each on an account of its own and with an address of its own making."""
    return [code_of(_sign_in, target, f"203.0.113.{i}", f"nobody{i}@example.com") for i in range(n)]


def a_stranger_does_not_choose_the_address_that_is_counted():
    distrustful = _identity(trusted_proxies="", address_attempts=5)
    codes = _guesses(distrustful.address, 7)
    distrustful.end()
    assert codes == [Code.UNAUTHENTICATED] * 5 + [Code.RESOURCE_EXHAUSTED] * 2, codes


def a_trusted_proxy_is_believed_but_not_who_wrote_before_it():
    trusting = _identity(trusted_proxies="10.0.0.0/8, 127.0.0.1", address_attempts=1000)
    cases = {
        "": "127.0.0.1",
        "198.51.100.7": "198.51.100.7",
        "203.0.113.1, 198.51.100.7": "198.51.100.7",
        "203.0.113.1,198.51.100.7, 10.1.2.3": "198.51.100.7",
        "2001:db8::7": "2001:db8::7",
        "198.51.100.7, nonsense": "127.0.0.1",
        "nonsense, 198.51.100.7": "198.51.100.7",
        "10.1.1.1": "10.1.1.1",
    }
    seen = {forwarded: _sign_in(trusting.address, forwarded).session.address for forwarded in cases}
    trusting.end()
    assert seen == cases, seen


def behind_the_gateway_the_client_counts():
    assert _sign_in(os.environ["GATEWAY_ADDR"], "198.51.100.7").session.address == "127.0.0.1"


def a_wrong_list_of_proxies_stops_the_start_with_its_name():
    wrong = Service("identity", trusted_proxies="the gateway", listen="127.0.0.1:0", metrics="")
    assert wrong.start().process.wait(20) == 2
    with open(os.path.join(os.environ["CRM_RUN_DIR"], "log", "identity.log"), encoding="utf-8") as log:
        assert "--trusted-proxies" in log.read()


def the_view_of_a_customer_is_limited_as_what_is_forwarded():
    contact = OFFICE.admin.CreateContact(contact={"display_name": "Zákazník"})
    for limit in ("principal", "address"):
        gateway = Service("gateway", listen=f"127.0.0.1:{free_port()}", metrics="", **{f"{limit}_rate": 1, f"{limit}_burst": 5}).start_and_wait()
        client = CRM.client(gateway.address, OFFICE.admin.client.token)
        failed = [crmpb.error_of(client.call, "crm.gateway.v1.GatewayService/GetCustomer360", contact_id=contact.id) if i >= 5
                  else client.call("crm.gateway.v1.GatewayService/GetCustomer360", contact_id=contact.id) for i in range(7)][5:]
        gateway.end()
        assert all(e.code() == Code.RESOURCE_EXHAUSTED and "RetryInfo" in CRM.details(e) for e in failed), failed


def each_principal_has_a_limit_of_its_own():
    gateway = Service("gateway", listen=f"127.0.0.1:{free_port()}", metrics="", principal_rate=1, principal_burst=5).start_and_wait()
    os.environ["LIMITED_ADDR"] = gateway.address
    other = OFFICE.person("other", {"contacts.contacts.read": "LEVEL_ALL"})
    codes = [OFFICE.admin.at("LIMITED_ADDR").code("ListContacts") for _ in range(7)]
    assert codes == [Code.OK] * 5 + [Code.RESOURCE_EXHAUSTED] * 2, codes
    assert other.at("LIMITED_ADDR").code("ListContacts") == Code.OK
    gateway.end()


if __name__ == "__main__":
    try:
        run(stories())
    finally:
        Service.end_all()
