# tests/interop/cbor.py CBOR_LINES: our codec beside cbor2 (Debian: python3-cbor2), an independent one.
# Random values go as JSON to our filter; its CBOR must be what cbor2 writes in canonical form and must read back equal there,
# and its JSON must mean the same to Python. Exit 77 (skipped) where cbor2 is not installed.
import datetime
import json
import math
import random
import subprocess
import sys

try:
    # The Python half: the C half of cbor2 5.4 writes 2^15 to 65504 wider than needed (RFC 8949 appendix A has 65504 as f97bff).
    from cbor2.decoder import loads
    from cbor2.encoder import dumps
except ImportError:
    print("python has no cbor2 here: nothing compared")
    sys.exit(77)

VALUES = 5000
dice = random.Random(8949)
CHARACTERS = 'abcz09 _-.:@"\\/\b\f\n\r\t\x00\x1f\x7füß水é\u2028\ud7ff\ue000\uffff🐘\U0010ffff'


def text():
    return "".join(dice.choice(CHARACTERS) for _ in range(dice.choice((0, 1, 3, 8, 30, 300))))


def number():
    kind = dice.randrange(6)
    if kind == 0:
        return dice.randrange(-30, 300)
    if kind == 1:
        return dice.randrange(-(2**63), 2**63) >> dice.randrange(64)
    if kind == 2:
        return dice.randrange(-4096, 4096) / 16
    if kind == 3:
        return round(dice.uniform(-1000, 1000), dice.randrange(6))
    if kind == 4:
        return math.ldexp(dice.randrange(1, 2**24), dice.randrange(-160, 110))
    return math.ldexp(dice.random() - 0.5, dice.randrange(-1060, 1024))


# Canonical order of RFC 7049, which cbor2 writes, and of RFC 8949 are one for text keys. A lone @… member would be a special object.
def value(depth=0):
    kind = dice.randrange(8 if depth < 5 else 5)
    count = dice.choice((0, 1, 2, 3, 30) if depth == 0 else (0, 1, 2))
    if kind < 2:
        return text()
    if kind < 4:
        return number()
    if kind == 4:
        return dice.choice((None, True, False))
    if kind == 5:
        return [value(depth + 1) for _ in range(count)]
    return {"k" + text(): value(depth + 1) for _ in range(count)}


def same(a, b):
    """Equal in value and in type: to Python 1 == 1.0 == True."""
    if type(a) is not type(b):
        return False
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return a == b and str(a) == str(b)  # str tells -0.0 from 0.0


# A time is a text to us and tag 0 to any other tool, which reads the instant out of it.
def check_times(filter_path):
    first = datetime.datetime(1, 1, 1, tzinfo=datetime.timezone.utc)
    times = [first + datetime.timedelta(days=dice.randrange(3652058), seconds=dice.randrange(86400), microseconds=micros)
             for micros in (0, 500000, 999000, 1, 123456) for _ in range(100)]
    zone = datetime.timezone(datetime.timedelta(minutes=-90))
    lines = "".join(json.dumps({"@time": (time if dice.random() < 0.5 else time.astimezone(zone)).isoformat()}) + "\n" for time in times)
    answers = subprocess.run([filter_path], input=lines.encode(), stdout=subprocess.PIPE, check=True).stdout.decode().split("\n")
    assert len(answers) == len(times) + 1
    for time, answer in zip(times, answers):
        encoded, _, printed = answer.partition(" ")
        assert loads(bytes.fromhex(encoded)) == time, "%s was read as another time: %s" % (time, answer)
        assert datetime.datetime.strptime(json.loads(printed)["@time"].replace("Z", "+0000"),
                                          "%Y-%m-%dT%H:%M:%S" + (".%f" if "." in printed else "") + "%z") == time
    print("%d times agree with cbor2" % len(times))


def main():
    check_times(sys.argv[1])
    values = [-0.0, 0.0, 5e-324, 1.7976931348623157e308, 2**63 - 1, -(2**63), 65504.0, 65505.0, 2.0**-24, 2.0**-25, {}, [], ""]
    while len(values) < VALUES:
        item = value()
        if len(json.dumps(item)) < 60000:
            values.append(item)
    lines = "".join(json.dumps(item, ensure_ascii=dice.random() < 0.5) + "\n" for item in values)
    answers = subprocess.run([sys.argv[1]], input=lines.encode(), stdout=subprocess.PIPE, check=True).stdout.decode().split("\n")
    assert len(answers) == len(values) + 1, "%d answers to %d values" % (len(answers) - 1, len(values))
    for item, answer in zip(values, answers):
        encoded, _, printed = answer.partition(" ")
        assert encoded == dumps(item, canonical=True).hex(), "%r: ours %s" % (item, answer)
        assert same(loads(bytes.fromhex(encoded)), item), "%r was read as another value" % item
        assert same(json.loads(printed), item), "%r was printed as %s" % (item, printed)
    print("%d values agree with cbor2" % len(values))


main()
