#!/bin/sh
# tests/cli/test_partial.sh DX: a vault that keeps a part of a space, from its first day: it never fetched the rest, says so wherever an
# answer may lack something, brings single objects and blobs when asked, and has everything after all. Two agents, two processes.
. "$(dirname "$0")/lib.sh"

alice halo create Alice -q >/dev/null
alice space create notes -q >/dev/null
# shown FILE KEY…: values of a line's members, "-" for those that are not there.
shown() { python3 -c 'import json, sys
line = json.loads(open(sys.argv[1]).readline())
print(*[line.get(key, "-") for key in sys.argv[2:]])' "$@"; }

small=$(alice object add notes --type photo --data '{"title": "sea"}' -q)
blob=$(alice object add notes --type photo.bytes --data '{"n": 1}' -q)
for part in 1 2 3; do
    head -c 60000 /dev/urandom | base64 -w 0 | tr '+/' '-_' | tr -d = >bytes
    alice object set notes "$blob" "p$part={\"@bytes\": \"$(cat bytes)\"}" -q >/dev/null
done
alice object set notes "$small" "content={\"@ref\": \"$blob\"}" -q >/dev/null
# A film of 1.2 MB: a list of its chunks, each an object of its own.
for part in 1 2 3 4; do
    head -c 300000 /dev/urandom | tee -a film | base64 -w 0 | tr '+/' '-_' | tr -d = >bytes
    printf '{"n": %d, "bytes": {"@bytes": "%s"}}\n' $part "$(cat bytes)"
done >chunks.jsonl
alice import notes chunks.jsonl --type film.chunk -q >/dev/null
chunks=$(alice query notes '{"type": "film.chunk", "order": "n"}' -q)
film=$(alice object add notes --type photo -q --data "{\"title\": \"waves\", \"chunks\": [$(for chunk in $chunks; do printf '%s{"@ref": "%s"}' "${comma:-}" "$chunk" && comma=', '; done)]}")
note=$(alice object add notes --type note --data '{"text": "secret plans"}' -q)
alice object set notes "$note" done=true -q >/dev/null
alice agent start -q >/dev/null
bob halo create Bob -q >/dev/null
bob agent start -q >/dev/null

share
run --profile bob space join "$url" --pin "$pin" --type photo --json --timeout 15
same "a newcomer joins and will keep photos" "$status $(value state <out)" "0 ready"
share_ends
expect_exit 0 "what it keeps comes" --profile bob space status notes --wait-synced --timeout 15 --json
same "and no more: it is here in part, and nothing is missing" "$(shown out objects partial types outside missing)" \
    "2 True ['photo'] 10 -"
expect_exit 0 "what it keeps is said" --profile bob space scope notes --json
same "in one line" "$(keys <out) $(shown out outside missing)" "partial,types,since,outside,missing 10 0"
expect_exit 0 "the photo is here" --profile bob object get notes "$small" --json
same "whole" "$(value data.title <out) $(shown out partial)" "sea -"
check "the rest did not cross the wire: this vault is a fraction of the other" \
    sh -c "[ \$(du -k '$box/data/dx/bob' | tail -n 1 | cut -f 1) -lt \$(du -k '$box/data/dx/alice' | tail -n 1 | cut -f 1) ]"

# Answers say so
expect_exit 0 "a question about photos" --profile bob query notes '{"type": "photo"}'
lacks "is answered wholly" err 'keeps a part'
expect_exit 0 "a question about notes" --profile bob query notes '{"type": "note"}'
holds "may lack something, and says so" err 'this vault keeps a part of the space'
expect_exit 0 "so does a list" --profile bob object ls notes
holds "of everything" err 'this vault keeps a part of the space'
run --profile bob query notes '{"type": "note", "count": true}' --json
same "and a count, to programs" "$(shown out count partial)" "0 True"
run --profile alice query notes '{"type": "note", "count": true}' --json
same "who has all says nothing of the kind" "$(shown out count partial)" "1 -"
expect_exit 3 "an object that is not here" --profile bob object get notes "$note"
holds "is not here, and how it can be" err 'object get .* --fetch'
expect_exit 3 "nor is it changed" --profile bob object set notes "$note" 'text="x"'

# On demand
expect_exit 0 "it is fetched by its id" --profile bob object get notes "$note" --fetch --json
same "as it is now" "$(value data.done <out) $(value data.text <out)" "True secret plans"
expect_exit 0 "and stays" --profile bob object get notes "$note" --json
same "marked, since what comes later is left out again" "$(value data.done <out) $(value partial <out)" "True True"
expect_exit 0 "a change of it" --profile bob object set notes "$note" 'text="better"'
check "arrives with the others" wait_for 10 sh -c "'$dx' --profile alice object get notes $note | grep -q better"
expect_exit 0 "a film is a list of its chunks" --profile bob object get notes "$film" --json
same "all of them outside" "$(value data.chunks <out | grep -o '@ref' | wc -l) $(bob query notes '{"type": "film.chunk", "count": true}' --json 2>/dev/null | value count)" "4 0"
for chunk in $chunks; do bob object get notes "$chunk" --fetch --json | value data.bytes.@bytes | python3 -c 'import base64, sys
text = sys.stdin.read().strip()
sys.stdout.buffer.write(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))'; done >shown_film
check "and each comes when it is its turn: the film is what it was" cmp -s film shown_film
expect_exit 0 "a blob is fetched when somebody looks at it" --profile bob object get notes "$blob" --fetch --json
same "to the last byte" "$(value data.p3.@bytes <out | md5sum)" "$(alice object get notes "$blob" --json | value data.p3.@bytes | md5sum)"
alice agent stop -q >/dev/null
expect_exit 0 "with nobody there, what is here is shown" --profile bob object get notes "$note" --fetch --json
same "as a part, and that nobody was asked" "$(value data.text <out) $(value partial <out) $(value reached <out)" "better True False"
expect_exit 0 "people are told, too" --profile bob object get notes "$note" --fetch
holds "in words" err 'nobody was there to bring the rest'
lacks "and these alone" err 'there may be more'
alice agent start -q >/dev/null
check "she comes back" wait_for 30 sh -c "'$dx' --profile bob object get notes $note --fetch --json | grep -qv reached"
expect_exit 3 "nobody has what was never made" --profile bob object get notes "$(echo "$note" | sed 's/^[0-9]*/4999/')" --fetch
holds "and that is said" err 'nobody who is connected has the object\|not in this space'

