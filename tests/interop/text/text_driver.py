#!/usr/bin/env python3
# tests/interop/text/text_driver.py DRIVER: requests of text-driver and what it says to them, bad ones among them; it lives through all.
import json
import random
import subprocess
import sys

HELLO = "01010100040101740568656c6c6f00"  # a Yjs document of client 1 whose text "t" is "hello"

# (request, members of the reply; a string: the error begins so)
CASES = [
    ('{"op": "new", "doc": "a", "client": 1, "gc": true}', {}),
    ('{"op": "insert", "doc": "a", "name": "t", "index": 0, "text": "hello"}', {"update": HELLO}),
    ('{"op": "new", "doc": 2, "gc": false}', {}),
    ('{"op": "apply", "doc": 2, "update": "%s", "v": 1}' % HELLO, {}),
    ('{"op": "format", "doc": "a", "name": "t", "index": 1, "length": 3, "attributes": {"b": true}}', {}),
    ('{"op": "delta", "doc": "a", "name": "t"}',
     {"delta": [{"insert": "h"}, {"insert": "ell", "attributes": {"b": True}}, {"insert": "o"}]}),
    ('{"op": "attributes", "doc": "a", "name": "t", "index": 3}', {"attributes": {"b": True}}),
    ('{"op": "delete", "doc": "a", "name": "t", "index": 0, "length": 4}', {}),
    ('{"op": "json", "doc": "a", "name": "t", "type": "text"}', {"json": "o"}),
    ('{"op": "json", "doc": 2, "name": "t"}', {"json": "hello"}),
    ('{"op": "state-vector", "doc": 2}', {"sv": "010105"}),
    ('{"op": "snapshot", "doc": 2}', {"snapshot": "00010105"}),
    ('{"op": "encode", "doc": 2, "v": 1}', {"update": HELLO}),
    ('{"op": "encode", "doc": 2, "v": 1, "sv": "010105"}', {"update": "0000"}),
    ('{"op": "merge", "updates": ["%s", "%s"], "v": 1}' % (HELLO, HELLO), {"update": HELLO}),
    ('{"op": "diff", "update": "%s", "sv": "010102", "v": 1}' % HELLO, {"update": "0101010284010103" + "6c6c6f00"}),
    ('{"op": "update-state-vector", "update": "%s"}' % HELLO, {"sv": "010105"}),
    ('{"op":"insert","doc":2,"name":"t","index":5,"text":"\\ud83d\\ude00\\n\\"\\ud800"}', {}),
    ('{"op":"json","doc":2,"name":"t"}', {"json": "hello\U0001f600\n\"\ufffd"}),
    ('{"op":"array-insert","doc":2,"name":"list","index":0,"values":[1,{"k":[]}]}', {}),
    ('{"op":"array-type","doc":2,"name":"list","index":2,"kind":"map"}', {}),
    ('{"op":"map-set","doc":2,"name":"list","type":"array","path":[2],"key":"x","value":null}', {}),
    ('{"op":"json","doc":2,"name":"list","type":"array"}', {"json": [1, {"k": []}, {"x": None}]}),
    ('{"op":"begin","doc":2}', {}),
    ('{"op":"begin","doc":2}', "E_STATE"),
    ('{"op":"delete","doc":2,"name":"t","index":0,"length":1}', {}),
    ('{"op":"commit","doc":2,"v":1}', {"update": "000101010001"}),
    ('{"op":"pending","doc":2}', {"pending": False}),
    ('{"op":"new","doc":"h","client":7,"gc":false}', {}),
    ('{"op":"undo-manager","doc":"h"}', {}),
    ('{"op":"observe","doc":"h"}', {}),
    ('{"op":"insert","doc":"h","name":"t","index":0,"text":"ab"}', {}),
    ('{"op":"event","doc":"h","name":"t"}', {"delta": [{"insert": "ab"}], "keys": {}, "local": True}),
    ('{"op":"event","doc":"h","name":"m","type":"map"}', {"delta": [], "keys": {}}),
    ('{"op":"snapshot","doc":"h"}', {"snapshot": "00010702"}),
    ('{"op":"position","doc":"h","name":"t","index":1}', {"position": "00070100"}),
    ('{"op":"insert","doc":"h","name":"t","index":0,"text":"c"}', {}),
    ('{"op":"position-find","doc":"h","position":"00070100","name":"t"}', {"index": 2, "here": True}),
    ('{"op":"position-find","doc":"h","position":"00630100"}', {"index": None}),
    ('{"op":"delta-at","doc":"h","name":"t","snapshot":"00010702"}', {"delta": [{"insert": "ab"}], "gone": 0}),
    ('{"op":"delta-at","doc":"h","name":"t","snapshot":"00010703","before":"00010702"}',
     {"delta": [{"insert": "c", "attributes": {"ychange": {"type": "added"}}}, {"insert": "ab"}]}),
    ('{"op":"delta-at","doc":"h","name":"t","snapshot":"00010709"}', "E_NOT_FOUND"),
    ('{"op":"version","doc":"h","snapshot":"00010702","into":"nobody"}', {"update": "01010700040101740261" + "6200"}),
    ('{"op":"version","doc":"h","snapshot":"ff"}', "E_MALFORMED"),
    ('{"op":"undo","doc":"h"}', {"done": True}),
    ('{"op":"json","doc":"h","name":"t"}', {"json": "ab"}),
    ('{"op":"redo","doc":"h"}', {"done": True}),
    ('{"op":"redo","doc":"h"}', {"done": False}),
    ('{"op":"awareness-set","doc":"h","state":{"name":"x"}}', {"changes": {"7": "came"}}),
    ('{"op":"awareness-encode","doc":"h","clients":[7]}', {"update": "0107000c7b226e616d65223a2278227d"}),
    ('{"op":"awareness-apply","doc":"h","update":"0108010231"}', "E_MALFORMED"),
    ('{"op":"awareness-apply","doc":"h","update":"0108010131"}', {"changes": {"8": "came"}}),
    ('{"op":"awareness","doc":"h"}', {"states": {"7": {"name": "x"}, "8": 1}}),
    ('{"op":"awareness-encode","doc":"h","clients":[-7]}', "E_INVALID"),
    ('{"op":"undo","doc":2}', "E_STATE"),
    ("", None),
    ("nonsense", "E_INVALID"),
    ("[]", "E_INVALID"),
    ("{", "E_INVALID"),
    ('{"op"', "E_INVALID"),
    ('{"op":', "E_INVALID"),
    ('{"op":"insert"', "E_INVALID"),
    ('{"op":"insert","doc":"a"} x', "E_INVALID"),
    ("{}", "E_UNSUPPORTED"),
    ('{"op":"dance"}', "E_UNSUPPORTED"),
    ('{"op":7}', "E_UNSUPPORTED"),
    ('{"op":"new"}', "E_INVALID"),
    ('{"op":"new","doc":"b","client":0}', "E_INVALID"),
    ('{"op":"new","doc":"b","client":-1}', "E_INVALID"),
    ('{"op":"new","doc":"b","client":"1"}', "E_INVALID"),
    ('{"op":"insert","doc":"nobody","name":"t","index":0,"text":"x"}', "E_NOT_FOUND"),
    ('{"op":"insert","doc":"a","index":0,"text":"x"}', "E_INVALID"),
    ('{"op":"insert","doc":"a","name":"t","index":99,"text":"x"}', "E_INVALID"),
    ('{"op":"insert","doc":"a","name":"t","index":1.5,"text":"x"}', "E_INVALID"),
    ('{"op":"insert","doc":"a","name":"t","index":99999999999999999999,"text":"x"}', "E_INVALID"),
    ('{"op":"insert","doc":"a","name":"t","index":0,"text":7}', "E_INVALID"),
    ('{"op":"insert","doc":"a","name":"t","index":0,"text":"\\x"}', "E_INVALID"),
    ('{"op":"insert","doc":"a","name":"t","index":0,"text":"\\u12"}', "E_INVALID"),
    ('{"op":"insert","doc":"a","name":"t","index":0,"text":"x","attributes":[1]}', "E_INVALID"),
    ('{"op":"insert","doc":"a","name":"t","type":"map","index":0,"text":"x"}', "E_CONFLICT"),
    ('{"op":"insert","doc":"a","name":"t","type":"odd","index":0,"text":"x"}', "E_INVALID"),
    ('{"op":"insert","doc":"a","name":"t","path":[7],"index":0,"text":"x"}', "E_NOT_FOUND"),
    ('{"op":"apply","doc":"a","update":"0","v":1}', "E_INVALID"),
    ('{"op":"apply","doc":"a","update":"zz","v":1}', "E_INVALID"),
    ('{"op":"apply","doc":"a","update":"ffffff","v":1}', "E_MALFORMED"),
    ('{"op":"apply","doc":"a","update":"0000","v":3}', "E_INVALID"),
    ('{"op":"merge","updates":"00","v":1}', "E_INVALID"),
    ('{"op":"merge","updates":["0000",7],"v":1}', "E_INVALID"),
    ('{"op":"commit","doc":"a"}', "E_STATE"),
    ('{"op":"map-set","doc":"a","name":"m","key":"k","value":' + "[" * 5000 + "]" * 5000 + "}", "E_LIMIT"),
    ('{"op":"map-set","doc":"a","name":"m","key":"k","value":' + "[" * 5000 + "}", "E_INVALID"),
    ('{"op":"insert","doc":"a","name":"t","index":-1,"text":"x"}', "E_INVALID"),
    ('{"op":"insert","doc":"a","name":"t","index":18446744073709551615,"text":"x"}', "E_INVALID"),
    ('{"op":"insert","doc":"a","name":"t","index":9007199254740991,"text":"x"}', "E_INVALID"),
    ('{"op":"delete","doc":"a","name":"t","index":0,"length":9007199254740991}', "E_INVALID"),
    ('{"op":"delete","doc":"a","name":"t","index":0,"length":-1}', "E_INVALID"),
    ('{"op":"format","doc":"a","name":"t","index":0,"length":9007199254740991,"attributes":{"b":true}}', "E_LIMIT"),
    ('{"op":"apply-delta","doc":"a","name":"t","delta":[{"retain":-1}]}', "E_INVALID"),
    ('{"op":"apply","doc":"a","v":1}', "E_INVALID"),
    ('{"op":"apply","doc":"a","update":"01ffffffff07","v":1}', "E_MALFORMED"),
    ('{"op":"encode","doc":"a","sv":"ffffffff0f"}', "E_MALFORMED"),
    ('{"op":"json","doc":"a","name":"t"}', {"json": "o"}),
    ('{"op":"free","doc":"a"}', {}),
    ('{"op":"free","doc":"a"}', "E_NOT_FOUND"),
]


