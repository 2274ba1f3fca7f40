#!/bin/sh
# tests/cli/test_hostile.sh DX: bad bytes, bad files, bad permissions, a full disk; and secrets that must not leak.
. "$(dirname "$0")/lib.sh"

alice halo create Alice -q >/dev/null
alice space create notes -q >/dev/null
alice object add notes --type t -q >/dev/null
vault=$XDG_DATA_HOME/dx/alice
digest=$(alice space digest notes)

# --- Bytes on the doors of an agent
alice agent start --json >agent.json
pid=$(value pid <agent.json)
listen=$(value listen <agent.json)
socket=$(ls "$XDG_RUNTIME_DIR"/dx/*.sock)
cat >attack.py <<'END'
import os, random, socket, sys

kind, where, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
random.seed(seed)

def connect():
    if kind == "unix":
        door = socket.socket(socket.AF_UNIX)
        door.settimeout(2)
        door.connect(where)
        return door
    host, port = where.rsplit(":", 1)
    return socket.create_connection((host, int(port)), 2)

shapes = [
    b"", b"\0", b"\xff" * 64, b"GET / HTTP/1.1\r\n\r\n", b"\0" * 5000,
    b"\xff\xff\xff\xff" + b"\0" * 40,          # a frame said to be huge
    b"\x00\x00\x00\x11" + b"\x07" + b"\0" * 16,  # an unknown kind of frame
    b"\x00\x00\x00\x12\x00" + b"\0" * 16 + b"\xa1",  # half an item
    b"\x11\x00\x00\x00\x00" + b"\0" * 16 + b"\xa0",
]
doors = []
for round in range(60):
    try:
        door = connect()
        shape = shapes[round] if round < len(shapes) else bytes(random.randrange(256) for _ in range(random.randrange(2000)))
        door.sendall(shape)
        doors.append(door)  # some stay open
        if round % 2:
            doors.pop().close()
    except OSError:
        pass
try:  # a flood that is never read
    door = connect()
    for _ in range(64):
        door.sendall(os.urandom(65536))
except OSError:
    pass
END
python3 attack.py unix "$socket" 1
python3 attack.py tcp "$listen" 2
python3 attack.py unix "$socket" 3
check "the agent lives" kill -0 "$pid"
same "and answers" "$(alice space digest notes)" "$digest"
rss=$(awk '/VmRSS/ { print $2 }' "/proc/$pid/status")
check "its memory stayed small" [ "$rss" -lt 100000 ]
mode=$(stat -c %a "$socket")$(stat -c %a "$XDG_RUNTIME_DIR/dx")
same "its socket is its owner's alone" "$mode" 600700

# --- Secrets
key=$(sed -n 2p "$vault/vault.key")
alice status --json >said 2>&1
alice doctor --json >>said 2>&1
alice --trace object add notes -q >>said 2>&1
alice api '{"do": "status"}' >>said 2>&1
tr '\0' ' ' <"/proc/$pid/cmdline" >>said
tr '\0' '\n' <"/proc/$pid/environ" >>said
cat "$XDG_STATE_HOME"/dx/log/* >>said 2>/dev/null
check "the vault's key stands in no answer, log, argument or environment" sh -c "! grep -q '$key' said"
check "nor in any other file" sh -c "! grep -rq '$key' '$XDG_STATE_HOME' '$XDG_RUNTIME_DIR'"
check "nor as bytes in the vault" python3 -c 'import sys
key = bytes.fromhex(sys.argv[1])
sys.exit(any(key in open(path, "rb").read() for path in sys.argv[2:]))' "$key" "$vault/vault.db"
alice object add notes --data '{"secret": "xyzzy-plugh-42"}' -q >/dev/null
alice agent stop -q >/dev/null
check "what people write cannot be read in the vault's files" sh -c "! grep -aq xyzzy-plugh '$vault'/vault.db*"
same "files are their owner's alone" "$(stat -c %a "$vault" "$vault/vault.key" "$vault/vault.db" | tr '\n' ' ')" "700 600 600 "

# --- Files that are not as they should be
chmod 644 "$vault/vault.key"
expect_exit 5 "a key that others may read is refused" --profile alice space list
holds "and how to mend it is told" err 'chmod 600'
chmod 600 "$vault/vault.key"
expect_exit 0 "mended" --profile alice space list
expect_exit 0 "doctor agrees" --profile alice doctor

cp -r "$vault" damaged
python3 - damaged/vault.db <<'END'
import sys
path = sys.argv[1]
data = bytearray(open(path, "rb").read())
for at in range(5000, len(data), 4096): data[at] ^= 0x55
open(path, "wb").write(data)
END
before=$(cksum <damaged/vault.db)
run --vault damaged object ls notes
check "a damaged vault is refused" [ "$status" = 1 ]
holds "and that it is damaged is told" err 'damage'
same "its bytes are as they were" "$(cksum <damaged/vault.db)" "$before"
run --vault damaged halo create Mallory
check "nor is it started anew" [ "$status" != 0 ]
same "its bytes are still as they were" "$(cksum <damaged/vault.db)" "$before"
mkdir -m 700 garbage
head -c 200000 /dev/urandom >garbage/vault.db
cp "$vault/vault.key" garbage/
before=$(cksum <garbage/vault.db)
run --vault garbage space list
check "garbage is no vault" [ "$status" = 1 ]
same "and is kept" "$(cksum <garbage/vault.db)" "$before"
cp -r "$vault" keyless
rm keyless/vault.key
expect_exit 1 "a vault without its key" --vault keyless space list
holds "is told apart from no vault" err 'key'
run --vault keyless halo create Mallory
check "and gets no new key" [ ! -e keyless/vault.key ]
cp -r "$vault" cut
head -c 30000 "$vault/vault.db" >cut/vault.db
run --vault cut object ls notes
check "a vault cut short is refused" [ "$status" = 1 ]
cp -r "$vault" flipped
python3 -c 'for n in range(3000): print("{\"name\": \"object %d\", \"text\": \"%s\"}" % (n, "x" * 200))' | "$dx" --vault flipped import notes - --type t -q >/dev/null
python3 -c 'import sys
with open(sys.argv[1], "r+b") as file:
    size = file.seek(0, 2)
    for page in (size // 4096 * 3 // 4, size // 4096 * 3 // 4 + 5):
        file.seek(page * 4096 + 2000); byte = file.read(1)[0]
        file.seek(-1, 1); file.write(bytes([byte ^ 4]))' flipped/vault.db
expect_exit 1 "doctor reads every page" --vault flipped doctor
holds "and names the damaged ones and their file" out 'content.*flipped/vault.db: pages [0-9]*, [0-9]* of the [0-9]* pages of the vault file are damaged'
holds "and says where data comes back from" out 'backup .* join its spaces again'
cp -r "$vault" copied
run --vault copied doctor --json
holds "doctor notices a copy" out 'copied, restored or moved'
expect_exit 0 "which works, in new feeds" --vault copied object add notes --type t -q
check "other than the first one's" [ "$(cut -d - -f 3 out)" != "$(alice object ls notes --type t -q | head -n 1 | cut -d - -f 3)" ]

# --- Rights: what may not be done is named, with its path; root is asked to play somebody else
if [ "$(id -u)" != 0 ]; then as=; else as='setpriv --reuid 65534 --regid 65534 --clear-groups'; fi
if [ "$(id -u)" != 0 ] || $as true 2>/dev/null; then
    chmod 711 "$box"
    mkdir -m 755 rights rights/run rights/home
    cp -r "$vault" rights/vault
    cp "$dx" rights/dx
    [ -z "$as" ] || chown -R 65534:65534 rights
    other() {
        (cd / && XDG_RUNTIME_DIR="$box/rights/run" HOME="$box/rights/home" XDG_STATE_HOME="$box/rights/home" timeout 20 $as "$box/rights/dx" "$@") \
            >"$box/out" 2>"$box/err" </dev/null
        status=$?
    }
    other --vault "$box/rights/vault" object ls notes
    same "with every right it works" "$status" 0
    chmod 500 rights/vault
    other --vault "$box/rights/vault" object ls notes
    same "a folder that may not be written is a matter of rights" "$status" 5
    holds "its path is named" err 'rights/vault may not be read and written by you'
    chmod 700 rights/vault
    chmod 400 rights/vault/vault.db
    other --vault "$box/rights/vault" object ls notes
    same "so is a file" "$status" 5
    chmod 000 rights/vault
    other --vault "$box/rights/vault" object ls notes
    same "a closed folder is no missing vault" "$status" 5
    other --vault "$box/rights/vault" status
    same "to status neither" "$status" 5
    other --vault "$box/rights/vault" doctor
    holds "doctor tells the remedy" out 'closed to its owner (000); try: chmod 700'
    chmod 755 rights/vault
    chmod 555 rights
    other --vault "$box/rights/new" halo create Nobody
    same "no vault where none may be made" "$status" 5
    chmod 755 rights
    chmod 700 "$box"
else
    skip "rights" "root cannot play another user here"
fi
expect_exit 2 "an address without a port" --profile alice peer connect notes example.org
holds "is no address" err 'not HOST:PORT'
expect_exit 2 "nor one with too large a port" --profile alice peer connect notes 192.0.2.7:99999

# --- A full disk
if [ "$(id -u)" = 0 ] && mkdir small && mount -t tmpfs -o size=3m tmpfs small 2>/dev/null; then
    mounted=$box/small
    "$dx" --vault small/vault halo create Full -q >/dev/null
    "$dx" --vault small/vault space create notes -q >/dev/null
    text=$(head -c 20000 /dev/urandom | od -An -tx1 | tr -d ' \n')
    n=0
    status=0
    while [ "$status" = 0 ] && [ $n -lt 400 ]; do
        n=$((n + 1))
        run --vault small/vault object add notes --type t --data "{\"n\": $n, \"text\": \"$text\"}" -q
        [ "$status" = 0 ] && cat out >>acknowledged
    done
    check "the disk was full after a while" [ $n -lt 400 ]
    same "which is a failure" "$status" 1
    holds "that says so" err 'full'
    holds "and what to do" err 'try: make room'
    expect_exit 0 "what was acknowledged can be read while it is full" --vault small/vault object ls notes --type t -q
    same "all of it, too" "$(sort out)" "$(sort acknowledged)"
    run --vault small/vault object ls notes --type t
    holds "with a warning" err 'warning: .* full: it is open for reading only'
    expect_exit 1 "no small thing is written either" --vault small/vault space create small --json
    holds "with an error by name" out '"code":"E_NO_SPACE"'
    expect_exit 1 "doctor says so" --vault small/vault doctor
    holds "in words" out 'writing.*full'
    mount -o remount,size=8m "$mounted"
    python3 -c 'for n in range(40000): print("{\"name\": \"object %d\", \"text\": \"%s\"}" % (n, "x" * 200))' >large.jsonl
    run --vault small/vault import notes large.jsonl --type many --json
    same "an import that fills the disk fails" "$status" 1
    holds "by name" out '"code":"E_NO_SPACE"'
    holds "with a remedy" out '"try":"make room'
    run --vault small/vault object ls notes --type many -q
    check "what it had brought is there" test "$status" = 0 -a -s out
    mount -o remount,size=40m "$mounted"
    expect_exit 0 "with room again everything works" --vault small/vault object add notes --type later
    expect_exit 0 "what was acknowledged is there" --vault small/vault object ls notes --type t -q
    same "all of it" "$(sort out)" "$(sort acknowledged)"
else
    skip "a full disk" "only root can mount a small one"
fi
# --- Words that are no UTF-8, or are cut inside a character, do not cost the answer
odd=$(printf 'v\377z')
expect_exit 0 "a folder whose name is no text" --vault "$odd" halo create Odd -q
expect_exit 0 "its status" --vault "$odd" status --json
check "is JSON" python3 -c 'import json; assert json.load(open("out"))["vault"]["path"].endswith("v\ufffdz")'
run --vault "$odd" doctor --json
check "so is what the doctor says" python3 -c 'import json; assert len(json.load(open("out"))["checks"]) > 8'
expect_exit 4 "no vault there" --vault "$(printf 'w\377')" space list --json
check "is told in JSON" python3 -c 'import json; assert json.load(open("out"))["error"]["code"]'
expect_exit 2 "a command of many umlauts" --json "a$(printf '\303\244%.0s' $(seq 200))"
check "is told in JSON too" python3 -c 'import json; assert json.load(open("out"))["error"]["message"]'
plan
