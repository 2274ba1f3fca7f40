#!/bin/sh
# tests/cli/test_terminal.sh DX: what a person sees: tables, colour, questions, bars; and nothing of others' that moves the cursor.
python3 -c 'import os; os.openpty()' 2>/dev/null || { echo "1..0 # SKIP no pseudo-terminals here"; exit 0; }
here=$(realpath "$(dirname "$0")")
. "$here/lib.sh"
on_terminal() { python3 "$here/terminal.py" "$@" >"$box/out" 2>"$box/err"; status=$?; }
escape=$(printf '\033')

alice halo create Alice -q >/dev/null
bob halo create Bob -q >/dev/null
alice space create notes -q >/dev/null
id=$(alice object add notes --type task --data '{"title": "water the plants, all of them, and do not forget the one behind the shed which is thirsty"}' -q)
alice object add notes --type 'a much longer type' --data '{"n": 1}' -q >/dev/null

on_terminal 60 -- "$dx" --profile alice object ls notes
holds "a table has a heading" out 'id.*type.*data'
holds "ids are short" out '^[^ ]*1-0-[0-9a-f]\{8\} '
lacks "what is the same for all is left out" out 'deleted'
check "lines fit the terminal" python3 -c 'import re, sys
text = re.sub(r"\x1b\[[0-9;]*m", "", open("out", encoding="utf-8").read())
sys.exit(any(len(line) > 60 for line in text.split("\n")))'
holds "what is cut ends with dots" out '…$'
holds "headings are bold" out "$escape\[1m"
NO_COLOR=1 on_terminal 60 -- "$dx" --profile alice object ls notes
lacks "NO_COLOR" out "$escape"
PRETEND_TERM=dumb on_terminal 60 -- "$dx" --profile alice object ls notes
lacks "TERM=dumb" out "$escape"
CLICOLOR_FORCE=1 timeout 20 "$dx" --profile alice object get notes nothing >out 2>err
holds "CLICOLOR_FORCE colours a pipe too" err "$escape\[31m"
on_terminal 100 -- "$dx" --profile alice object get notes "$id"
holds "one thing is shown line by line" out "data.*  *{\"title\":\"water"
NO_COLOR=1 on_terminal 100 -- "$dx" --profile alice status
holds "status is a screen" out '^identity  *Alice'
on_terminal 100 -- "$dx" --profile alice --json space list
lacks "--json is JSON on a terminal too" out "$escape"

# Names come from others.
evil=$(printf 'evil\033]0;title\007\033[2J\233c\342\200\256txt')
alice space create "$evil" -q >/dev/null 2>&1 || alice space create "$(printf 'evil\033]0;title\007\033[2J\302\233c\342\200\256txt')" -q >/dev/null
on_terminal 100 -- "$dx" --profile alice space list
holds "a hostile name is shown" out 'evil'
lacks "without its escapes" out "$escape\]0;"
lacks "nor a bell" out "$(printf '\007')"
lacks "nor marks that turn text around" out "$(printf '\342\200\256')"
NO_COLOR=1 on_terminal 100 -- "$dx" --profile alice status
lacks "nor on the screen of status" out "$escape"

# Questions
share
wrong=111111
[ "$pin" != $wrong ] || wrong=222222
on_terminal 100 -- "$dx" --profile bob --no-input space join "$url"
same "--no-input asks nothing" "$status" 2
on_terminal 100 -- "$dx" --profile bob --timeout 1 space join "$url"
same "a question nobody answers in time" "$status" 8
on_terminal 100 "PIN:=$wrong\\n" "attempts left=$pin\\n" -- "$dx" --profile bob space join "$url"
same "joined after a wrong PIN" "$status" 0
holds "attempts left are shown" out 'PIN (2 attempts left):'
lacks "what is typed is not" out "$pin"
wait $sharer
on_terminal 120 "waiting=\\x03" -- "$dx" --profile alice space share notes
holds "a link for this machine only says so" out 'for others: dx agent start --listen'
same "Ctrl-C on a terminal" "$status" 130
holds "the link stands there" out 'dxos://join#'
if [ "$("$dx" version --json | value qr)" = True ]; then
    holds "and as a picture" out '▄\|▀\|█'
    on_terminal 120 "waiting=\\x03" -- "$dx" --profile alice space share notes --no-qr
    lacks "but not with --no-qr" out '▄'
    on_terminal 30 "waiting=\\x03" -- "$dx" --profile alice space share notes
    lacks "nor where it has no room" out '▄'
else
    skip "a QR code" "built without libqrencode"
fi
on_terminal 100 "go on:=no\\n" -- "$dx" --profile bob space rm notes
same "a wrong answer forgets nothing" "$status" 1
on_terminal 100 "go on:=\\x03" -- "$dx" --profile bob space rm notes
same "nor does Ctrl-C" "$status" 130
check "the space is still there" bob space status notes

# Progress: nothing for the first second, then a bar on a terminal and a line every ten seconds elsewhere.
python3 -c 'import json
for n in range(60000): print(json.dumps({"name": "p%d" % n, "depends": ["p%d" % ((n * 7 + k) % 60000) for k in range(3)]}))' >many.jsonl
alice space create many -q >/dev/null
on_terminal 100 -- "$dx" --profile alice import many many.jsonl --type p --key name --link depends
same "an import on a terminal" "$status" 0
if python3 -c 'import re, sys; sys.exit(float(re.search(r"imported in ([0-9.]+) s", open("out").read()).group(1)) < 1.5)'; then
    holds "shows a bar" out 'importing █'
    holds "and takes it away" out "$escape\[K"
    alice space create again -q >/dev/null
    NO_COLOR=1 on_terminal 100 -- "$dx" --profile alice import again many.jsonl --type p --key name --link depends
    holds "without colour too" out 'importing █'
else
    skip "shows a bar" "this machine is too quick"
fi
plan
