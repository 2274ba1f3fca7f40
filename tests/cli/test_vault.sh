#!/bin/sh
# tests/cli/test_vault.sh DX: the vault's file gives back what nothing takes any more, when it is asked to and by itself.
. "$(dirname "$0")/lib.sh"

alice halo create Alice -q >/dev/null
size() { stat -c %s "$box/data/dx/alice/vault.db"; }
python3 -c 'for n in range(3000): print("{\"id\": \"%d\", \"type\": \"p\", \"data\": {\"n\": %d, \"words\": \"%s\"}}" % (n, n, "lorem ipsum %d " % n * 300))' >many.jsonl
alice space create kept -q >/dev/null
kept=$(alice object add kept --type note --data '{"n": 1}' -q)
alice space create gone -q >/dev/null
alice import gone many.jsonl -q >/dev/null
before=$(size)
alice space rm gone -q >/dev/null </dev/null
same "what goes leaves its room" "$(test "$(size)" -ge "$before"; echo $?)" 0
expect_exit 0 "the file is made smaller" --profile alice vault compact --json
check "by what went" python3 -c 'import json; row = json.load(open("out")); assert row["before"] > 10 * row["after"] > 0, row'
check "it is as large as is said" test "$(size)" = "$(value after <out)"
check "what is left is there" sh -c "'$dx' --profile alice object get kept '$kept' --json | grep -q '\"n\":1'"
expect_exit 0 "nothing is damaged" --profile alice doctor
expect_exit 0 "again is nothing more" --profile alice vault compact --json
same "of the same size" "$(value before <out)" "$(value after <out)"

# --- By itself, while nobody waits
alice agent start -q >/dev/null
alice space create gone -q >/dev/null
alice import gone many.jsonl -q >/dev/null
alice vault compact -q >/dev/null
full=$(size)
alice space rm gone -q >/dev/null </dev/null
for n in $(seq 100); do
    [ "$(size)" -gt $((full / 4)) ] || break
    sleep 0.2
done
check "an agent's vault gives it back by itself" test "$(size)" -lt $((full / 4))
check "and goes on" sh -c "'$dx' --profile alice object get kept '$kept' --json | grep -q '\"n\":1'"
alice agent stop -q >/dev/null
expect_exit 0 "whole" --profile alice doctor
plan
