"""Sessions under attack and in trouble: revoked ones are refused everywhere within 5 s, tokens outlive a restart of identity, forged ones are worth nothing, and guessing is throttled."""
import base64
import concurrent.futures
import ctypes
import ctypes.util
import hashlib
import hmac
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import grpc  # noqa: E402

from faults import CONTACTS, CRM, IDENTITY, PASSWORD, Code, Service, Tenant, address, check, connect, health, run_tests, stack, until  # noqa: E402

TENANT = Tenant("session")
PATHS = {"identity": IDENTITY + "ListTeams", "contacts": CONTACTS + "ListContacts", "gateway": CONTACTS + "ListContacts"}
LIMIT = 5  # seconds until a revoked session is refused everywhere
sodium = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")


def code_of(name, token):
    client = connect(address(name), token)
    try:
        client.call(PATHS[name], timeout=5)
        return Code.OK
    except grpc.RpcError as error:
        return error.code()
    finally:
        client.channel.close()


def codes(token):
    return {name: code_of(name, token).name for name in PATHS}


# ---- revocation ----


def refusals(token, begun):
    """When each service refused the token for the first time, in seconds; waits for twice the limit."""
    times = {}
    while len(times) < len(PATHS) and time.monotonic() - begun < 2 * LIMIT:
        for name in PATHS:
            if name not in times and code_of(name, token) == Code.UNAUTHENTICATED:
                times[name] = time.monotonic() - begun
        time.sleep(0.02)
    return times


def check_refused(token, begun, when):
    times = refusals(token, begun)
    check(len(times) == len(PATHS) and max(times.values()) < LIMIT, f"a revoked session is refused by every service within {LIMIT} s{when}", times)
    print(f"# refused after {({n: round(t, 2) for n, t in times.items()})} s", flush=True)


def a_revoked_session():
    session = TENANT.sign_in()
    check(set(codes(session.access_token).values()) == {"OK"}, "a session is good everywhere", codes(session.access_token))
    TENANT.client().call(IDENTITY + "RevokeSession", id=session.session.id)
    check_refused(session.access_token, time.monotonic(), "")
    check(set(codes(TENANT.token).values()) == {"OK"}, "another session of the same user goes on", codes(TENANT.token))
    error = refresh(session)
    check(error == Code.UNAUTHENTICATED, "a revoked session cannot be refreshed", error)


def refresh(session):
    try:
        connect(address("gateway")).call(IDENTITY + "RefreshSession", refresh_token=session.refresh_token)
        return Code.OK
    except grpc.RpcError as error:
        return error.code()


def revoked_while_nats_is_away():
    session = TENANT.sign_in()
    check(set(codes(session.access_token).values()) == {"OK"}, "a session is good everywhere", codes(session.access_token))
    stack("stop", "nats")
    connect(address("identity"), TENANT.token).call(IDENTITY + "RevokeSession", id=session.session.id)
    check(code_of("identity", session.access_token) == Code.UNAUTHENTICATED, "identity refuses the revoked session at once, even without NATS")
    check(refresh(session) == Code.UNAUTHENTICATED, "nor can it be refreshed")
    stack("start", "nats")
    until(lambda: health(address("identity")) == "SERVING", 20, "identity serves")
    check_refused(session.access_token, time.monotonic(), " of NATS being back")


def revoked_before_a_service_starts():
    session = TENANT.sign_in()
    TENANT.client().call(IDENTITY + "RevokeSession", id=session.session.id)
    stack("stop", "contacts")
    stack("start", "contacts")
    check_refused(session.access_token, time.monotonic(), " of a service's start")


# ---- keys and tokens ----


def a_restart_of_identity():
    session = TENANT.sign_in()
    stack("kill", "identity")
    check(code_of("contacts", session.access_token) == Code.OK, "tokens are good while identity is away")
    stack("start", "identity")
    until(lambda: set(codes(session.access_token).values()) == {"OK"}, 10, "tokens are good after a restart of identity")
    check(True, "tokens are good after a restart of identity")
    check(refresh(session) == Code.OK, "sessions can be refreshed after a restart of identity")


