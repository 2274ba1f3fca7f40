#!/bin/sh
# tests/door/test_examples.sh DX EXAMPLES: each example, run in a vault of its own, says what tests/door/examples/NAME.txt has, and the
# same by an agent that holds the vault. Ids, which are others each time, stand there as ID.
set -u
dx=$1 programs=$2
folder=$(cd "$(dirname "$0")/examples" && pwd)
box=$(mktemp -d "${TMPDIR:-/tmp}/dx-examples.XXXXXX")
export XDG_DATA_HOME="$box/data" XDG_STATE_HOME="$box/state" XDG_RUNTIME_DIR="$box/run"
mkdir -m 700 "$box/run"
agent='' count=0 failed=0
leave() {
    [ -z "$agent" ] || "$dx" --vault "$agent" agent stop -q >/dev/null 2>&1
    rm -rf "$box"
}
trap leave EXIT
trap 'exit 1' INT TERM

# says NAME HOW: runs it in vault NAME, and compares.
says() {
    count=$((count + 1))
    timeout 60 "$programs/example-$1" "$box/$1" >"$box/out" 2>"$box/err"
    status=$?
    sed -E 's/[0-9]+-[0-9]+-[0-9a-f]{32}/ID/g' "$box/out" >"$box/said"
    if [ "$status" = 0 ] && cmp -s "$box/said" "$folder/$1.txt"; then echo "ok $count - $1 $2"; else
        echo "not ok $count - $1 $2 (exit $status)"
        diff "$folder/$1.txt" "$box/said" | sed 's/^/# /'
        sed 's/^/# /' "$box/err"
        failed=1
    fi
}

for file in "$folder"/*.txt; do
    name=$(basename "$file" .txt)
    says "$name" alone
    case $name in
    version | text | text_protocol | text_history | encoding | driver | signaling | kube) continue ;; # they open no vault as a client does
    custom_model | poll) continue ;;                            # an agent has models of its own; poll starts one with its
    esac
    if "$dx" --vault "$box/$name" agent start -q >/dev/null 2>&1; then agent=$box/$name; fi
    says "$name" "by an agent"
    [ -z "$agent" ] || "$dx" --vault "$agent" agent stop -q >/dev/null 2>&1
    agent=''
done
echo "1..$count"
exit $failed
