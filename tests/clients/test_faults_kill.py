"""kill -9 of each service, of PostgreSQL and of nats-server while 1000 creates run through the gateway: every acknowledged create is there once, and its event arrives once."""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from faults import Consumer, Load, Tenant, address, check, health, run_tests, stack, until  # noqa: E402

TENANT = Tenant("kill")
CONSUMER = Consumer(TENANT)
ids = []


def kill(component):
    load = Load(TENANT, f"kill -9 of {component}").start()
    load.wait_until(200)
    stack("kill", component)
    errors = sum(load.codes.values())
    # until the loss is felt, where it is felt at all
    end = time.monotonic() + 0.3
    while time.monotonic() < end and sum(load.codes.values()) == errors:
        time.sleep(0.01)
    stack("start", component)
    load.finish()
    check(not load.broken, f"{load.name}: clients are told only what they can try again", load.broken[:3])
    load.check_records()
    CONSUMER.check_events(load)
    ids.extend(load.acknowledged.values())
    until(lambda: health(address("gateway")) == "SERVING", 15, "the gateway serves again")


def contacts():
    kill("contacts")


def gateway():
    kill("gateway")


def identity():
    kill("identity")


def postgres():
    kill("postgres")


def nats():
    kill("nats")


def the_stream():
    CONSUMER.close()
    CONSUMER.check_stream(ids, "after all kills the stream holds one event per contact")


run_tests(contacts, gateway, identity, postgres, nats, the_stream)
