#!/bin/sh
# tests/cli/test_verbs.sh DX: every verb that needs one vault: what it prints, with which keys; and the same words with an agent as without.
. "$(dirname "$0")/lib.sh"

# ids are different in each vault: what a walk prints is compared with them blanked out.
blank() { sed -E 's/[0-9a-f]{32,}/H/g; s/[0-9a-f]{8}/H/g'; }

# Everything once, as PROFILE; prints "words: what came" lines.
walk() {
    me() { echo "\$ $*"; timeout 20 "$dx" --profile "$profile" "$@" 2>&1; echo "= $?"; }
    profile=$1
    me halo identity --json
    me device list --json
    me space create garden --json
    me space create --json
    me space list --json
    me space members garden --json
    me halo rename 'Walker B.' --json
    me device rename laptop --json
    me device list --json
    me space rename garden park --json
    me space rename park garden --json
    me halo rename '' --json
    me space members garden --json
    me space status garden --json
    a=$("$dx" --profile "$profile" object add garden --type bed --data '{"name": "roses", "size": 3}' -q)
    b=$("$dx" --profile "$profile" object add garden --type plant --parent "$a" --data '{"name": "rose", "at": {"@time": "2024-05-01T00:00:00Z"}}' -q)
    me object get garden "$b" --json
    me object set garden "$a" size=4.5 soil.kind='"loam"' 'notes=["dry", {"deep": null}]' --json
    me object unset garden "$a" soil --json
    me object push garden "$a" notes '"wet"' '{"n": 1}' --json
    me object insert garden "$a" notes '"first"' --json
    me object insert garden "$a" notes '"third"' --at 2 --json
    me object replace garden "$a" notes '"Dry"' --at 1 --json
    me object reorder garden "$a" notes --at 0 --to 3 --json
    me object remove garden "$a" notes --at 1 --count 2 --json
    me object remove garden "$a" notes --at 9 --json
    me object include garden "$a" tags '"b"' '"a"' '"b"' --json
    me object exclude garden "$a" tags '"b"' --json
    me object increment garden "$a" seen --json
    me object increment garden "$a" seen --by=-3 --json
    me object increment garden "$a" name --json
    me object push garden "$a" seen 1 --json
    me object rm garden "$b" --json
    me object ls garden --json
    me object ls garden --deleted --json
    me object restore garden "$b" --json
    n=$("$dx" --profile "$profile" object add garden --type votes --model dx/counter/1 -q)
    me object apply garden "$n" 3 --json
    me object apply garden "$n" 4 --json
    me object apply garden "$n" '"x"' --json
    me object apply garden "$a" 4 --json
    me object rm garden "$n" --json
    me object move garden "$b" --top --json
    me object move garden "$b" --parent "$a" --json
    me object move garden "$b" --json
    me object move garden "$a" --parent "$b" --json
    me history garden --limit 3 --json | sed -E 's/"time":\{[^}]*\}/"time":"T"/g'
    me history garden "$b" --json | sed -E 's/"time":\{[^}]*\}/"time":"T"/g'
    me undo garden --json | sed -E 's/"time":\{[^}]*\}/"time":"T"/g'
    me object get garden "$b" --json
    me redo garden --json | sed -E 's/"time":\{[^}]*\}/"time":"T"/g'
    me redo garden --json
    me object get garden "$a" --at 2 --json
    me query garden '{"deleted": "show"}' --at 2 --json
    me object restore garden "$a" --at 2 --json
    me object ls garden --type plant --json
    me object ls garden --parent "$a" --json
    me object ls garden --limit 1 --json
    l=$("$dx" --profile "$profile" link add garden "$b" "$a" --type grows-in --data '{"since": 2020}' -q)
    me link ls garden --json
    me link ls garden --source "$b" --target "$a" --type grows-in --json
    me query garden '{"type": "plant", "where": {"name": "rose"}}' --json
    me query garden '{"type": "plant", "follow": [{"out": "grows-in"}]}' --json
    me query garden '{"count": true}' --json
    me query garden '{"kind": "any"}'
    me export garden
    me space digest garden --json
    me link rm garden "$l" --json
    me link ls garden --json
    me api '{"do": "space.list"}'
    me peer list --json
    me invitation list --json
    me invitation cancel 0123 --json
    me app grant https://todo.example create garden=write --json
    me app grant https://todo.example nonsense --json
    me app grant todo.example create --json
    me app list --json
    me app refuse https://todo.example --json
    me app revoke https://todo.example --json
    me app ls --json
    me object ls garden
    me space list
    me object get garden "$b"
    me -q space list
    me object get garden 999-0 --json
    me object add garden --data '[1]' --json
    me query garden '{"nonsense": 1}' --json
    me space rm garden --json
}

