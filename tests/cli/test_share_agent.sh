#!/bin/sh
# tests/cli/test_share_agent.sh DX: inviting, joining and staying in step with agents.
. "$(dirname "$0")/lib.sh"

alice halo create Alice -q >/dev/null
alice space create notes -q >/dev/null
alice object add notes --type t --data '{"n": 1}' -q >/dev/null
alice object add notes --type t --data '{"n": 2}' -q >/dev/null
alice object add notes --type t --data '{"n": 3}' -q >/dev/null

alice agent start -q >/dev/null
"$dx" --profile frank halo create Frank -q >/dev/null
"$dx" --profile frank agent start -q >/dev/null
share
run --profile frank space join "$url" --pin "$pin" --json --timeout 10
same "with an agent it returns as a member" "$status $(value state <out)" "0 ready"
space=$(value space <out)
share_ends
same "and so does the host" $share_code 0
share --multi
kill -KILL $sharer
wait $sharer 2>/dev/null
run --profile alice invitation list notes --json
same "an invitation outlives its program" "$status $(keys <out) $(value name <out) $(value uses_max <out)" \
    "0 id,space,name,role,state,expires,uses,uses_max,failures,app notes 10000"
lacks "its PIN is not shown" out "$pin"
id=$(value id <out)
same "found with quiet, too" "$(alice invitation ls -q)" "$id"
expect_exit 0 "and is withdrawn" --profile alice invitation cancel "$(echo "$id" | cut -c 1-8)" --json
same "which is told" "$(value state <out)" cancelled
expect_exit 1 "another time there is nothing to withdraw" --profile alice invitation cancel "$id"
same "it is gone from the list, and kept as ended" "$(alice invitation list -q | wc -l) $(alice invitation list --ended -q | wc -l)" "0 2"
expect_exit 0 "the agent fetches" --profile frank space status "$space" --wait-synced --timeout 15 --json
same "in step" "$(keys <out) $(value synced <out) $(value objects <out)" "space,synced,peers,objects,pending True 3"
alice object add notes --type late -q >/dev/null
check "what comes later arrives by itself" wait_for 10 sh -c "[ \$('$dx' --profile frank object ls notes --type late -q | wc -l) = 1 ]"
same "peers are listed" "$("$dx" --profile frank peer list --json | head -n 1 | keys)" peer,space,address,state,error,why,seconds
alice agent stop -q >/dev/null
run --profile frank space status notes --wait-synced --timeout 1
same "nobody to be in step with" "$status" 8
check "and why is told" wait_for 10 sh -c "'$dx' --profile frank peer list --json | grep -q 'could not be reached'"
plan
