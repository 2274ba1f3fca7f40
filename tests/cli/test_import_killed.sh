#!/bin/sh
# tests/cli/test_import_killed.sh DX KILLER: an import that is killed at any of its writes goes on when it is run again, and comes to the
# same as one that was left alone, with nothing twice. KILLER is a module that ends a program at its n-th write (killer.c).
killer=$(realpath "$2")
. "$(dirname "$0")/lib.sh"

killed() { # PROFILE WRITE ARGUMENT…: dx, killed at a write; its status
    profile=$1 number=$2
    shift 2
    ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0 LD_PRELOAD="$killer" DX_KILL_AT="$number" timeout 20 "$dx" --profile "$profile" "$@" >out 2>err </dev/null
}
normal() { python3 -c 'import re, sys
seen = {}
for line in sys.stdin: sys.stdout.write(re.sub(r"[0-9]+-[0-9]+-[0-9a-f]{32}", lambda m: seen.setdefault(m.group(0), "#%d" % len(seen)), line))'; }

alice halo create Alice -q >/dev/null
# Parents before and behind, references, links with names and without, what was deleted, and a line that is refused each time.
python3 - >lines.jsonl <<'PY'
import json
far = "00112233445566778899aabbccddeeff"
for n in range(1200):
    print(json.dumps({"id": "%d-0-%s" % (n + 1, far), "type": "t", "parent": "%d-0-%s" % ((n * 7) % 1200 + 1, far) if n % 9 == 4 else None,
                      "data": {"n": n, "to": {"@ref": "%d-0-%s" % ((n * 5) % 1200 + 1, far)} if n % 50 == 0 else n}, "deleted": n % 100 == 3}))
for n in range(600):
    print(json.dumps({"id": "%d-1-%s" % (n + 1, far), "source": "%d-0-%s" % (n + 1, far), "target": "%d-0-%s" % (n + 2, far), "type": "next", "data": {}, "deleted": n % 90 == 1}))
print("this is no line")
PY
alice space create whole -q >/dev/null
expect_exit 10 "left alone" --profile alice import whole lines.jsonl --json
whole=$(cat out)
alice export whole | normal >whole.jsonl

rounds=0 well=0 told=0
for at in 4 14 20 28 36 48 60; do # of some seventy; the first dozen are those of any command
    alice space create "s$at" -q >/dev/null
    killed alice $at import "s$at" lines.jsonl --json
    status=$?
    [ $status = 10 ] && break
    rounds=$((rounds + 1))
    killed alice $((at - 3)) import "s$at" lines.jsonl --json
    if [ $? = 10 ]; then
        cp out again
        cp err words
    else
        alice import "s$at" lines.jsonl --json >again 2>words
    fi
    grep -q 'goes on' words && told=$((told + 1))
    alice export "s$at" | normal >these
    cmp -s these whole.jsonl && [ "$(cat again)" = "$whole" ] && well=$((well + 1)) || echo "# at write $at"
done
same "one that is killed at a write, twice, comes to the same" "$well" "$rounds"
check "at many places" test $rounds -ge 5
check "most of them in the middle, and told to go on" test $told -ge 4
check "no journal is left" sh -c "! ls '$XDG_DATA_HOME'/dx/alice | grep import-"
alice space create twice -q >/dev/null
alice import twice lines.jsonl -q >/dev/null 2>&1
expect_exit 10 "a second time on purpose is a second time" --profile alice import twice lines.jsonl --json
same "with all of it" "$(cat out) $(alice export twice | grep -c '"source"')" "$whole 1200"

# --- Another file, or one to be begun anew, is another import.
alice space create anew -q >/dev/null
killed alice 40 import anew lines.jsonl
expect_exit 10 "begun anew" --profile alice import anew lines.jsonl --anew --json
same "does all of it" "$(cat out)" "$whole"

# --- An archive: spaces that were begun are gone on with, none is there twice.
alice space create second -q >/dev/null
alice object add second --data '{"n": 1}' -q >/dev/null
alice space export both.tar whole second -q >/dev/null
bob halo create Bob -q >/dev/null
rounds=0 well=0
for at in 5 20 34 50 64 90 120; do
    killed bob $at space import both.tar --json
    status=$?
    [ $status = 0 ] && break
    rounds=$((rounds + 1))
    bob space import both.tar --json >again 2>words
    names=$(bob space ls --json | python3 -c 'import json, sys
print(sorted(json.loads(line)["name"] for line in sys.stdin))')
    made=$(head -n 1 again | value space)
    bob export "$made" | normal >these
    cmp -s these whole.jsonl && [ "$names" = "['second', 'whole']" ] && well=$((well + 1)) || echo "# at write $at: $names"
    for space in $(bob space ls -q); do bob space rm "$space" -q >/dev/null </dev/null; done
done
same "so does an archive" "$well" "$rounds"
check "at several places" test $rounds -ge 5
plan