def damaged(count):
    """Requests with a byte changed, left out or doubled, none of them empty or of two lines."""
    random.seed(1)
    made = []
    while len(made) < count:
        line = bytearray(random.choice(CASES)[0][:400].encode("utf-8"))
        if len(line) > 2:
            at = random.randrange(len(line))
            line[at:at + 1] = random.choice([b"", bytes([random.randrange(33, 256)]), bytes([line[at]]) * 2])
            made.append(bytes(line))
    return made


def main():
    lines = "\n".join(request for request, _ in CASES)  # the last one without an end
    run = subprocess.run([sys.argv[1]], input=lines.encode("utf-8"), capture_output=True, timeout=60, check=False)
    replies = [json.loads(line) for line in run.stdout.decode("utf-8").splitlines()]
    asked = [(request, wanted) for request, wanted in CASES if wanted is not None]
    bad = 0
    print("1..%d" % (len(asked) + 2))
    for number, (request, wanted) in enumerate(asked):
        reply = replies[number] if number < len(replies) else None
        if isinstance(wanted, str):
            good = reply is not None and reply.get("ok") is False and reply["error"].startswith(wanted)
        else:
            good = reply is not None and reply.get("ok") is True and all(reply.get(name) == value for name, value in wanted.items())
        print("%s %d - %s" % ("ok" if good else "not ok", number + 1, request[:70]))
        if not good:
            bad += 1
            print("# wanted %s\n# got    %s" % (wanted, reply))
    ends_well = run.returncode == 0 and len(replies) == len(asked)
    print("%s %d - ends when its input does" % ("ok" if ends_well else "not ok", len(asked) + 1))
    lines = damaged(5000)
    run = subprocess.run([sys.argv[1]], input=b"\n".join(lines), capture_output=True, timeout=60, check=False)
    answered = run.returncode == 0 and run.stdout.count(b'\n{"ok":') + 1 == len(lines) == run.stdout.count(b"\n")
    print("%s %d - %d damaged requests are answered, each by one line" % ("ok" if answered else "not ok", len(asked) + 2, len(lines)))
    return 1 if bad or not ends_well or not answered else 0


sys.exit(main())
