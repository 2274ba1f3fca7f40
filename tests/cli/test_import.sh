#!/bin/sh
# tests/cli/test_import.sh DX: what import makes of its own lines, of foreign ones, of dpkg's, and of what is wrong with them.
. "$(dirname "$0")/lib.sh"

alice halo create Alice -q >/dev/null
for name in own foreign back packages tree strict; do alice space create $name -q >/dev/null; done

# --- Foreign lines: 5 objects; x names a, b twice, and nobody
cat >foreign.jsonl <<'END'
{"name": "x", "needs": ["a", "b", "b", "nobody"], "size": 1}

{"name": "a", "needs": [], "size": 2.5}
{"name": "b", "needs": "a"}
{"name": "c", "needs": ["ghost", "ghost"], "also": ["x", "x"]}
{"name": 7, "needs": ["x", 7, "7"]}
END
expect_exit 0 "foreign lines" --profile alice import foreign foreign.jsonl --type thing --key name --link needs --link also --json
same "objects, links, unresolved" "$(cat out)" '{"objects":5,"links":6,"unresolved":4}'
thing() { alice query foreign "{\"type\": \"thing\", \"where\": {\"name\": $1}}" --json | python3 -c 'import json, sys
print(json.dumps(json.loads(sys.stdin.readline())["data"], sort_keys=True))'; }
same "what resolved has left the object, the rest stays" "$(thing '"x"')" '{"name": "x", "needs": ["nobody"], "size": 1}'
same "an empty list stays" "$(thing '"a"')" '{"name": "a", "needs": [], "size": 2.5}'
same "a name alone" "$(thing '"b"')" '{"name": "b"}'
same "nothing resolved: all stays" "$(thing '"c"')" '{"name": "c", "needs": ["ghost", "ghost"]}'
same "7 and \"7\" are two names" "$(thing 7)" '{"name": 7, "needs": ["7"]}'
names_of() { python3 -c 'import json, sys
print(" ".join(sorted(str(json.loads(line)["data"]["name"]) for line in sys.stdin)))'; }
same "links by their field" "$(alice query foreign '{"where": {"name": "x"}, "follow": [{"out": "needs"}]}' --json | names_of)" "a b"
same "each field its own type" "$(alice query foreign '{"where": {"name": "x"}, "follow": [{"in": "also"}]}' --json | names_of)" "c"
same "to oneself" "$(alice query foreign '{"where": {"name": 7}, "follow": [{"out": "needs"}]}' --json | names_of)" "7 x"
gzip -k foreign.jsonl
expect_exit 0 "the same from .gz" --profile alice import strict foreign.jsonl.gz --type thing --key name --link needs --link also --json
same "gives the same" "$(cat out)" '{"objects":5,"links":6,"unresolved":4}'
alice import strict - --type thing --key name --link needs --link also --json <foreign.jsonl.gz >out 2>/dev/null
same "and from stdin" "$(cat out)" '{"objects":5,"links":6,"unresolved":4}'
mkfifo pipe
cat foreign.jsonl.gz >pipe &
expect_exit 0 "a pipe in a file's place" --profile alice import strict pipe --type thing --key name --link needs --link also --json
same "gives the same too" "$(cat out)" '{"objects":5,"links":6,"unresolved":4}'

# --- Own lines: everything there is, in an order that suits nobody
bed=$(alice object add own --type bed --data '{"name": "bed", "when": {"@time": "2024-05-01T00:00:00Z"}, "raw": {"@bytes": "_-8"}, "deep": {"a": [1, {"b": null}]}}' -q)
rose=$(alice object add own --type rose --parent "$bed" -q)
thorn=$(alice object add own --parent "$rose" --data '{"sharp": true}' -q)
alice link add own "$thorn" "$bed" --type above --data '{"by": 2}' -q >/dev/null
gone=$(alice link add own "$bed" "$rose" --type gone -q)
alice link rm own "$gone" -q >/dev/null
alice object rm own "$thorn" -q >/dev/null
alice export own >own.jsonl
# Ids become new ones: lines are compared by what they say, with ids as places in the file.
normal() { python3 -c 'import json, sys
lines = [json.loads(line) for line in sys.stdin]
ids = {line["id"]: str(n) for n, line in enumerate(sorted(lines, key=lambda line: json.dumps([line["type"], line["data"]])))}
name = lambda value: ids.get(value, value) if isinstance(value, str) else value
for line in sorted(json.dumps({key: name(value) for key, value in line.items()}, sort_keys=True) for line in lines): print(line)'; }
tac own.jsonl >reversed.jsonl
expect_exit 0 "own lines, children before parents, links first" --profile alice import back reversed.jsonl --json
same "objects and links, the deleted ones too" "$(cat out)" '{"objects":3,"links":2,"unresolved":0}'
same "come back as they were" "$(alice export back | normal)" "$(normal <own.jsonl)"
alice space create pipe -q >/dev/null
alice export own | bob halo create Bob -q >/dev/null
bob space create pipe -q >/dev/null
alice export own | bob import pipe - -q >/dev/null
same "through a pipe into another vault" "$(bob export pipe | normal)" "$(normal <own.jsonl)"

# A deep family upside down, and a circle
python3 -c 'import json
for n in range(2500, 0, -1): print(json.dumps({"id": str(n), "type": "t", "parent": str(n - 1) if n > 1 else None, "data": {"n": n}}))
print(json.dumps({"id": "p", "parent": "q", "data": {}})); print(json.dumps({"id": "q", "parent": "p", "data": {}}))
print(json.dumps({"id": "orphan", "parent": "nowhere", "data": {}}))' >tree.jsonl
expect_exit 0 "2,500 generations upside down" --profile alice import tree tree.jsonl --json
same "all of them; the circle is cut and told, so is who has no parent" "$(cat out)" '{"objects":2503,"links":0,"unresolved":2}'
same "each under its own parent" "$(alice export tree | python3 -c 'import json, sys
lines = {line["id"]: line for line in map(json.loads, sys.stdin)}
print(sum(lines[line["parent"]]["data"]["n"] == line["data"]["n"] - 1 for line in lines.values() if line["parent"] and "n" in line["data"]))')" 2499

# --- dpkg
cat >status <<'END'
Package: shell
Status: install ok installed
Priority: required
Section: shells
Installed-Size: 7164
Maintainer: Somebody <some@example.org>
Architecture: amd64
Multi-Arch: foreign
Version: 5.2-2+b1
Depends: lib-c6 (>= 2.36), awk, editor | pager
Pre-Depends: lib-c6:any (>= 2.36),
 base-files
Description: a shell
 With a longer text
 .
 Package: not-this-one

Package: lib-c6
Status: install ok installed
Version: 2.36

Package: gawk
Status: install ok installed
Provides: awk, new-awk (= 1)
Version: 5

Package: mawk
Status: install ok installed
Provides: awk
Depends: ghost

Package: removed
Status: deinstall ok config-files
Depends: shell


Package: pager
Status: install ok installed
END
expect_exit 0 "dpkg's status file" --profile alice import packages status --json
same "installed packages, links once, virtual ones through Provides" "$(cat out)" '{"objects":5,"links":2,"unresolved":3}'
out_of() { alice query packages "{\"where\": {\"name\": \"$1\"}, \"follow\": [{\"out\": \"depends\"}]}" --json | names_of; }
same "the first provider counts" "$(out_of shell)" "gawk lib-c6"
alice query packages '{"where": {"name": "shell"}}' --json >out
holds "the first alternative counts, and stays when it is nowhere" out '"depends":\["editor","base-files"\]'
holds "sizes are numbers" out '"installedSize":7164'
holds "a description is its first line" out '"description":"a shell"'

# --- What is wrong is told with its line, and the rest stands
printf '%s\n' '{"name": "good"}' '{"name": ' 'nonsense' '[1]' '{"name": "good too"}' '{"name": "twice", "name": "twice"}' '{"name": ["no name"]}' >bad.jsonl
expect_exit 10 "some lines are bad" --profile alice import strict bad.jsonl --type thing --key name --json
same "the good ones are there" "$(cat out)" '{"objects":2,"links":0,"unresolved":0}'
holds "the bad ones are named" err '^line 2: '
holds "each of them" err '^line 7: '
holds "and counted" err '5 lines were rejected'
expect_exit 10 "foreign lines without a mapping" --profile alice import strict foreign.jsonl --json
holds "say what is missing" err 'give --type, --key or --link'
head -c 100 foreign.jsonl.gz >cut.gz
expect_exit 1 "a file cut short" --profile alice import strict cut.gz --type thing
python3 -c 'print("{\"name\": \"" + "x" * 9000000 + "\"}"); print("{\"name\": \"after\"}")' >long.jsonl
expect_exit 10 "a line beyond all measure" --profile alice import strict long.jsonl --type thing --json
same "the one after it is there" "$(cat out)" '{"objects":1,"links":0,"unresolved":0}'
python3 -c 'print("{\"name\": \"" + "y" * 1200000 + "\"}"); print("{\"name\": \"small\"}")' >big.jsonl
expect_exit 10 "an object larger than the vault takes" --profile alice import strict big.jsonl --type big --json
same "is refused alone" "$(cat out)" '{"objects":1,"links":0,"unresolved":0}'
holds "with its line" err '^line 1: '
head -c 100000 /dev/urandom >noise
run --profile alice import strict noise --type thing --json
check "noise is refused" test "$status" = 10 -o "$status" = 1
: >empty
expect_exit 0 "an empty file" --profile alice import strict empty --json
expect_exit 3 "no file" --profile alice import strict nofile
expect_exit 1 "a folder" --profile alice import strict "$box"
expect_exit 3 "no space" --profile alice import nospace foreign.jsonl
expect_exit 8 "no time" --profile alice --timeout 0.001 import strict tree.jsonl

# --- What lines say of each other inside their data follows them, whichever comes first; what leads elsewhere stays
alice space create refs -q >/dev/null
one=$(alice object add refs --type a --data '{"n": 1}' -q)
elsewhere='7-258-000102030405060708090a0b0c0d0e0f'
two=$(alice object add refs --type b --data '{"n": 2, "sees": {"@ref": "'$one'"}, "far": {"@ref": "'$elsewhere'"}}' -q)
alice object set refs "$one" 'sees={"list": [1, {"@ref": "'$two'"}], "me": {"@ref": "'$one'"}}' 'a\.b={"@ref": "'$two'"}' -q >/dev/null
alice link add refs "$one" "$two" --type l --data '{"about": {"@ref": "'$one'"}}' -q >/dev/null
alice export refs >refs.jsonl
alice space create followed -q >/dev/null
expect_exit 0 "lines that refer to each other" --profile alice import followed refs.jsonl --json
alice export followed >followed.jsonl
same "lead to the new objects" "$(python3 -c 'import json
def ids_of(name):
    lines = [json.loads(line) for line in open(name)]
    return lines, {line["id"]: line["type"] for line in lines}
def said(value, ids):
    if isinstance(value, dict) and list(value) == ["@ref"]: return "-> " + ids.get(value["@ref"], value["@ref"])
    if isinstance(value, dict): return {key: said(one, ids) for key, one in value.items()}
    if isinstance(value, list): return [said(one, ids) for one in value]
    return value
for name in ("refs.jsonl", "followed.jsonl"):
    lines, ids = ids_of(name)
    print(json.dumps(sorted((line["type"], json.dumps(said(line["data"], ids), sort_keys=True)) for line in lines)))' | uniq | wc -l)" 1
same "and what leads elsewhere stays" "$(grep -c "$elsewhere" followed.jsonl)" 1
same "nothing leads back" "$(grep -c "$one\|$two" followed.jsonl)" 0

# --- An object larger than an answer hides no other, and is said to be missing
alice space create large -q >/dev/null
alice object add large --type small -q >/dev/null
big=$(alice object add large --type big -q)
alice object add large --type small -q >/dev/null
for n in 1 2 3 4 5; do
    python3 -c 'import json, sys
print(json.dumps({"do": "object.set", "space": "large", "id": sys.argv[1], "set": {"v" + sys.argv[2]: "x" * 1000000}}))' "$big" $n |
        "$dx" --profile alice api - >/dev/null
done
expect_exit 0 "an export of an object in pieces" --profile alice export large
same "its line first, its data behind all others" "$(python3 -c 'import json
for line in open("out"):
    row = json.loads(line)
    print(row.get("type"), sorted(row.get("set", row.get("data", {}))))')" "small []
small []
big []
None ['v1']
None ['v2']
None ['v3']
None ['v4']
None ['v5']"
cp out large.jsonl
alice space create larger -q >/dev/null
expect_exit 0 "comes back" --profile alice import larger large.jsonl --json
alice export larger >larger.jsonl
same "with all of it" "$(sed 's/[0-9]*-[0-9]*-[0-9a-f]\{32\}//' larger.jsonl | cksum)" "$(sed 's/[0-9]*-[0-9]*-[0-9a-f]\{32\}//' large.jsonl | cksum)"
echo '{"id": "x", "type": "t", "data": null, "omitted": 40000000}' >lacking.jsonl
expect_exit 10 "a line that lacks its data is not taken for an empty object" --profile alice import larger lacking.jsonl --json
holds "and says why" err "not in the export"

# --- Many: the figures scripts read, quickly
python3 -c 'import json
for n in range(20000): print(json.dumps({"name": "p%d" % n, "depends": ["p%d" % ((n * 7 + k) % 20000) for k in range(4)]}))' >many.jsonl
alice space create many -q >/dev/null
expect_exit 0 "twenty thousand objects" --profile alice import many many.jsonl --type p --key name --link depends --json
same "and eighty thousand links" "$(cat out)" '{"objects":20000,"links":80000,"unresolved":0}'
alice agent start -q >/dev/null
alice space create through -q >/dev/null
expect_exit 0 "the same through an agent" --profile alice import through many.jsonl --type p --key name --link depends --json
same "gives the same" "$(cat out)" '{"objects":20000,"links":80000,"unresolved":0}'

# A file that grows while it is read: the import is stopped where the second reading finds more than the first
alice space create growing -q >/dev/null
for n in 1 2 3 4 5 6; do cat many.jsonl; done >growing.jsonl
"$dx" --profile alice import growing growing.jsonl --type p --key name --json >out 2>err &
importing=$!
started="$started $importing"
begun() { [ "$(alice space status growing --json | value objects)" -gt 0 ]; }
check "it has begun" wait_for 10 begun
kill -STOP $importing
cat many.jsonl many.jsonl >>growing.jsonl
kill -CONT $importing
wait $importing
same "a file that grows is a conflict" $? 6
holds "and is said to be" out 'the file changed while it was read'
holds "with what was done" err 'objects and 0 links were added before that'
check "the agent is well" alice space status growing
alice agent stop -q >/dev/null

# --- kill -9 in the middle: the next command finds a sound vault, and the same command goes on (every write: test_import_killed.sh)
# Each into a space of its own: an import that was done before the kill would begin once more. The last is far from done.
sound=0
for pause in 0.02 0.05 0.2 0.3 0.4 0.5 0.6 0.1; do
    cut="cut $pause"
    alice space create "$cut" -q >/dev/null
    "$dx" --profile alice import "$cut" many.jsonl --type p --key name --link depends --json >/dev/null 2>&1 &
    importing=$!
    started="$started $importing"
    sleep $pause
    kill -9 $importing 2>/dev/null
    wait $importing 2>/dev/null
    run --profile alice doctor --json
    [ "$status" = 0 ] && ! grep -q '"health":"bad"\|copied, restored' out && sound=$((sound + 1))
done
same "killed eight times, the vault is found well eight times" $sound 8
expect_exit 0 "and the import goes on" --profile alice import "$cut" many.jsonl --type p --key name --link depends --json
same "to the end" "$(cat out)" '{"objects":20000,"links":80000,"unresolved":0}'
same "with nothing twice" "$(alice query "$cut" '{"type": "p", "count": true}' --json | value count)" 20000
plan
