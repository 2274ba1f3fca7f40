#!/bin/sh
# tests/cli/test_demo.sh DX: the main job, ended in the middle: a terminal that is closed interrupts it and hangs up while it clears away.
tools=$(realpath "$(dirname "$0")/../../tools")
. "$(dirname "$0")/lib.sh"

interruptible "$tools/demo" "$dx" "$box/demo" >said 2>words </dev/null &
demo=$!
started="$started $demo"
wait_for 40 grep -q "Bob's agent:" said || cat said words
pids=$(sed -n "s/.* agent: *process \([0-9]*\),.*/\1/p" said)
started="$started $pids"
same "two agents run" "$(echo "$pids" | wc -l)" 2
kill -INT "$demo"
kill -HUP "$demo"
wait "$demo"
gone() { ! kill -0 "$1" 2>/dev/null || grep -q ') Z' "/proc/$1/stat"; }
for pid in $pids; do check "agent is gone" wait_for 10 gone "$pid"; done
plan