def part(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unpart(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def signature_of(signed):
    """By a key pair of our own."""
    public, secret, out = ctypes.create_string_buffer(32), ctypes.create_string_buffer(64), ctypes.create_string_buffer(64)
    sodium.crypto_sign_keypair(public, secret)
    sodium.crypto_sign_detached(out, None, signed, ctypes.c_ulonglong(len(signed)), secret)
    return out.raw


def forged(header, claims, sign=signature_of):
    signed = f"{part(json.dumps(header).encode())}.{part(json.dumps(claims).encode())}"
    return f"{signed}.{part(sign(signed.encode()))}"


def forgeries():
    """What each one is, and the token."""
    good = TENANT.token
    header, claims, signature = good.split(".")
    h, c = json.loads(unpart(header)), json.loads(unpart(claims))
    public = next(k.public_key for k in connect(address("identity")).call(IDENTITY + "GetKeySet").keys if k.kid == h["kid"])
    flipped = bytearray(unpart(signature))
    flipped[10] ^= 1
    yield "signed by an unknown key of an unknown name", forged(dict(h, kid="0198f2a0-0000-7000-8000-000000000000"), c)
    yield "signed by an unknown key of a known name", forged(h, c)
    yield "without a key's name", forged({k: v for k, v in h.items() if k != "kid"}, c)
    yield "with other claims", f"{header}.{part(json.dumps(dict(c, tid='0198f2a0-0000-7000-8000-000000000000')).encode())}.{signature}"
    yield "with a later end", f"{header}.{part(json.dumps(dict(c, exp=c['exp'] + 3600)).encode())}.{signature}"
    yield "with a flipped bit in its signature", f"{header}.{claims}.{part(bytes(flipped))}"
    yield "with alg none", forged(dict(h, alg="none"), c, lambda _: b"")
    yield "with alg none and the good signature", f"{part(json.dumps(dict(h, alg='none')).encode())}.{claims}.{signature}"
    yield "with alg HS256 and the public key as secret", forged(dict(h, alg="HS256"), c, lambda signed: hmac.new(public, signed, hashlib.sha256).digest())
    yield "without a signature", f"{header}.{claims}."
    yield "cut short", good[:-10]
    yield "of nothing but dots", ".."
    yield "that is empty JSON", f"{part(b'{}')}.{part(b'{}')}.{signature}"
    yield "with another header", f"{part(json.dumps(dict(h, typ='x')).encode())}.{claims}.{signature}"


def forged_tokens():
    for what, token in forgeries():
        answers = codes(token)
        check(set(answers.values()) == {"UNAUTHENTICATED"}, f"a token {what} is UNAUTHENTICATED everywhere", answers)
    check(set(codes(TENANT.token).values()) == {"OK"}, "the good token still is", codes(TENANT.token))


# ---- guessing ----

ATTEMPTS = 5


def guess(tenant, email, password, forwarded=None):
    """(code, whether the details say when to try again)"""
    client = connect(address("identity"))
    metadata = (("x-forwarded-for", forwarded),) if forwarded else ()
    try:
        client.call(IDENTITY + "Authenticate", timeout=20, metadata=metadata, password={"tenant_key": tenant.key, "email": email, "password": password})
        return Code.OK, False
    except grpc.RpcError as error:
        return error.code(), CRM.details(error).get("RetryInfo") is not None and CRM.details(error)["RetryInfo"].retry_delay.seconds > 0
    finally:
        client.channel.close()


def throttling():
    identity = Service.instead_of_the_stack("identity", account_attempts=ATTEMPTS, throttle_time="10s")
    client = connect(address("identity"), TENANT.token)
    for name in ("one", "two", "three"):
        client.call(IDENTITY + "CreateUser", user={"email": f"{name}@session.example.com", "display_name": name, "password": PASSWORD})
    one, two, three = (f"{name}@session.example.com" for name in ("one", "two", "three"))

    answers = [guess(TENANT, one, f"wrong {i}")[0] for i in range(ATTEMPTS)]
    check(answers == [Code.UNAUTHENTICATED] * ATTEMPTS, f"{ATTEMPTS} wrong passwords are UNAUTHENTICATED", answers)
    since = time.monotonic()
    answer = guess(TENANT, one, "wrong again")
    check(answer == (Code.RESOURCE_EXHAUSTED, True), "the next is RESOURCE_EXHAUSTED and says when to try again", answer)
    answer = guess(TENANT, one, PASSWORD)
    check(answer == (Code.RESOURCE_EXHAUSTED, True), "so is the right one, which would tell a guesser that it is right", answer)
    answer = guess(TENANT, one.upper(), PASSWORD, "203.0.113.9")
    check(answer[0] == Code.RESOURCE_EXHAUSTED, "another spelling and another address are the same account", answer)
    check(guess(TENANT, two, PASSWORD)[0] == Code.OK, "another account is not affected")
    answer = guess(TENANT, "nobody@session.example.com", "wrong")
    check(answer[0] == Code.UNAUTHENTICATED, "an account that is not there answers like one that is", answer)

    for i in range(ATTEMPTS - 1):
        guess(TENANT, two, f"wrong {i}")
    check(guess(TENANT, two, PASSWORD)[0] == Code.OK, "a success before the limit is let in")
    answers = [guess(TENANT, two, f"wrong {i}")[0] for i in range(ATTEMPTS)]
    check(answers == [Code.UNAUTHENTICATED] * ATTEMPTS, "and forgives the failures before it", answers)

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda i: guess(TENANT, three, f"guess {i}")[0], range(40)))
    tried = answers.count(Code.UNAUTHENTICATED)
    check(tried <= ATTEMPTS and tried + answers.count(Code.RESOURCE_EXHAUSTED) == len(answers), f"of 40 guesses side by side no more than {ATTEMPTS} are looked at",
          f"{tried} were; {set(answers)}")

    until(lambda: guess(TENANT, one, PASSWORD)[0] == Code.OK, 15, "the account can be used again")
    check(time.monotonic() - since > 3, "after the time the account can be used again", f"after {time.monotonic() - since:.1f} s")
    check(identity.is_alive(), "identity stays")


run_tests(a_revoked_session, revoked_while_nats_is_away, revoked_before_a_service_starts, a_restart_of_identity, forged_tokens, throttling)
