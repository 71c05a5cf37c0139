#!/usr/bin/python3
"""Judges our JSON mapping by that of python3-protobuf: random messages, both ways, and texts that must be refused.

usage: json_judge.py PEER DESCRIPTOR_SET [ROUNDS [SEED]]
"""
import json
import random
import subprocess
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import FieldDescriptor as F

WORDS = ["", "a", "Žluťoučký kůň", "дмитро", 'quote " and \\ slash', "line\nbreak\ttab", "\x01\x7f", "😀", "a/b", "</script>"]
INTS = [0, 1, -1, 127, 128, 2**31 - 1, -(2**31), 2**53 + 1, 2**63 - 1, -(2**63)]
UINTS = [0, 1, 255, 2**32 - 1, 2**53 + 1, 2**64 - 1]
FLOATS = [0.0, 1.0, -1.5, 0.1, 1e-7, 1e20, 123456789.0, 3.4e38, float("inf"), float("-inf"), float("nan")]
ANY_TYPES = ["google.protobuf.Duration", "google.protobuf.FieldMask", "google.protobuf.Timestamp"]
EVERYTHING = "crm.test.v1.Everything"


class Generator:
    def __init__(self, rng, factory, pool):
        self.rng, self.factory, self.pool = rng, factory, pool

    def scalar(self, f):
        rng, t = self.rng, f.cpp_type
        if f.type == F.TYPE_BYTES:
            return bytes(rng.randrange(256) for _ in range(rng.randrange(7)))
        if t == F.CPPTYPE_STRING:
            return rng.choice(WORDS)
        if t == F.CPPTYPE_BOOL:
            return rng.random() < 0.5
        if t == F.CPPTYPE_ENUM:
            return rng.choice([v.number for v in f.enum_type.values] + ([77] if len(f.enum_type.values) > 1 else []))
        if t == F.CPPTYPE_DOUBLE:
            return rng.choice(FLOATS + [rng.uniform(-1e9, 1e9), 5e-324, 1.7976931348623157e308])
        if t == F.CPPTYPE_FLOAT:
            return rng.choice(FLOATS)
        bits, pool = (32 if t in (F.CPPTYPE_INT32, F.CPPTYPE_UINT32) else 64), INTS
        if t in (F.CPPTYPE_UINT32, F.CPPTYPE_UINT64):
            return rng.choice([v for v in UINTS if v < 2**bits])
        return rng.choice([v for v in pool if -(2 ** (bits - 1)) <= v < 2 ** (bits - 1)])

    def fill_known(self, m, depth):
        rng, name = self.rng, m.DESCRIPTOR.name
        if name == "Timestamp":
            m.seconds = rng.choice([0, -1, 1700000000, -62135596800, 253402300799, 951782400, rng.randrange(-62135596800, 253402300799)])
            m.nanos = rng.choice([0, 1, 1000, 500000000, 999999999])
        elif name == "Duration":
            sign = rng.choice([1, -1])
            m.seconds = sign * rng.choice([0, 1, 315576000000 - 1])
            m.nanos = sign * rng.choice([0, 1, 1000, 500000000, 999999999])
        elif name == "FieldMask":
            m.paths.extend(rng.choice(["name", "given_name", "a.b_c", "x1"]) for _ in range(rng.randrange(3)))
        elif name == "Value":
            kind = rng.randrange(6)
            if kind == 0:
                m.null_value = 0
            elif kind == 1:
                m.number_value = rng.choice([0.0, 1.5, -1e20])
            elif kind == 2:
                m.string_value = rng.choice(WORDS)
            elif kind == 3:
                m.bool_value = rng.random() < 0.5
            elif kind == 4 and depth < 3:
                self.fill_known(m.struct_value, depth + 1)
                m.struct_value.SetInParent()
            else:
                m.list_value.SetInParent()
                if depth < 3:
                    self.fill_known(m.list_value, depth + 1)
        elif name == "Struct":
            for _ in range(rng.randrange(3)):
                self.fill_known(m.fields[rng.choice(WORDS)], depth + 1)
        elif name == "ListValue":
            for _ in range(rng.randrange(3)):
                self.fill_known(m.values.add(), depth + 1)
        elif name == "Any":
            inner = self.message(rng.choice(ANY_TYPES), 3)
            m.Pack(inner)
        elif name != "Empty":  # a wrapper
            m.value = self.scalar(m.DESCRIPTOR.fields_by_name["value"])
        m.SetInParent()

    def fill(self, m, depth):
        for f in m.DESCRIPTOR.fields:
            if self.rng.random() > (0.25 if depth == 0 else 0.08):
                continue
            if f.type == F.TYPE_MESSAGE and f.message_type.GetOptions().map_entry:
                self.fill_map(getattr(m, f.name), f.message_type, depth)
            elif f.type == F.TYPE_MESSAGE:
                target = getattr(m, f.name)
                for _ in range(self.rng.randrange(1, 4) if f.label == F.LABEL_REPEATED else 1):
                    one = target.add() if f.label == F.LABEL_REPEATED else target
                    one.SetInParent()
                    self.fill_any_kind(one, depth + 1)
            elif f.label == F.LABEL_REPEATED:
                getattr(m, f.name).extend(self.scalar(f) for _ in range(self.rng.randrange(4)))
            else:
                setattr(m, f.name, self.scalar(f))

    def fill_any_kind(self, m, depth):
        if m.DESCRIPTOR.file.package == "google.protobuf":
            self.fill_known(m, depth)
        elif depth < 5:
            self.fill(m, depth)

    def fill_map(self, target, entry, depth):
        key, value = entry.fields_by_name["key"], entry.fields_by_name["value"]
        for _ in range(self.rng.randrange(3)):
            k = self.scalar(key)
            if value.type == F.TYPE_MESSAGE:
                self.fill_any_kind(target[k], depth + 1)
            else:
                target[k] = self.scalar(value)

    def message(self, name, depth=0):
        m = self.factory.GetPrototype(self.pool.FindMessageTypeByName(name))()
        self.fill_any_kind(m, depth)
        return m


