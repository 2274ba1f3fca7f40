#!/bin/sh
# tests/cli/test_meet.sh DX: peers who cannot dial each other meet through a kube, over WebRTC, and need it no more once they have.
. "$(dirname "$0")/lib.sh"
unset DX_WEB

frank() { "$dx" --profile frank "$@"; }

"$dx" kube start --json >kube 2>/dev/null
started="$started $(value pid <kube)"
service="ws://$(value listen <kube)/.well-known/dx/signal"
alice halo create Alice -q >/dev/null
alice space create notes -q >/dev/null
alice object add notes --type t --data '{"n": 1}' -q >/dev/null
alice agent start -q --listen 127.0.0.1:0 >/dev/null
alice signal add "$service" -q >/dev/null
frank halo create Frank -q >/dev/null
frank agent start -q >/dev/null
check "the service is ready" wait_for 10 sh -c "'$dx' --profile alice signal list --json | grep -q '\"ready\"'"

# The link names the service and an address; the address leads nowhere when Frank comes.
share
alice agent stop -q >/dev/null
share_ends
alice agent start -q --listen 127.0.0.2:0 >/dev/null
run --profile frank space join "$url" --pin "$pin" --json --timeout 20
same "a link whose address leads nowhere lets in by its service" "$status $(value state <out)" "0 ready"
joined=$(value space <out) # what it is called is data, and comes after
expect_exit 0 "what was there comes" --profile frank space status "$joined" --wait-synced --timeout 15 --json
same "in step" "$(value synced <out) $(value objects <out)" "True 1"

expect_exit 0 "the kube stops" kube stop
alice object add notes --type late -q >/dev/null
check "links live on without it" wait_for 10 sh -c "[ \$('$dx' --profile frank object ls notes --type late -q | wc -l) = 1 ]"
same "and both hold the same" "$(frank space digest notes --json | value digest)" "$(alice space digest notes --json | value digest)"

# Who is stopped in order says so; the service waits ten seconds for others who are gone.
expect_exit 0 "the kube starts again" kube start --json
started="$started $(value pid <out)"
sees() { [ "$(alice signal list --json | value peers)" "$1" 0 ]; }
check "and they are met there again" wait_for 20 sees -gt
frank agent stop -q >/dev/null
check "an agent that stops is missed at once" wait_for 4 sees -eq
plan
