#!/bin/sh
# tests/cli/test_epochs.sh DX: an epoch made by hand, built on, and what is said of history then; a newcomer gets the state.
. "$(dirname "$0")/lib.sh"

alice halo create Alice -q >/dev/null
bob halo create Bob -q >/dev/null
alice space create notes -q >/dev/null
tea=$(alice object add notes --type task --data '{"title": "tea"}' -q)
alice object set notes "$tea" done=true -q >/dev/null
alice object set notes "$tea" done=false -q >/dev/null
first=$(alice history notes "$tea" --json | tail -n 1 | value at)

expect_exit 0 "no epoch yet" --profile alice space epochs notes --json
same "is no line" "$(wc -l <out | tr -d ' ')" 0
expect_exit 1 "nor one to build on" --profile alice space compact notes --now
holds "and says so" err 'no epoch is confirmed'
expect_exit 0 "an epoch by hand" --profile alice space epoch notes --json
same "the first, confirmed: it speaks of nobody else's work" "$(value number <out) $(value confirmed <out)" "1 True"
expect_exit 0 "is in the list" --profile alice space epochs notes --json
same "right, not built on yet, and made today" "$(value here <out) $(value current <out) $(value base <out) $(value time.@time <out | cut -c 1-10)" \
    "right True False $(date -u +%Y-%m-%d)"
run --profile alice history notes "$tea" --json
same "history is still whole" "$(wc -l <out | tr -d ' ') $(tail -n 1 out | value did)" "3 made"

expect_exit 1 "history stays for the retention window" --profile alice space compact notes
holds "which is said" err 'retention window'
expect_exit 0 "or goes now" --profile alice space compact notes --now --json
same "this vault builds on it" "$(value base <out)" 1
expect_exit 0 "status" --profile alice space status notes
run --profile alice space epochs notes --json
same "the list says so" "$(value base <out)" True
digest=$(alice space digest notes --json | value digest)

expect_exit 0 "history of the object" --profile alice history notes "$tea" --json
same "is one line: where it begins, and with whose epoch" "$(wc -l <out | tr -d ' ') $(value did <out) $(value epoch <out) $(value name <out)" "1 begins 1 Alice"
begins=$(value at <out)
run --profile alice history notes "$tea"
holds "and a sentence" err "history begins at epoch 1 ($(date -u +%Y-%m-%d))"
run --profile alice history notes --json
same "that of the space likewise" "$(wc -l <out | tr -d ' ') $(value epoch <out) $(value at <out)" "1 1 $begins"
expect_exit 0 "the state there" --profile alice object get notes "$tea" --at "$begins" --json
same "is what it was" "$(value data.done <out)" False
run --profile alice query notes --at "$begins" --json
same "a question about then finds the same" "$(value data.done <out)" False
for verb in "object get notes $tea --at $first" "query notes --at $first" "history notes $tea --from $first" "object restore notes $tea --at $first" "undo notes" "redo notes"; do
    # shellcheck disable=SC2086 # words of a command line
    expect_exit 3 "what is earlier is gone: $(echo "$verb" | cut -d ' ' -f 1-2)" --profile alice $verb
    holds "as is said, with a day" err "history here begins at epoch 1 ($(date -u +%Y-%m-%d))"
done
feed=$(alice inspect notes --json | grep '"class":"data"' | value feed)
same "inspect shows where the feed begins" "$(alice inspect notes --json | grep '"class":"data"' | value begins)" 4
expect_exit 3 "and no block before" --profile alice inspect notes block "$feed" 1
holds "for the same reason" err 'history here begins at epoch 1'

alice object set notes "$tea" 'title="coffee"' -q >/dev/null
run --profile alice history notes "$tea" --json
same "from there on it goes on" "$(wc -l <out | tr -d ' ') $(value did <out) $(tail -n 1 out | value did)" "2 changed begins"
run --profile alice history notes "$tea" --limit 1 --json
same "within a limit" "$(wc -l <out | tr -d ' ') $(value did <out)" "1 changed"
run --profile alice history notes "$tea" --before "$begins" --json
same "and before its beginning is nothing" "$(wc -l <out | tr -d ' ')" 0
expect_exit 0 "the difference since" --profile alice history notes "$tea" --from "$begins" --json
same "is what was done since" "$(value path <out) $(value from <out) $(value to <out)" "title tea coffee"
expect_exit 0 "the change is undone" --profile alice undo notes
same "to what it was" "$(alice object get notes "$tea" --json | value data.title)" tea
expect_exit 0 "and done again" --profile alice redo notes

share
run --profile bob space join "$url" --pin "$pin" --json --timeout 15
same "a newcomer joins" "$status" 0
share_ends
expect_exit 0 "gets what there is" --profile bob space status notes
same "the same as there" "$(bob space digest notes --json | value digest)" "$(alice space digest notes --json | value digest)"
run --profile bob space epochs notes --json
same "taken over, and built on" "$(value here <out) $(value base <out)" "loaded True"
run --profile bob history notes "$tea" --json
same "his history begins at the same point" "$(tail -n 1 out | value did) $(tail -n 1 out | value at)" "begins $begins"
expect_exit 3 "and not before" --profile bob object get notes "$tea" --at "$first"
holds "as is said" err 'history here begins at epoch 1'
bob object set notes "$tea" done=true -q >/dev/null
expect_exit 0 "what he does he can undo" --profile bob undo notes
expect_exit 3 "and no more than that" --profile bob undo notes
plan