class Peer:
    def __init__(self, path, descriptors):
        self.process = subprocess.Popen([path, descriptors], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, verb, name, data):
        self.process.stdin.write(f"{verb} {name} {data.hex()}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"json_judge: the peer died of {verb} {name} {data.hex()}")
        return line.strip()


REFUSED = [
    '{"anInt32": 1.5}', '{"anInt32": 2147483648}', '{"anInt32": "x"}', '{"anInt32": [1]}', '{"aUint64": -1}', '{"aBool": "true"}',
    '{"aColor": "BLUE"}', '{"timestamp": "yesterday"}', '{"timestamp": "0000-01-01T00:00:00Z"}', '{"duration": "1"}', '{"duration": "315576000001s"}',
    '{"strings": [null]}', '{"strings": {}}', '{"choiceInt": 1, "choiceString": "a"}', '{"nope": 1}',
    '{"stringsByString": {"a": 1}}', '{"any": {"value": 1}}', '{"any": {"@type": "x/none.Such"}}', '{"aBytes": 5}', '{"a": ', '{"aFloat": 1e39}',
]


def main():
    peer, pool, types = Peer(sys.argv[1], sys.argv[2]), descriptor_pool.DescriptorPool(), []
    with open(sys.argv[2], "rb") as f:
        for file in descriptor_pb2.FileDescriptorSet.FromString(f.read()).file:
            pool.AddSerializedFile(file.SerializeToString())
            if file.package.startswith("crm.") and file.syntax == "proto3":
                types += [f"{file.package}.{m.name}" for m in file.message_type]
    if EVERYTHING in types:  # the richest by far
        types += [EVERYTHING] * len(types)
    factory = message_factory.MessageFactory(pool)
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 2000
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    generator = Generator(random.Random(seed), factory, pool)
    for i in range(rounds):
        name = types[i % len(types)]
        m = generator.message(name)
        want = m.SerializeToString(deterministic=True)
        theirs = json_format.MessageToJson(m, descriptor_pool=pool, preserving_proto_field_name=i % 3 == 0)
        wire = peer.ask("to_wire", name, theirs.encode())
        if wire.startswith("!"):
            sys.exit(f"json_judge: round {i}: refused {wire}\n{theirs}")
        if type(m).FromString(bytes.fromhex(wire)).SerializeToString(deterministic=True) != want:
            sys.exit(f"json_judge: round {i}: read differently\n{theirs}\n{type(m).FromString(bytes.fromhex(wire))}")
        ours = peer.ask("to_json", name, want)
        if ours.startswith("!"):
            sys.exit(f"json_judge: round {i}: not printed {ours}\n{theirs}")
        text = bytes.fromhex(ours).decode()
        back = json_format.Parse(text, type(m)(), descriptor_pool=pool)
        if back.SerializeToString(deterministic=True) != want:
            sys.exit(f"json_judge: round {i}: printed differently\n{text}\n{theirs}")
        if set(json.loads(text)) != set(json_format.MessageToDict(m, descriptor_pool=pool)):
            sys.exit(f"json_judge: round {i}: other fields printed\n{text}\n{theirs}")
    refused = REFUSED if EVERYTHING in types else []
    for text in refused:
        everything = factory.GetPrototype(pool.FindMessageTypeByName(EVERYTHING))
        try:
            json_format.Parse(text, everything(), descriptor_pool=pool)
            sys.exit(f"json_judge: the judge itself takes {text}")
        except json_format.ParseError:
            pass
        if not peer.ask("to_wire", EVERYTHING, text.encode()).startswith("!"):
            sys.exit(f"json_judge: took {text}")
    kinds = len(set(types))
    print(f"json_judge: {rounds} messages of {kinds} types agree both ways, {len(refused)} texts are refused by both")


main()
