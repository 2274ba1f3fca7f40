#!/bin/sh
# tests/cli/test_agent.sh DX: the agent's life: starting, stopping, being killed; one vault, many programs.
. "$(dirname "$0")/lib.sh"

expect_exit 4 "no vault, no agent" --profile alice agent start
expect_exit 9 "none runs" --profile alice agent status
expect_exit 9 "none to stop" --profile alice agent stop
alice halo create Alice -q >/dev/null
alice space create notes -q >/dev/null

expect_exit 0 "start returns" --profile alice agent start --json
same "with pid and address" "$(keys <out)" pid,listen
pid=$(value pid <out)
listen=$(value listen <out)
check "the process is there" kill -0 "$pid"
check "and listens there" python3 -c 'import socket, sys
host, port = sys.argv[1].rsplit(":", 1)
socket.create_connection((host, int(port)), 2)' "$listen"
expect_exit 0 "starting again is no error" --profile alice agent start --json
same "and no second one" "$(value pid <out)" "$pid"
expect_exit 6 "but not elsewhere" --profile alice agent start --listen 127.0.0.1:0
same "status agrees" "$(alice agent status --json | value pid)" "$pid"
same "dx status agrees" "$(alice status --json | value agent) $(alice status --json | value listen)" "$pid $listen"
expect_exit 0 "stop" --profile alice agent stop
check "the process is gone" wait_for 20 sh -c "! kill -0 $pid 2>/dev/null || grep -q ') Z' /proc/$pid/stat"
alice agent start --json >again
same "the port is kept" "$(value listen <again)" "$listen"

# Many at once
for i in 1 2 3 4 5 6 7 8; do
    (for j in 1 2 3; do alice object add notes --type many -q >>"ids.$i"; done) &
done
wait
same "eight programs at once" "$(alice object ls notes --type many -q | sort)" "$(sort ids.*)"

# Killed at any moment: every acknowledged object is there after a clean start. A moment comes after some were
# acknowledged, however slow the machine is today.
: >acknowledged
more_than() { [ "$(wc -l <acknowledged)" -gt "$1" ]; }
round=0
while [ $round -lt 3 ]; do
    round=$((round + 1))
    rm -f stop
    (while [ ! -e stop ]; do alice object add notes --type kept -q >>acknowledged 2>/dev/null; done) &
    adding=$!
    wait_for 20 more_than $(($(wc -l <acknowledged) + 2 + round))
    sleep 0.0$((round * 3))
    kill -9 "$(value pid <again)"
    sleep 0.1
    touch stop
    wait $adding
    run --profile alice agent start --json
    cp out again
    same "start after kill -9, round $round" "$status" 0
done
alice object ls notes --type kept -q | sort >there
sort acknowledged >wanted
check "acknowledged objects were many" [ "$(wc -l <wanted)" -gt 10 ]
same "every acknowledged object is there" "$(comm -23 wanted there)" ""
expect_exit 0 "and the vault is well" --profile alice doctor

# A waiting program hears that its agent went away.
interruptible "$dx" --profile alice watch notes >watched 2>watch.err &
watcher=$!
started="$started $watcher"
shown() { alice object add notes --type seen -q && [ -s watched ]; }
check "a program watches" wait_for 20 shown
kill -9 "$(value pid <again)"
wait $watcher
same "the agent goes away under a program" $? 9
cp watch.err err
holds "which says so" err 'the agent went away'

# In the foreground
interruptible "$dx" --profile alice agent start -f --json >foreground 2>/dev/null &
agent=$!
started="$started $agent"
wait_for 20 grep -q pid foreground
same "in the foreground: its own pid" "$(value pid <foreground)" "$(alice agent status --json | value pid)"
kill -INT $agent
wait $agent
same "Ctrl-C stops it in order" $? 0
expect_exit 9 "it is gone" --profile alice agent status

# Without an agent commands wait a little for each other, and then say who holds the vault.
for i in 1 2; do (alice object add notes --type queue -q >>queue) & done
wait
same "two commands without an agent" "$(wc -l <queue | tr -d ' ')" 2
# Of more, those that are kept waiting too long on a slow machine say that the vault is busy, and ask again.
queued() { until alice object add notes --type queue -q >>queue 2>/dev/null; do [ $? = 6 ] || return 1; done; }
for i in 3 4; do queued & done
wait
same "four of them, one way or the other" "$(wc -l <queue | tr -d ' ')" 4
for i in 5 6 7 8; do queued & done
expect_exit 0 "an agent waits for them likewise" --profile alice agent start
wait
same "and serves those that came after it" "$(wc -l <queue | tr -d ' ')" 8
alice agent stop -q >/dev/null
for i in 1 2 3; do (alice agent start --json >>starts) & done
wait
same "three at once start one agent, and all of them show it" "$(value pid <starts) $(sort -u starts | wc -l | tr -d ' ') $(wc -l <starts | tr -d ' ')" "$(alice agent status --json | value pid) 1 3"
alice agent stop -q >/dev/null
interruptible "$dx" --profile alice watch notes >/dev/null 2>&1 &
watcher=$!
started="$started $watcher"
is_held() { alice --timeout 0.2 object add notes -q; [ $? = 6 ]; }
check "a program holds the vault" wait_for 20 is_held
expect_exit 6 "one that stays is told of" --profile alice object add notes
holds "by its number" err 'held by process'
expect_exit 6 "sooner when time is short" --profile alice --timeout 0.2 object add notes
expect_exit 6 "no agent beside it" --profile alice agent start
kill -TERM $watcher
wait $watcher

python3 -c 'import socket, sys, time
busy = socket.socket(); busy.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
busy.bind(("127.0.0.1", int(sys.argv[1]))); busy.listen(); print("ready", flush=True)
time.sleep(100)' "${listen##*:}" >holding &
holder=$!
started="$started $holder"
wait_for 20 test -s holding
expect_exit 1 "an address asked for that is taken" --profile alice agent start --listen "$listen" --json
holds "is told" out 'cannot listen on 127.0.0.1'
expect_exit 0 "the kept port is taken: another is chosen" --profile alice agent start --json
check "which is not it" [ "$(value listen <out)" != "$listen" ]
kill $holder
alice agent stop -q >/dev/null 2>&1
expect_exit 2 "an address that is none" --profile alice agent start --listen nonsense

# Somebody else on the agent's socket (an agent of another time, say): it is told, and nothing waits for it.
alice agent start -q >/dev/null
socket=$(ls "$XDG_RUNTIME_DIR"/dx/*.sock)
alice agent stop -q >/dev/null
python3 -c 'import socket, sys
other = socket.socket(socket.AF_UNIX); other.bind(sys.argv[1]); other.listen(); print("ready", flush=True)
while True:
    client = other.accept()[0]
    try: client.recv(1000); client.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    except OSError: pass
    client.close()' "$socket" >posing &
poser=$!
started="$started $poser"
wait_for 10 test -s posing
expect_exit 9 "what is no agent" --profile alice object ls notes
holds "leads to the doctor" err 'try: dx doctor'
expect_exit 1 "who finds it" --profile alice doctor
holds "by its process" out "process $poser listens on its socket, but does not answer"
kill $poser
wait $poser 2>/dev/null
expect_exit 0 "once it is gone all is well" --profile alice object ls notes
plan