alice halo create Walker -q >/dev/null
bob halo create Walker -q >/dev/null
bob agent start -q >/dev/null
walk alice | blank >without
walk bob | blank >with
check "the same with an agent as without" diff without with
cp without out

holds "a level in a space is granted" without '"scopes":\["create"\],"spaces":{"H":"write"}'
holds "and taken away" without '"granted":false,"scopes":\[\],"spaces":{}'

shows() { holds "$1" without "$2"; }
shows "items are pushed" '"notes":\["dry",{"deep":null},"wet",{"n":1}\]'
shows "and inserted" '"notes":\["first","dry","third",{"deep":null},"wet",{"n":1}\]'
shows "and replaced" '"notes":\["first","Dry","third",{"deep":null},"wet",{"n":1}\]'
shows "and moved" '"notes":\["Dry","third",{"deep":null},"first","wet",{"n":1}\]'
shows "and removed" '"notes":\["Dry","first","wet",{"n":1}\]'
shows "what is not there is not" 'no item with that number'
shows "a set has each once" '"tags":\["a","b"\]'
shows "or not" '"tags":\["a"\]'
shows "numbers are counted" '"seen":1'
shows "and down" '"seen":-2'
shows "a text is no number" 'what stands there is no integer'
shows "and a number no array" 'what stands there is no array'

# The keys that scripts rely on, of each verb's first line.
first_keys() { grep -F -A 1 -- "\$ $1" without | sed -n 2p | keys; }
same "halo identity" "$(first_keys 'halo identity')" identity,device,name
same "device list" "$(first_keys 'device list')" device,name,current
same "halo rename" "$(first_keys 'halo rename')" identity,device,name
same "device rename" "$(first_keys 'device rename')" device,name,current
same "space rename" "$(first_keys 'space rename')" space,name
holds "a member is called by the new name" without '"name":"Walker B."'
holds "and so is the device" without '"name":"laptop"'
same "space create" "$(first_keys 'space create')" space,name,objects
same "space list" "$(first_keys 'space list')" space,name,objects
same "space members" "$(first_keys 'space members')" identity,name,role
same "space status" "$(first_keys 'space status')" space,synced,peers,objects,pending
same "space digest" "$(first_keys 'space digest')" digest,objects
same "object get" "$(first_keys 'object get')" id,type,parent,data,deleted
same "object set" "$(first_keys 'object set')" id,type,parent,data,deleted
same "object ls" "$(first_keys 'object ls')" id,type,parent,data,deleted
same "link ls" "$(first_keys 'link ls')" id,source,target,type
same "link rm" "$(first_keys 'link rm')" id,source,target,type
same "query" "$(first_keys 'query garden {"type"')" id,type,parent,data,deleted
same "app grant" "$(first_keys 'app grant')" origin,name,granted,scopes,spaces,asks,ports,denied
same "app list" "$(first_keys 'app list')" origin,name,granted,scopes,spaces,asks,ports,denied
same "history" "$(first_keys 'history garden --limit')" at,name,time,made,changed,deleted,restored,moved,ids,identity,device,epoch
same "history of one" "$(grep -A 1 '^[$] history garden [0-9]' without | sed -n 2p | keys)" at,did,name,time,set,unset,edits,parent,identity,device,epoch
same "undo" "$(first_keys 'undo')" at,time,entities,kept
same "errors" "$(first_keys 'object get garden 999-0')" error
same "object add" "$(alice space create pots -q >/dev/null; alice object add pots --json | keys)" id
expect_exit 2 "a name that is not UTF-8" --profile alice space rename pots "$(printf 'x\377')"
expect_exit 2 "nor a device's" --profile alice device rename "$(printf 'x\377')"
same "link add" "$(a=$(alice object add pots -q); alice link add pots "$a" "$a" --json | keys)" id,source,target,type
same "version is one object" "$(alice version --json | keys)" version,compiler,qr
same "status is one object" "$(alice status --json | keys)" identity,name,agent,listen,peers,spaces,vault
same "status says how the key is kept" "$(alice status --json | value vault.key)" \
    "beside the vault, readable by its owner alone; not protected by a passphrase yet"
same "doctor is one object" "$(alice doctor --json | keys)" ok,checks
check "doctor finds nothing bad" alice doctor
run --profile alice status
holds "status in words" out 'not protected by a passphrase'

