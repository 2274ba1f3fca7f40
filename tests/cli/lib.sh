# tests/cli/lib.sh: what every test of the `dx` command stands on. Sourced: . "$(dirname "$0")/lib.sh" with the command as $1.
#
# A test runs in a folder of its own with its own vaults, sockets and logs; at its end, however it ends, its agents are stopped by their
# pids and the folder goes. Cases are TAP lines: check, expect_exit, same, holds, skip; `plan` closes.
set -u
dx=$(realpath "$1")
box=$(mktemp -d "${TMPDIR:-/tmp}/dx-cli.XXXXXX")
export XDG_DATA_HOME="$box/data" XDG_STATE_HOME="$box/state" XDG_RUNTIME_DIR="$box/run" XDG_CONFIG_HOME="$box/config" TERM=dumb
unset DX_VAULT DX_PROFILE NO_COLOR CLICOLOR_FORCE
mkdir -m 700 "$box/run"
cd "$box" || exit 1

cleanup() {
    for folder in "$box"/data/dx/* "$box"/small/vault; do
        [ -d "$folder" ] || continue
        pid=$("$dx" --vault "$folder" agent status --json --timeout 2 2>/dev/null | sed -n 's/.*"pid":\([0-9][0-9]*\).*/\1/p')
        [ -z "$pid" ] || kill -9 "$pid" 2>/dev/null
    done
    for pid in ${started:-}; do kill -9 "$pid" 2>/dev/null; done
    cd /
    [ -z "${mounted:-}" ] || umount "$mounted"
    chmod -R u+rwX "$box" 2>/dev/null
    rm -rf "$box"
}
trap cleanup EXIT
trap 'exit 1' INT TERM
started=''

count=0
failed=0
# result STATUS NAME: one case; what the last `run` said goes with a failure.
result() {
    count=$((count + 1))
    if [ "$1" = 0 ]; then echo "ok $count - $2"; else
        echo "not ok $count - $2"
        failed=1
        for said in out err checked; do [ ! -f "$box/$said" ] || head -c 2000 "$box/$said" | sed "s/^/# $said: /"; done
    fi
}
skip() { count=$((count + 1)); echo "ok $count - $1 # SKIP $2"; }
plan() { echo "1..$count"; exit $failed; }

# run ARGUMENT…: dx with what it says kept in $box/out and $box/err, its exit code in $status.
run() {
    timeout 20 "$dx" "$@" >"$box/out" 2>"$box/err" </dev/null
    status=$?
}
# expect_exit CODE NAME ARGUMENT…
expect_exit() {
    wanted=$1 name=$2
    shift 2
    run "$@"
    [ "$status" = "$wanted" ] || echo "# exit $status, not $wanted"
    [ "$status" = "$wanted" ]
    result $? "$name"
}
# holds NAME FILE PATTERN: a basic regular expression stands in out or err.
holds() { grep -q -- "$3" "$box/$2"; result $? "$1"; }
lacks() { ! grep -q -- "$3" "$box/$2"; result $? "$1"; }
# same NAME A B
same() {
    [ "$2" = "$3" ]
    same_status=$?
    [ $same_status = 0 ] || printf '%s\n' "$2" "$3" | sed 's,^,# ,'
    result $same_status "$1"
}
check() { # NAME COMMAND…
    name=$1
    shift
    "$@" >"$box/checked" 2>&1
    result $? "$name"
}

alice() { timeout 20 "$dx" --profile alice "$@"; }
bob() { timeout 20 "$dx" --profile bob "$@"; }

# keys <JSON LINES: the keys of each line's object, in order, joined by commas.
keys() { python3 -c 'import json, sys
for line in sys.stdin: print(",".join(json.loads(line, object_pairs_hook=lambda pairs: dict(pairs)).keys()))'; }
# value KEY <JSON LINE: a text or number of the first line.
value() { python3 -c 'import json, sys
found = json.loads(sys.stdin.readline())
for key in sys.argv[1].split("."): found = found[key]
print(found)' "$1"; }

# A shell's background ignores Ctrl-C; this program does not: interruptible COMMAND… &
interruptible() {
    exec python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$@"
}

# share OPTION…: alice shares the space notes in the background; the link is in $url, the PIN in $pin.
share() {
    : >shared
    interruptible "$dx" --profile alice space share notes --json "$@" >shared 2>share.err &
    sharer=$!
    started="$started $sharer"
    wait_for 10 grep -q url shared
    url=$(head -n 1 shared | value url)
    pin=$(head -n 1 shared | value pin)
}
share_ends() {
    wait "$sharer"
    share_code=$?
}

# wait_for SECONDS COMMAND…: until it succeeds.
wait_for() {
    tries=$(($1 * 20))
    shift
    while [ $tries -gt 0 ]; do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.05
        tries=$((tries - 1))
    done
    return 1
}
