#!/usr/bin/env python3
# tests/interop/text/text_driver.py DRIVER: requests of text-driver and what it says to them, bad ones among them; it lives through all.
import json
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
    ('{"op":"json","doc":"a","name":"t"}', {"json": "o"}),
    ('{"op":"free","doc":"a"}', {}),
    ('{"op":"free","doc":"a"}', "E_NOT_FOUND"),
]


def main():
    lines = "\n".join(request for request, _ in CASES)  # the last one without an end
    run = subprocess.run([sys.argv[1]], input=lines.encode("utf-8"), capture_output=True, timeout=60, check=False)
    replies = [json.loads(line) for line in run.stdout.decode("utf-8").splitlines()]
    asked = [(request, wanted) for request, wanted in CASES if wanted is not None]
    bad = 0
    print("1..%d" % (len(asked) + 1))
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
    return 1 if bad or not ends_well else 0


sys.exit(main())