# The forms
alice object add pots --type pot --data '{"name": "a\tb\nc\\d"}' -q >/dev/null
alice object add pots --type "$(printf 'a\033[31m\302\233\177b')" --data '{"say": "\u001b[2J\u009b"}' -q >/dev/null
alice object ls pots >out
lacks "no control character passes a pipe" out "$(printf '\033\\|\302\233\\|\177')"
holds "they are written out" out 'a\\u001b\[31m\\u009b\\u007fb'
alice object ls pots --json >out
lacks "nor as JSON" out "$(printf '\033\\|\302\233\\|\177')"
alice object ls pots --type pot >out
same "in a pipe: a line with tabs" "$(awk -F '\t' '{ print NF, $2, $4 }' out)" '5 pot {"name":"a\tb\nc\\d"}'
same "quiet: ids alone" "$(alice object ls pots --type pot -q | awk -F '\t' '{ print NF }')" 1
same "json stands above quiet" "$(alice object ls pots --type pot -q --json | keys)" id,type,parent,data,deleted
same "full ids" "$(alice object ls pots --type pot -q | grep -cE '^[0-9]+-[0-9]+-[0-9a-f]{32}$')" 1
short=$(alice object ls pots --type pot -q | sed -E 's/^([0-9]+-[0-9]+-[0-9a-f]{4}).*/\1/')
check "a shortened id" alice object get pots "$short"
id=$(alice space list -q | head -n 1)
check "a space by the beginning of its id" alice space status "$(echo "$id" | cut -c 1-6)"
same "data from stdin" "$(echo '{"from": "stdin"}' | alice object add pots --data - -q | grep -c -- -)" 1
same "words go to stderr, not to stdout" "$(alice import pots - 2>/dev/null </dev/null)" "0	0	0"
alice object ls pots >/dev/full 2>err
same "a full stdout is a failure" $? 1
(alice export pots; echo $? >code) | head -n 0
same "a closed stdout is none" "$(cat code)" 0

# What a stranger gets wrong
alice space create twice -q >/dev/null
run --profile alice space create twice
holds "a name given twice is told" err '2 spaces here are called "twice" now'
expect_exit 6 "and is no name any more" --profile alice object ls twice
expect_exit 2 "an unquoted text" --profile alice object set pots "$id" name=tea
holds "is told how to quote" err "title='\"tea\"'"
expect_exit 2 "an invitation of no time" --profile alice space share pots --expires 0s
a=$(alice object add pots -q)
l=$(alice link add pots "$a" "$a" -q)
expect_exit 2 "a link to a link" --profile alice link add pots "$a" "$l"
holds "says why" err 'that id is a link'
expect_exit 2 "nor is a link a parent" --profile alice object add pots --parent "$l"
alice object rm pots "$a" -q >/dev/null
expect_exit 1 "what is deleted cannot be written" --profile alice object set pots "$a" n=1
holds "says what can be done" err 'it is deleted.*dx object restore'
expect_exit 1 "nor unset" --profile alice object unset pots "$a" n
: >nofolder
expect_exit 2 "a file is no vault" --vault nofolder space list
holds "says what it is" err 'Not a directory'
expect_exit 1 "doctor says so too" --vault nofolder doctor
holds "in its own words" out 'is a file, not a folder'
run --vault none status
lacks "no vault, no word of its key" out '^key'

# Purging
bob space create pots -q >/dev/null
p=$(bob object add pots --type note -q)
bob object set pots "$p" text='"a plain secret"' -q >/dev/null
bob object set pots "$p" text='"a plain secret, again"' -q >/dev/null
expect_exit 2 "nothing is purged without a yes" --profile bob object purge pots "$p" </dev/null
holds "and what it means is said first" err 'no way back'
bob object get pots "$p" >out
holds "it is still there" out 'again'
expect_exit 0 "with a yes it is" --profile bob object purge pots "$p" --yes
expect_exit 3 "nobody finds it" --profile bob object get pots "$p"
expect_exit 3 "nor restores it" --profile bob object restore pots "$p"
bob history pots >out 2>err || :
lacks "history does not tell it" out 'plain secret'
bob space export pots - >out 2>err || bob space export pots >out 2>err || :
lacks "nor does an export" out 'plain secret'

# Watching
expect_exit 3 "watching what is not there fails" --profile bob watch nothing

interruptible "$dx" --profile bob watch pots --json >watched 2>err &
watcher=$!
started="$started $watcher"
watches() { bob object add pots --type probe -q >/dev/null && [ -s watched ]; }
wait_for 5 watches
a=$(bob object add pots --type pot -q)
bob object set pots "$a" n=1 -q >/dev/null
bob object rm pots "$a" -q >/dev/null
wait_for 5 grep -q removed watched
kill -INT $watcher
wait $watcher
same "Ctrl-C ends watching" $? 130
cp watched out
same "one line per change" "$(python3 -c 'import json
rows = [json.loads(line) for line in open("watched")]
print(*[row["change"] for row in rows if row["type"] == "pot"])')" "added changed removed"
plan
