#!/bin/sh
# tests/cli/test_share.sh DX: inviting and joining, without agents: PINs right and wrong, ends and exit codes.
. "$(dirname "$0")/lib.sh"

alice halo create Alice -q >/dev/null
bob halo create Bob -q >/dev/null
"$dx" --profile carol halo create Carol -q >/dev/null
alice space create notes -q >/dev/null
alice import notes - --type t <<END 2>/dev/null >/dev/null
{"n": 1}
{"n": 2}
{"n": 3}
END

wrong() { [ "$1" = 111111 ] && echo 222222 || echo 111111; }

# --- Without agents
share
same "link and PIN at once" "$(head -n 1 shared | keys)" url,pin
run --profile bob space join "$url" --pin "$pin" --json --timeout 15
same "joined" "$status" 0
same "one line: space and state" "$(keys <out) $(value state <out)" "space,state synced"
share_ends
same "the host ends well" $share_code 0
same "states until a named end" "$(tail -n +2 shared | keys | sort -u) $(tail -n 1 shared | value state)" "state success"
cp share.err err
holds "and stays until the guest has everything" err 'the guest has everything'
same "both agree" "$(alice space digest notes)" "$(bob space digest notes)"
same "both see two members" "$(alice space members notes | wc -l | tr -d ' ') $(bob space members notes | wc -l | tr -d ' ')" "2 2"
expect_exit 8 "when the host is gone nobody answers" --profile carol space join "$url" --pin "$pin" --timeout 1

share --at http://halo.home.localhost:4100
same "a link for a page" "${url%%#*}#$(echo "${url#*#}" | cut -c 1-5)" 'http://halo.home.localhost:4100/#join='
(wrong "$pin"; echo "$pin") >pins
timeout 20 "$dx" --profile carol space join "$url" --pin - --json <pins >out 2>err
same "a second try after a wrong PIN, from stdin" $? 0
holds "told that it was wrong" err 'PIN is wrong'
share_ends
same "the host ends well all the same" $share_code 0

share --role reader --pin 123456
same "a PIN of one's own" "$pin" 123456
run --profile dave halo create Dave
run --profile dave space join "$url" --json --timeout 5
same "no PIN and nobody to ask" "$status" 2
run --profile dave space join "$url" --pin "$(wrong "$pin")" --timeout 5
same "a wrong PIN" "$status" 5
holds "attempts left are told" err '2 attempts are left'
echo "$url" | timeout 20 "$dx" --profile dave space join - --pin "$pin" --timeout 10 >out 2>err
same "the link from stdin" $? 0
share_ends
expect_exit 5 "a reader may not write" --profile dave object add notes
holds "and is told why" err 'may not write'
expect_exit 0 "but reads" --profile dave object ls notes

share
for try in 1 2 3; do run --profile erin halo create Erin; run --profile erin space join "$url" --pin "$(wrong "$pin")" --timeout 5; done
same "the third wrong PIN" "$status" 5
share_ends
same "locks the invitation" "$share_code $(tail -n 1 shared | value state)" "5 locked"
run --profile erin space join "$url" --pin "$pin" --timeout 2
check "for good" [ "$status" != 0 ]

share
kill -INT "$sharer"
share_ends
same "Ctrl-C withdraws" "$share_code $(tail -n 1 shared | value state)" "130 cancelled"
run --profile erin space join "$url" --pin "$pin" --timeout 2
same "nobody answers any more, and the time runs out" "$status" 8

share --expires 1s
share_ends
same "an invitation that ran out" "$share_code $(tail -n 1 shared | value state)" "8 expired"

expect_exit 2 "no link at all" --profile erin space join nonsense --pin 123456
expect_exit 2 "no PIN at all" --profile erin space join "$url" --pin 12
expect_exit 2 "no such role" --profile alice space share notes --role king
expect_exit 2 "no page" --profile alice space share notes --at halo.example
expect_exit 2 "a page with a fragment" --profile alice space share notes --at 'https://halo.example/#x'
expect_exit 2 "no such time" --profile alice space share notes --expires soon
expect_exit 5 "an editor may not invite" --profile bob space share notes --timeout 5
expect_exit 3 "no such space" --profile alice space share nothing
expect_exit 4 "who has no vault cannot join" --profile nobody space join "$url" --pin 123456

timeout 20 "$dx" --profile alice space share notes --json >/dev/full 2>err
same "a link that cannot be written is no invitation" $? 1
holds "and that is told" err 'stdout cannot be written'
plan
