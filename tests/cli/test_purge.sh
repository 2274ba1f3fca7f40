#!/bin/sh
# tests/cli/test_purge.sh DX: purging over the real wire: between agents, with one who was away and wrote meanwhile, and with one
# who comes later.
. "$(dirname "$0")/lib.sh"

digest() { "$dx" --profile "$1" space digest notes 2>/dev/null; }
agree() { [ "$(digest alice)" = "$(digest "$1")" ]; }
gone() { ! "$dx" --profile "$1" space export notes - 2>/dev/null | grep -q sesame; }

alice halo create Alice -q >/dev/null
bob halo create Bob -q >/dev/null
alice space create notes -q >/dev/null
id=$(alice object add notes --type note --data '{"text": "sesame"}' -q)
kept=$(alice object add notes --type note --data '{"text": "stays"}' -q)
alice agent start -q >/dev/null
bob agent start -q >/dev/null
share
run --profile bob space join "$url" --pin "$pin" --json --timeout 10
same "Bob comes" "$status" 0
space=$(value space <out)
share_ends
expect_exit 0 "and has everything" --profile bob space status "$space" --wait-synced --timeout 15
bob object set notes "$id" more='"sesame, says Bob"' -q >/dev/null
check "what he writes arrives" wait_for 10 agree bob
expect_exit 5 "what Alice made he may not purge" --profile bob object purge notes "$id" --yes
holds "and is told who may" err 'only admins and who made it'

bob agent stop -q >/dev/null
bob object set notes "$id" late='"sesame, says Bob while he is away"' -q >/dev/null
bob object set notes "$kept" late='true' -q >/dev/null
expect_exit 0 "Alice purges it while Bob is away" --profile alice object purge notes "$id" --yes
same "which names it" "$(cut -f 1 <out)" "$id"
check "nothing of it is with Alice" gone alice
run --profile alice object purge notes "$id" --yes
same "another time there is nothing to purge" "$status" 3
holds "and is told why" err 'was purged'

bob agent start -q >/dev/null
check "Bob is back, and they agree" wait_for 15 agree bob
check "nothing of it is with Bob" gone bob
check "nor did he bring it back" gone alice
run --profile alice object get notes "$kept" --json
same "what else he wrote is here" "$(value data.late <out)" True
run --profile bob object get notes "$id"
same "nobody finds it" "$status" 3
run --profile bob space status notes --json
lacks "and nobody looks for it" out missing

share
run --profile carol halo create Carol -q
run --profile carol space join "$url" --pin "$pin" --json --timeout 15
same "Carol comes later" "$status" 0
share_ends
check "agrees with Alice" wait_for 10 agree carol
check "and never had it" gone carol
plan
