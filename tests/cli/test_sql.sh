#!/bin/sh
# tests/cli/test_sql.sh DX: one question to several spaces; a space in SQL: one statement, several, at a prompt; as a table, TSV, JSON, CSV; nothing but reading.
. "$(dirname "$0")/lib.sh"

alice halo create Alice -q >/dev/null
alice space create notes -q >/dev/null
alice schema add notes task '{"properties": {"title": {"type": "string"}, "rank": {"type": "number"}}}' -q >/dev/null
alice object add notes --type task --data '{"title": "tea", "rank": 2}' -q >/dev/null
alice object add notes --type task --data '{"title": "a, b", "rank": 1.5}' -q >/dev/null

expect_exit 0 "a statement" --profile alice sql notes 'SELECT title, rank FROM task ORDER BY rank'
same "its rows" "$(cat out)" "$(printf 'a, b\t1.5\ntea\t2')"
expect_exit 0 "as JSON" --profile alice sql notes 'SELECT rank, rank, title AS "t ""1" FROM task WHERE rank > ?1' --value 1.8 --json
same "with the columns for keys, each once" "$(cat out)" '{"rank":2,"rank:2":2,"t \"1":"tea"}'
expect_exit 0 "as CSV" --profile alice sql notes 'SELECT title, NULL AS n, rank FROM task ORDER BY 1' --csv
same "with a heading" "$(cat out)" "$(printf 'title,n,rank\n"a, b",,1.5\ntea,,2')"
expect_exit 0 "what there is" --profile alice sql notes "SELECT holds FROM tables WHERE name = 'task' AND column = 'rank'"
same "is said" "$(cat out)" "a number"
expect_exit 2 "what is no SQL" --profile alice sql notes 'SELEC 1'
holds "is told as SQLite tells it" err 'near "SELEC": syntax error'
expect_exit 2 "a statement that writes" --profile alice sql notes "INSERT INTO task(title) VALUES ('x')"
expect_exit 2 "the vault's own tables" --profile alice sql notes 'SELECT * FROM vault'
holds "are not there" err 'no such table: vault'
expect_exit 2 "a value that is no JSON" --profile alice sql notes 'SELECT ?1' --value tea
expect_exit 2 "a patience of none" --profile alice sql notes 'SELECT 1' --patience soon
expect_exit 3 "no such space" --profile alice sql nowhere 'SELECT 1'
expect_exit 1 "a statement without an end" --profile alice sql notes --patience 0.05 \
    'WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT sum(i) FROM r'
holds "ends, with what to do" err 'works too long'

# --- One question to several spaces
alice space create work -q >/dev/null
alice object add work --type task --data '{"title": "mail", "rank": 1.75}' -q >/dev/null
expect_exit 0 "a question to all spaces" --profile alice query --all-spaces '{"type": "task", "order": "rank"}' --json
same "merged" "$(sed 's/.*"title":"\([^"]*\)".*/\1/' out | tr '\n' ' ')" "a, b mail tea "
same "says of each where it is" "$(keys <out | sort -u)" "space,id,type,parent,data,deleted"
expect_exit 0 "to two by name" --profile alice query --space work --space notes '{"count": true}'
same "counted together" "$(cat out)" 3
expect_exit 0 "ids of them" --profile alice query --all-spaces '{"ids": true, "limit": 1}' --json
same "with theirs" "$(keys <out)" id,space
expect_exit 2 "no space" --profile alice query
expect_exit 2 "the spaces twice" --profile alice query --all-spaces notes '{}'
expect_exit 2 "CSV" --profile alice query --all-spaces '{}' --csv
expect_exit 3 "a space that is not there" --profile alice query --space work --space nowhere

printf "SELECT ';' AS a; -- a comment; with a semicolon\nSELECT 2 /* ; */\n;\nSELECT \"title\" FROM task WHERE rank = 2" |
    timeout 20 "$dx" --profile alice sql notes >out 2>err
same "statements from stdin" "$? $(tr '\n' ' ' <out)" "0 ; 2 tea "
printf 'SELECT 1;\nSELECT x;\nSELECT 3;\n' | timeout 20 "$dx" --profile alice sql notes - >out 2>err
same "end with the first that fails" "$? $(cat out)" "2 1"

alice agent start >/dev/null 2>&1
expect_exit 0 "by an agent" --profile alice sql notes 'SELECT count(*) FROM objects' --json
same "the same" "$(cat out)" '{"count(*)":2}'
timeout 20 "$dx" --profile alice sql notes --patience 30 'WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT i FROM r' \
    2>/dev/null | head -n 100000 | tail -n 1 >out
same "who has read enough ends it" "$(cat out)" 100000
expect_exit 0 "and the agent goes on" --profile alice space status notes

if command -v python3 >/dev/null; then
    python3 - "$dx" >out 2>err <<'END'
import os, pty, select, sys, time
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], [sys.argv[1], "--profile", "alice", "sql", "notes"])
said = b""
def until(what):
    global said
    end = time.time() + 15
    while what not in said and time.time() < end:
        if select.select([terminal], [], [], 1)[0]:
            said += os.read(terminal, 4096)
until(b"sql> ")
for typed, wanted in ((b"SELECT title\n", b"...> "), (b"FROM task;\n", b"a, b"), (b"SELECT nowhere;\n", b"no such column"), (b".tables\n", b"all_links"), (b".quit\n", b"")):
    said = b""
    os.write(terminal, typed)
    until(wanted)
    print("found" if wanted in said else "not found: %r" % said)
print(os.waitpid(pid, 0)[1])
END
    same "at a prompt" "$(tr '\n' ' ' <out)" "found found found found found 0 "
else
    skip "at a prompt" "no python3"
fi
plan
