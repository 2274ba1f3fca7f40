#!/bin/sh
# tests/cli/test_export.sh DX: what is exported comes back exactly, line by line and as an archive; damaged and hostile archives are refused whole.
. "$(dirname "$0")/lib.sh"

alice halo create Alice -q >/dev/null
bob halo create Bob -q >/dev/null
# Ids are new ones after an import: each is replaced by the place of its first mention, so equal files are equal spaces.
normal() { python3 -c 'import re, sys
seen = {}
for line in sys.stdin: sys.stdout.write(re.sub(r"[0-9]+-[0-9]+-[0-9a-f]{32}", lambda m: seen.setdefault(m.group(0), "#%d" % len(seen)), line))'; }
same_files() { # NAME A B
    cmp -s "$2" "$3"
    result $? "$1"
    cmp -s "$2" "$3" || diff "$2" "$3" | cut -c1-300 | head -6 | sed 's/^/# /'
}

# --- Everything a space can hold
alice space create all -q >/dev/null
object() { alice object add all --data "$1" -q; }
whole=$(object '{"int": 1, "double": 1.0, "minus": -0.0, "most": 9223372036854775807, "least": -9223372036854775808, "tiny": 5e-324, "large": 1.7976931348623157e308}')
object '{"nan": {"@double": "NaN"}, "up": {"@double": "Infinity"}, "down": [{"@double": "-Infinity"}]}' >/dev/null
object '{"when": {"@time": "2024-02-29T12:34:56.789012Z"}, "raw": {"@bytes": "AP-_"}, "none": {"@bytes": ""}, "gone": null}' >/dev/null
object '{"a.b": 1, "c\\d": {"e.f": {"": 2}}, "@ref": 3, "x": {"@@ref": 4}, "y": {"@@@bytes": 5}}' >/dev/null 2>&1
object '{"a.b": 1, "c\\d": {"e.f": {"g": 2}}, "x": {"@@ref": 4}, "y": {"@@@bytes": 5}}' >/dev/null
object '{"text": "\u0001\t\n\u001b[31m \u007f ä 漢 😀 \" \\ "}' >/dev/null
object '{"map": {}, "list": [], "deep": [[{"k": [null, true, {}]}]], "nest": {"a": {"b": {"c": {"d": 1}}}}}' >/dev/null
object '{"numbers": [2, 2.0, 1e3, 1000, 0.1], "long": "'"$(printf %05000d 0)"'"}' >/dev/null
typed=$(alice object add all --type "a type/with ünicode" -q)
child=$(alice object add all --type child --parent "$typed" -q)
lost=$(alice object add all --type child --parent "$child" --data '{"n": 1}' -q)
far='7-258-000102030405060708090a0b0c0d0e0f'
link=$(alice link add all "$typed" "$child" --type holds --data '{"by": {"@ref": "'"$whole"'"}}' -q)
other=$(alice link add all "$child" "$child" --data '{"like": {"@ref": "'"$link"'"}, "both": [{"@ref": "'"$typed"'"}, {"@ref": "'"$link"'"}]}' -q)
gone=$(alice link add all "$lost" "$typed" --type holds --data '{"was": {"@ref": "'"$other"'"}}' -q)
alice link rm all "$gone" -q >/dev/null
alice object set all "$typed" 'first={"@ref": "'"$link"'"}' 'later={"in": [{"@ref": "'"$gone"'"}, {"@ref": "'"$lost"'"}]}' 'far={"@ref": "'$far'"}' 'odd={"@ref": "~AQI"}' -q >/dev/null
alice object rm all "$lost" -q >/dev/null
alice object unset all "$whole" double -q >/dev/null
big=$(alice object add all --type big -q)
for key in one two deep.a deep.b; do
    python3 -c 'import json, sys
print(json.dumps({"do": "object.set", "space": "all", "id": sys.argv[1], "set": {sys.argv[2]: "\u0001" * 600000, sys.argv[2] + "s": {"k.%d" % n: n for n in range(3000)}}}))' "$big" $key |
        "$dx" --profile alice api - >/dev/null
done
alice link add all "$big" "$typed" --type holds -q >/dev/null

votes=$(alice object add all --type votes --model dx/counter/1 -q)
alice object apply all "$votes" 5 -q >/dev/null
alice object apply all "$votes" 7 -q >/dev/null
alice object add all --type none --model dx/counter/1 -q >/dev/null
page=$(alice text new all 'Roses want sun.' -q)
alice text format all "$page" 0 5 --with '{"bold": true}' -q >/dev/null
alice text new all -q >/dev/null
agenda=$(alice object add all --type agenda --model dx/list/1 --parent "$typed" -q)
alice object apply all "$agenda" '{"insert": 0, "values": ["tea", {"a": [1, 2.5]}, null]}' -q >/dev/null
alice object apply all "$agenda" '{"move": 0, "to": 2}' -q >/dev/null

# --- Lines
expect_exit 0 "an export of all there is" --profile alice export all
normal <out >before
alice export all >all.jsonl
bob space create back -q >/dev/null
expect_exit 0 "is taken by another vault" --profile bob import back all.jsonl --json
same "whole" "$(value unresolved <out)" 0
bob export back | normal >after
same_files "and comes back line for line" before after
same "with what leads elsewhere" "$(grep -c "$far" after)" "$(grep -c "$far" before)"
check "objects with models of their own among them" grep -q '"model":"dx/list/1".*"data":\[{"a":\[1,2.5\]},null,"tea"\]' after
# An approval comes with all who did something to it, and nobody can make it say more.
alice space create flow -q >/dev/null
alice object add flow --type note --data '{"n": 1}' -q >/dev/null
reviewer=$(alice api '{"do": "space.members", "space": "flow"}' | python3 -c 'import json, sys
print(json.loads(sys.stdin.readline())["rows"][0]["object"])')
for steps in '' '["assign", [{"@ref": "'$reviewer'"}], 1]' '["submit"] ["approve"]' '["approve"]'; do
    contract=$(alice object add flow --type contract --model dx/approval/1 -q)
    for operation in '["assign", [{"@ref": "'$reviewer'"}], 1]' '["submit"]' '["approve"]' '["withdraw"]'; do
        alice object apply flow "$contract" "$operation" -q >/dev/null
        case "$steps" in *"$operation") break ;; esac
    done
done
long=$(alice object add flow --type long --model dx/list/1 -q)
note=$(alice object ls flow --type note -q)
python3 -c 'import json, sys
print(json.dumps({"do": "object.apply", "space": "flow", "id": sys.argv[1], "operation": {"insert": 0, "values": [n for n in range(4000)]}}))
print(json.dumps({"do": "object.apply", "space": "flow", "id": sys.argv[1], "operation": {"insert": 4000, "values": [n for n in range(4000)]}}))' "$long" |
    while read -r command; do alice api "$command" >/dev/null; done
refers=$(alice object add flow --type refers --model dx/list/1 -q)
alice object apply flow "$refers" '{"insert": 0, "values": ["a", {"@ref": "'"$note"'"}, "b"]}' -q >/dev/null
alice export flow >flow.jsonl
normal <flow.jsonl >before.flow
check "an approval's line says where it comes from" grep -q '"state":"approved".*"provenance":\["dx/provenance/1"' flow.jsonl
bob space create flow -q >/dev/null
expect_exit 0 "approvals, a long list and one that refers" --profile bob import flow flow.jsonl --json
bob export flow | normal >after.flow
same_files "come back line for line" before.flow after.flow
alice space export flow.tar flow -q >/dev/null
expect_exit 0 "so do they from an archive" --profile bob space import flow.tar --json
made=$(head -n 1 out | value space)
bob export "$made" | normal >after.flow
same_files "as they are" before.flow after.flow
bob space rm "$made" -q >/dev/null </dev/null
moved=$(bob object ls flow --type contract -q | head -n 1)
bob object apply flow "$moved" '["withdraw"]' -q >/dev/null
check "and who only brought them is refused" sh -c "'$dx' --profile bob object get flow '$moved' --json | grep -q '\"step\":\"withdraw\"'"
expect_exit 10 "in the space where it was done it is not said again" --profile alice import flow flow.jsonl --json
holds "in words" err 'in this very space'
sed 's/,"provenance":.*}/}/' flow.jsonl >bare.jsonl
bob space create bare -q >/dev/null
expect_exit 10 "without where it comes from an approval" --profile bob import bare bare.jsonl --json
holds "is left out by name of its line" err 'line [0-9]*: an object of this model comes with its provenance'
for change in 's/dx\/provenance\/1/dx\/provenance\/2/' 's/"provenance":\[/"provenance":[1,/' 's/"provenance":\["[^"]*",\[[0-9]*/&00000/' 's/"@bytes":"./"@bytes":"/'; do
    sed "$change" flow.jsonl >odd.jsonl
    bob space create odd -q >/dev/null
    run --profile bob import odd odd.jsonl --json
    [ "$status" = 10 ] && ! bob object ls odd --type contract --json | grep -q approved
    result $? "one that is changed by $change is refused"
    bob space rm odd -q >/dev/null </dev/null
done
python3 - <<'PY'
import json
operation = ["set", 1]
feed = [{"@bytes": "A" * 43}] * 3
for name, model in ("unknown", "own/model/1"), ("known", "dx/approval/1"):
    with open(name + ".jsonl", "w") as file:
        for n in range(3):
            print(json.dumps({"id": "%s%d" % (name, n), "type": "own", "model": model, "parent": None, "data": None, "deleted": False,
                              "provenance": ["dx/provenance/1", [5, 0], [feed], [[5 + k, 0, operation] for k in range(n)]]}), file=file)
PY
bob space create unknown -q >/dev/null
expect_exit 0 "objects of a model that nobody here knows" --profile bob import unknown unknown.jsonl --json
bob export unknown >unknown.again
same "come back with all they were" "$(python3 -c 'import json
print([[json.loads(line)[key] for key in ("type", "model", "data", "provenance")] for line in open("unknown.jsonl")] ==
      [[json.loads(line)[key] for key in ("type", "model", "data", "provenance")] for line in open("unknown.again")])')" True
expect_exit 10 "operations of which a known model takes none" --profile bob import unknown known.jsonl --json
for space in flow bare unknown; do bob space rm $space -q >/dev/null </dev/null; done
alice space rm flow -q >/dev/null </dev/null
bob space create live -q >/dev/null
bob import live all.jsonl -q >/dev/null 2>&1
found=$(bob object ls live --type votes -q)
bob object apply live "$found" 1 -q >/dev/null
same "that live on" "$(bob object get live "$found" --json | value data)" 13
check "numbers of both kinds, and those JSON has no word for" grep -q '"least":-9223372036854775808.*"minus":-0.0' after
check "and NaN" grep -q '"nan":{"@double":"NaN"}' after
bob space create again -q >/dev/null
bob export back >back.jsonl
bob import again - -q <back.jsonl >/dev/null
bob export again | normal >after
same_files "also a second time" before after
python3 -c 'import sys; print(max(len(line) for line in open("all.jsonl")) < 8 << 20)' >out
holds "no line is longer than import reads" out True

# --- One archive of all spaces
alice space create "second" -q >/dev/null
alice object add second --data '{"n": 2}' -q >/dev/null
alice space create "" -q >/dev/null 2>&1 || alice space create -q >/dev/null
expect_exit 0 "all spaces into one file" --profile alice space export all.tar --json
same "each is told" "$(wc -l <out | tr -d ' ')" 3
same "only its owner may read it" "$(stat -c %a all.tar)" 600
check "nothing unfinished is left" sh -c '! ls | grep unfinished'
expect_exit 6 "a file that is there is kept" --profile alice space export all.tar
expect_exit 0 "unless it is to go" --profile alice space export all.tar --force
cp all.tar first.tar
alice space export all.tar --force -q >/dev/null
check "the same spaces give the same bytes" cmp first.tar all.tar
check "any tar reads it" tar -tf all.tar
check "and its lines are those of export" sh -c "mkdir -p unpacked && tar -xf all.tar -C unpacked && cat unpacked/1/*.jsonl | grep -v '\"member\"' | cmp - all.jsonl"
python3 - >out <<'PY'
import glob, hashlib, json
manifest = json.load(open("unpacked/manifest.json"))
space = manifest["spaces"][0]
lines = b"".join(open(path, "rb").read() for path in sorted(glob.glob("unpacked/1/*.jsonl")))
print(hashlib.blake2b(lines, digest_size=32).hexdigest() == space["hash"], len(lines) == space["bytes"], lines.count(b"\n") == space["lines"])
print(any(word in lines + open("unpacked/manifest.json", "rb").read() for word in (b"seed", b"secret", b"private")))
PY
same "counts and hashes are those of the manifest, no key among them" "$(cat out)" "True True True
False"
expect_exit 0 "its content is listed" --profile bob space import all.tar --list --json
same "by name" "$(python3 -c 'import json
print([json.loads(line)["name"] for line in open("out")][:2])')" "['all', 'second']"
check "without writing anything" sh -c "! '$dx' --profile bob space list --quiet --json | grep -q second"
expect_exit 0 "an import makes the spaces" --profile bob space import all.tar --json
same "whole, under their names" "$(python3 -c 'import json
rows = [json.loads(line) for line in open("out")]
print([row["name"] for row in rows][:2], sum(row["unresolved"] for row in rows))')" "['all', 'second'] 0"
made=$(head -n 1 out | value space)
bob export "$made" | normal >after
same_files "and line for line the same" before after
expect_exit 0 "compressed" --profile alice space export all.tar.gz all second --json
check "really" gzip -t all.tar.gz
check "through a pipe" sh -c "'$dx' --profile alice space export - all | '$dx' --profile bob space import - -q"
expect_exit 0 "one of several" --profile bob space import all.tar.gz second --json
same "alone" "$(wc -l <out | tr -d ' ')" 1
expect_exit 3 "one that is not in it" --profile bob space import all.tar.gz nosuch
expect_exit 3 "no such file" --profile bob space import nofile.tar
expect_exit 3 "no such space" --profile alice space export no.tar nosuch
check "leaves no file" test ! -e no.tar -a ! -e no.tar.unfinished

# --- A member that a link leads to is found again where the same person is one
me=$(alice api '{"do": "space.members", "space": "second"}' | python3 -c 'import json, sys
print(json.loads(sys.stdin.readline())["rows"][0]["object"])')
task=$(alice object ls second -q)
alice link add second "$task" "$me" --type given -q >/dev/null
alice space export second.tar second -q >/dev/null
expect_exit 0 "into the vault of the same person" --profile alice space import second.tar --json
same "the link is there" "$(value links <out) $(value unresolved <out)" "1 0"
expect_exit 0 "of somebody else" --profile bob space import second.tar --json
same "it leads nowhere, and that is told" "$(value links <out) $(value unresolved <out)" "0 1"

# --- Definitions of types travel, and judge nobody on the way
alice space create judged -q >/dev/null
alice object add judged --type task --data '{"title": 5}' -q >/dev/null
alice object add judged --type dx.schema --data '{"type": "task", "version": 1, "schema": {"properties": {"title": {"type": "string"}}}}' -q >/dev/null
expect_exit 2 "a definition judges what is written" --profile alice object add judged --type task --data '{"title": 6}'
alice export judged >judged.jsonl
alice space create judged-again -q >/dev/null
expect_exit 0 "an object that is not as it says comes back" --profile alice import judged-again judged.jsonl --json
same "with the definition" "$(alice export judged-again | normal)" "$(normal <judged.jsonl)"
expect_exit 2 "which judges there too" --profile alice object add judged-again --type task --data '{"title": 6}'

# --- Comma-separated values, as spreadsheets and scripts read them
alice space create table -q >/dev/null
alice object add table --type a --data '{"name": "x, \"y\"\nz", "n": 1, "none": null, "empty": "", "type": "own"}' -q >/dev/null
first=$(alice object ls table -q)
alice object add table --type b --parent "$first" --data '{"n": 2.5, "list": [1, "two"], "yes": true, " pad": " x"}' -q >/dev/null
expect_exit 0 "a question as CSV" --profile alice query table --csv
same "is read by any reader" "$(python3 -c 'import csv
rows = list(csv.DictReader(open("out", newline="")))
print([name for name in rows[0]] [:3], sorted(name for name in rows[0])[:3])
print([(row["type"], row["name"], row["n"], row["none"], row["empty"], row["data.type"], row["list"], row["yes"], row[" pad"]) for row in rows])
print(rows[1]["parent"] == rows[0]["id"])')" "['id', 'type', 'parent'] [' pad', 'data.type', 'empty']
[('a', 'x, \"y\"\nz', '1', '', '', 'own', '', '', ''), ('b', '', '2.5', '', '', '', '[1,\"two\"]', 'true', ' x')]
True"
check "null is empty, and the empty text is quoted" grep -q ',"",' out
expect_exit 0 "of nothing" --profile alice query table '{"type": "none"}' --csv
same "there is a heading" "$(cat out)" "id,type"
expect_exit 2 "a number of objects is none" --profile alice query table '{"count": true}' --csv
python3 -c 'for n in range(1100): print("{\"id\": \"%d\", \"data\": {\"k%d\": 1}}" % (n, n))' >wide.jsonl
alice space create wide -q >/dev/null
alice import wide wide.jsonl -q >/dev/null
expect_exit 1 "a thousand different keys are no table" --profile alice query wide --csv

# --- Damaged and hostile archives: refused with a reason, and nothing is left of them
spaces_before=$(bob space list -q | wc -l)
python3 - <<'PY'
import gzip, io, json, hashlib, tarfile
def tar(files, change=lambda info: None, end=True):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as t:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            change(info)
            t.addfile(info, io.BytesIO(data))
    return out.getvalue()
def manifest(spaces, **more):
    rows = [{"space": "ab" * 32, "name": name, "parts": parts, "lines": data.count(b"\n"), "bytes": len(data),
             "hash": hashlib.blake2b(data, digest_size=32).hexdigest()} for name, parts, data in spaces]
    return ("manifest.json", json.dumps({"dxos": "archive", "version": 1, "spaces": rows, **more}).encode())
line = b'{"id":"a","type":"t","parent":null,"data":{},"deleted":false}\n'
good = [("1/000001.jsonl", line), manifest([("good", 1, line)])]
def write(name, data):
    with open(name, "wb") as file: file.write(data)
whole = open("all.tar", "rb").read()
write("made.tar", tar(good))
for n, cut in enumerate((0, 100, 512, 5000, len(whole) // 2, len(whole) - 1024, len(whole) - 512)): write("cut%d.bad" % n, whole[:cut])
for n, at in enumerate((0, 150, 600, len(whole) // 2, len(whole) - 1500, len(whole) - 5)):
    write("flip%d.bad" % n, whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:])
packed = gzip.compress(whole)
write("gz-cut.bad", packed[:len(packed) // 2])
write("gz-flip.bad", packed[:9000] + bytes([packed[9000] ^ 255]) + packed[9001:])
write("path-up.bad", tar([("../1/000001.jsonl", line)] + good[1:]))
write("path-root.bad", tar([("/etc/passwd", line)] + good[1:]))
write("path-more.bad", tar(good[:1] + [("notes.txt", b"x")] + good[1:]))
write("path-odd.bad", tar([("1/1.jsonl", line)] + good[1:]))
def link(info): info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
write("symlink.bad", tar([("1/000001.jsonl", b"")] + good[1:], link))
write("order.bad", tar([("1/000002.jsonl", line), ("1/000001.jsonl", line), manifest([("x", 2, line + line)])]))
write("twice.bad", tar([("1/000001.jsonl", line), ("1/000001.jsonl", line), manifest([("x", 1, line)])]))
write("folder.bad", tar([("5000/000001.jsonl", line), manifest([("x", 1, line)] * 5000)]))
write("half-line.bad", tar([("1/000001.jsonl", line[:-1]), manifest([("x", 1, line[:-1])])]))
write("no-manifest.bad", tar(good[:1]))
write("behind.bad", tar(good) + b"more")
write("lines.bad", tar([("1/000001.jsonl", line), manifest([("x", 1, line + line)])]))
write("missing.bad", tar([("1/000001.jsonl", line), manifest([])]))
write("newer.bad", tar([good[0], manifest([("x", 1, line)], version=2)]))
write("strange.bad", tar([good[0], manifest([("x", 1, line)], dxos="other")]))
write("json.bad", tar([good[0], ("manifest.json", b"{")]))
write("record.bad", tar([("1/000001.jsonl", line + b"[1]\n"), manifest([("x", 1, line + b"[1]\n")])]))
bad = line.replace(b'{}', b'{"": 1}')
write("refused.bad", tar([("1/000001.jsonl", line + bad), manifest([("x", 1, line + bad)])]))
part = gzip.compress(b"\n" * (9 << 20), 6) # packed once: a file of many members is read as one
def head(n):
    info = tarfile.TarInfo("1/%06d.jsonl" % n)
    info.size = 9 << 20
    return gzip.compress(info.tobuf(tarfile.USTAR_FORMAT))
write("bomb.bad", b"".join(head(n) + part for n in range(1, 40)))
write("huge.bad", tarfile.TarInfo("1/000001.jsonl").tobuf(tarfile.USTAR_FORMAT).replace(b"00000000000\x00", b"77777777777\x00", 1))
PY
expect_exit 0 "an archive that another program made" --profile bob space import made.tar -q
refused=0 wanted=0
for file in *.bad; do
    wanted=$((wanted + 1))
    run --profile bob space import "$file" --json
    if [ "$status" = 1 ] || [ "$status" = 2 ] && grep -q '"message":"[^"]' out && ! grep -v 'nothing was imported' err; then
        refused=$((refused + 1))
    else
        echo "# $file: exit $status: $(cat out) $(cat err)"
    fi
done
same "each damaged or hostile one is refused with a reason" "$refused" "$wanted"
same "and nothing of it is left" "$(($(bob space list -q | wc -l) - 1))" "$spaces_before"
expect_exit 1 "lines are no archive" --profile bob space import all.jsonl
holds "and it is said what to do" err 'dx import'

# --- Many: what an export takes of memory does not grow with the space
for size in 500 5000; do # 8 KiB each: the cache holds the few, and the many are 40 MB
    python3 -c 'import sys
for n in range(int(sys.argv[1])): print("{\"id\": \"%d\", \"type\": \"p\", \"data\": {\"n\": %d, \"words\": \"%s\"}}" % (n, n, "lorem ipsum %d " % n * 500))' $size >many.jsonl
    alice space create many$size -q >/dev/null
    alice import many$size many.jsonl -q >/dev/null
done
# peak COMMAND…: the most memory it had, in KiB.
peak() { python3 -c 'import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss if code == 0 else -code)' "$@"; }
few=$(peak "$dx" --profile alice space export few.tar.gz many500)
many=$(peak "$dx" --profile alice space export many.tar.gz many5000)
echo "# $few KiB for 500 objects, $many for 5,000"
listed=$(peak "$dx" --profile alice space import many.tar.gz --list)
if [ "$few" -gt 40960 ]; then # AddressSanitizer keeps freed memory back
    skip "an export's memory does not grow with the space" "instrumented"
    skip "nor does what checking an archive takes" "instrumented"
else # the store's cache is 16 MiB, and 500 objects do not fill it
    check "an export's memory does not grow with the space" test "$many" -gt 0 -a "$many" -lt $((few + 20480))
    check "nor does what checking an archive takes" test "$listed" -gt 0 -a "$listed" -lt "$((few + 8192))"
fi
expect_exit 0 "and it comes back" --profile bob space import many.tar.gz --json
same "all of it" "$(value objects <out)" 5000
interruptible "$dx" --profile bob space import many.tar.gz >stopped 2>&1 &
importing=$!
started="$started $importing"
sleep 0.4
kill -INT $importing 2>/dev/null
wait $importing
echo "# it ended with $?"
check "one that is stopped leaves nothing half done" sh -c "! '$dx' --profile bob space list | grep 'not finished'"
plan
