#!/bin/sh
# tests/cli/test_start.sh DX: tools/start, what `make start` does after the main job: it serves, lets in, and leaves nothing behind however it ends.
here=$(realpath "$(dirname "$0")") tools=$(realpath "$(dirname "$0")/../../tools") web=$(realpath "$(dirname "$0")/../../build")/web
. "$(dirname "$0")/lib.sh"
for page in "$web/halo/index.html" "$web/tasks/index.html"; do
    [ -f "$page" ] || { skip "what follows the main job" "$page is not built (make web)"; plan; }
done
export DX_NO_BROWSER=1

# In its folder the vaults are Alice's and Bob's; here, as ever, ours.
inside() { XDG_DATA_HOME="$box/start/data" XDG_STATE_HOME="$box/start/state" XDG_CONFIG_HOME="$box/start/config" XDG_RUNTIME_DIR="$box/start/run" timeout 20 "$dx" "$@" 2>/dev/null; }
begin() {
    : >said
    interruptible "$tools/start" "$dx" "$box/start" "$web" >said 2>words </dev/null &
    start=$!
    started="$started $start"
    wait_for 40 grep -q '^PIN' said || cat said words
    pids="$(inside --profile alice agent status --json | value pid) $(inside --profile bob agent status --json | value pid) $(inside kube status --json | value pid)"
    started="$started $pids"
    vault=$(sed -n 's/^vault *//p' said) app=$(sed -n 's/^tasks *//p' said) link=$(sed -n 's/^link *//p' said) pin=$(sed -n 's/^PIN *//p' said)
}
# gone PID…: none of them runs any more.
gone() { for pid in "$@"; do ! kill -0 "$pid" 2>/dev/null || grep -q ') Z' "/proc/$pid/stat" || return 1; done; }
# title ADDRESS: of the page there, asked as a browser does.
title() { python3 -c 'import http.client, re, sys, urllib.parse
url = urllib.parse.urlsplit(sys.argv[1])
connection = http.client.HTTPConnection("127.0.0.1", url.port, timeout=5)
connection.request("GET", url.path, headers={"Host": url.netloc})
answer = connection.getresponse()
print(answer.status, re.search("<title>(.*)</title>", answer.read().decode()).group(1))' "$1" 2>&1 | tail -n 1; }

begin
same "the vault page answers" "$(title "$vault")" "200 $(sed -n 's/.*<title>\(.*\)<\/title>.*/\1/p' "$web/halo/index.html")"
same "the app answers" "$(title "$app")" "200 $(sed -n 's/.*<title>\(.*\)<\/title>.*/\1/p' "$web/tasks/index.html")"
same "the link is a page's" "${link%%#*}#$(echo "${link#*#}" | cut -c 1-5)" "$app#join="
same "there are lists and tasks" "$(inside --profile alice object ls home --type list -q | wc -l) $(inside --profile alice object ls home --type task -q | wc -l)" "2 5"
same "one of them Bob's" "$(inside --profile alice link ls home --type assigned -q | wc -l)" 1
"$dx" --profile carol halo create Carol -q >/dev/null
check "another is let in by link and PIN" timeout 20 "$dx" --profile carol space join "$link" --pin "$pin" --timeout 15
same "and has all of it" "$("$dx" --profile carol object ls home --type task -q | wc -l)" 5
wait_for 5 grep -q 'admitted' words
cp words err
holds "which is told" err 'admitted'
"$tools/start" "$dx" "$box/start" "$web" >out 2>err </dev/null
same "a second one is refused" $? 1
holds "and told why" err 'runs already'
kill -INT "$start"
wait "$start"
same "Ctrl-C ends it well" $? 0
check "agents and kube are gone" gone $pids
check "and nobody holds its lock" flock -n start/lock true
first=$vault space=$(inside --profile alice space list --json | value space)

begin
same "again, at the same address" "$vault" "$first"
same "with the same space" "$(inside --profile alice space list --json | value space)" "$space"
same "not filled twice" "$(inside --profile alice object ls home --type task -q | wc -l)" 5
kill -TERM "$start"
wait "$start"
same "SIGTERM ends it well" $? 0
check "with all it started" gone $pids

begin
left=$pids
kill -KILL "$start"
wait "$start" 2>/dev/null
begin
same "after one that was killed: again" "$vault" "$first"
check "and what that one left is gone" gone $left
kill -TERM "$start"
wait "$start"
same "and ends well" $? 0
check "with all it started, too" gone $pids

# As people have it: make, on a terminal, which is sent Ctrl-C as one and may not see it.
printf 'serve:\n\t@"%s/start" "%s" "%s" "%s"\n' "$tools" "$dx" "$box/start" "$web" >Makefile
python3 "$here/terminal.py" 100 'watch home=\x1a' '^Z=\x03' -- make --no-print-directory serve >out 2>err
same "under make, on a terminal, Ctrl-C ends it well" $? 0
lacks "without a word of make's" out 'make:\|\*\*\*'
holds "but its own" out 'Ended: no agent'
started=''
plan