# All of it after all
digest=$(alice space digest notes --json | value digest)
same "the part has a digest of its own" "$(bob space digest notes --json 2>/dev/null | value digest)" "$(alice space digest notes --type photo --json | value digest)"
[ "$(bob space digest notes --json 2>/dev/null | value digest)" != "$digest" ]
result $? "which is another than the whole's"
expect_exit 0 "it keeps all from now on" --profile bob space scope notes --all --json
check "and gets it" wait_for 15 sh -c "[ \"\$('$dx' --profile bob space digest notes --json | sed 's/.*\"digest\":\"\\([0-9a-f]*\\)\".*/\\1/')\" = $digest ]"
run --profile bob query notes '{"type": "note", "count": true}' --json
same "now its answers are whole" "$(shown out count partial)" "1 -"
run --profile bob space status notes --json
same "as its status says" "$(shown out partial missing outside)" "- - -"

# What matches a question
open='{"type": "task", "where": {"done": false}}'
expect_exit 0 "bob keeps open tasks from now on" --profile bob space scope notes --query "$open" --json
same "and no type beside them" "$(value query.type <out) $(shown out types partial)" "task [] True"
water=$(alice object add notes --type task --data '{"title": "water", "done": false}' -q)
weed=$(alice object add notes --type task --data '{"title": "weed", "done": true}' -q)
check "one that is open comes" wait_for 15 sh -c "'$dx' --profile bob object get notes $water >/dev/null 2>&1"
expect_exit 3 "one that is done does not" --profile bob object get notes "$weed"
alice object set notes "$weed" done=false -q >/dev/null
alice object set notes "$water" done=true -q >/dev/null
check "until it is opened" wait_for 15 sh -c "'$dx' --profile bob object get notes $weed >/dev/null 2>&1"
check "and what is done is seen to be" wait_for 15 sh -c "'$dx' --profile bob object get notes $water --json | grep -q '\"done\":true'"
run --profile bob query notes "$open" --json
same "the question has one answer" "$(value data.title <out)" "weed"
expect_exit 0 "to people" --profile bob query notes "$open"
holds "it is said whose word that is" err 'all that matched was here when [0-9a-f]\{8\} told it last'
run --profile bob query notes '{"type": "task", "where": {"done": false}, "count": true}' --json
same "which says that there may be more, and who told all of it" "$(shown out count partial) $(value told_by <out)" "1 True $(alice halo identity --json | value identity)"
printf '%s' "$open" >question.json
same "a question may come from a file" "$(bob space scope notes --query - --json <question.json | value query.type)" task
expect_exit 2 "one with steps is none for a scope" --profile bob space scope notes --query '{"follow": [{"out": "a"}]}'
holds "and it is said why" err 'no steps'
expect_exit 2 "nor is what is no JSON" --profile bob space scope notes --query '{'
expect_exit 0 "all of it again" --profile bob space scope notes --all --json
same "with no question" "$(shown out partial query told_by)" "False - -"

expect_exit 2 "--all leaves nothing to be named" --profile bob space scope notes --all --type note
expect_exit 2 "a time that is none" --profile bob space join dxos:x --since yesterday
plan
