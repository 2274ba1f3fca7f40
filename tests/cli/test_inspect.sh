#!/bin/sh
# tests/cli/test_inspect.sh DX: dx inspect shows what a space is made of, on a terminal and to programs, and no key.
. "$(dirname "$0")/lib.sh"

alice halo create Alice -q >/dev/null
alice space create notes -q >/dev/null
task=$(alice object add notes --type task --data '{"title": "tea", "a": {"b": 1}}' -q)
alice object set notes "$task" done=true -q >/dev/null
expect_exit 0 "feeds" --profile alice inspect notes --json
same "of both classes, with lengths and roots" "$(python3 -c 'import json
for row in map(json.loads, open("out")): print(row["class"], row["length"] == row["applied"] == row["signed"], len(row["root"]), row["cut"], row["own"])' | sort)" "control True 64 None True
data True 64 None True"
run --profile alice inspect notes --json
feed=$(grep '"class":"data"' out | value feed)
control=$(grep '"class":"control"' out | value feed)
expect_exit 0 "one feed by its beginning" --profile alice inspect notes feed "$(echo "$feed" | cut -c1-6)" --json
same "is that one" "$(value feed <out)" "$feed"
expect_exit 0 "a block" --profile alice inspect notes block "$feed" 1 --json
same "its header and what its section says" "$(python3 -c 'import json
block, section = map(json.loads, open("out"))
print(block["seq"], block["key_epoch"], block["applied"], section["says"][0], section["says"][1][0][2], section["says"][1][1][1][0]["title"])')" "1 0 True None task tea"
expect_exit 0 "a block of the control feed" --profile alice inspect notes block "$control" 0 --json
check "names its credentials" sh -c 'grep -q "\"credential\":\"[0-9a-f]\{64\}\"" out'
expect_exit 0 "credentials" --profile alice inspect notes credentials --json
same "with their chain" "$(python3 -c 'import json
rows = {row["credential"]: row for row in map(json.loads, open("out"))}
print(sorted(row["type"] for row in rows.values()), all(parent in rows for row in rows.values() for parent in row["parents"]), all(row["holds"] for row in rows.values()))')" \
    "['DEVICE', 'FEED', 'FEED', 'KEY_EPOCH', 'KEY_GRANT', 'SPACE'] True True"
expect_exit 0 "an object" --profile alice inspect notes object "$task" --json
same "its registers with their stamps and authors" "$(python3 -c 'import json
for row in map(json.loads, open("out")): print(row["path"], row["is"], row["value"], row["stamp"], len(row["identity"]))')" "a map None 2 64
a.b value 1 2 64
done value True 3 64
title value tea 2 64"
expect_exit 0 "the space" --profile alice inspect notes space --json
same "what is here of it" "$(value objects <out) $(value holes <out) $(value purges <out)" "1 0 0"
run --profile alice inspect notes block "$feed" 2 --json
same "a section says whose it is" "$(tail -1 out | value is) $(tail -1 out | value id) $(tail -1 out | value did) $(tail -1 out | value type)" "open $task changed task"
python3 "$(dirname "$0")/terminal.py" 110 -- "$dx" --profile alice inspect notes block "$feed" 1 >out
holds "a person is shown tables" out 'section.*says'
for words in "what" "feed" "block $feed" "block $feed 1 2" "credentials x" "object" "block $feed x"; do
    # shellcheck disable=SC2086 # words of a command line
    expect_exit 2 "inspect notes $words is refused" --profile alice inspect notes $words
done
expect_exit 3 "no such feed" --profile alice inspect notes feed 0000
expect_exit 3 "no such block" --profile alice inspect notes block "$feed" 900
expect_exit 3 "no such object" --profile alice inspect notes object 900-0
expect_exit 3 "no such space" --profile alice inspect nowhere
expect_exit 0 "its purge" --profile alice object purge notes "$task" --yes
run --profile alice inspect notes purges --json
same "is told" "$(value id <out)" "$task"
run --profile alice inspect notes holes --json
same "with its holes" "$(grep -c '"purged":1' out)" 2
plan
