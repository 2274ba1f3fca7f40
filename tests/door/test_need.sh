#!/bin/sh
# tests/door/test_need.sh NEED: tools/need on pretended machines: what it says and runs when things are missing.
# The pretence is a PATH of a few harmless tools and stand-ins for apt-get, sudo and id that write down their calls.
set -u
need=$1
box=$(mktemp -d)
trap 'rm -rf "$box"' EXIT
mkdir "$box/bin"
calls=$box/calls
for tool in sh awk cat date find grep head mkdir mktemp rm sort sed tr printf; do ln -s "$(command -v $tool)" "$box/bin/$tool"; done

stand_in() { printf '#!/bin/sh\n%s\n' "$2" >"$box/bin/$1"; chmod +x "$box/bin/$1"; }
stand_in apt-get "echo \"apt-get \$*\" >>$calls"
stand_in id 'echo ${PRETEND_UID:-0}'

count=0
failed=0
# expect NAME WANTED: the text must stand in what the last run said or did.
expect() {
    count=$((count + 1))
    if grep -qF -- "$2" "$box/said" "$calls" 2>/dev/null; then echo "ok $count - $1"; else
        echo "not ok $count - $1"; sed 's/^/# /' "$box/said" "$calls"; failed=1; fi
}
lacks() {
    count=$((count + 1))
    if grep -qF -- "$2" "$box/said"; then echo "not ok $count - $1"; sed 's/^/# /' "$box/said"; failed=1; else echo "ok $count - $1"; fi
}
expect_status() {
    count=$((count + 1))
    if [ "$status" = "$2" ]; then echo "ok $count - $1"; else echo "not ok $count - $1 (status $status)"; failed=1; fi
}
run() {
    : >"$calls"
    PATH=$box/bin sh "$need" "$@" >"$box/said" 2>&1 </dev/null
    status=$?
}

run start
expect "as root: update first" "apt-get update"
expect "as root: then install, recommends left out" " install -y -qq --no-install-recommends gcc libc6-dev libqrencode-dev libsodium-dev libsqlite3-dev libssl-dev libusrsctp-dev libuv1-dev libwslay-dev libzstd-dev meson ninja-build pkg-config zlib1g-dev"
expect "each thing with its reason" "libsqlite3-dev: the database inside a vault"
expect_status "still missing afterwards is a failure" 1

stand_in apt-get 'echo "E: Failed to fetch http://deb.debian.org/x.deb  Temporary failure resolving"; [ "$1" = update ]'
run start
expect "offline: what it may be" "Is this machine online?"
expect "offline: what is wanted" "apt-get could not install: gcc libc6-dev"
expect_status "offline is a failure" 1
stand_in apt-get 'echo "E: Unable to locate package meson"; [ "$1" = update ]'
run start
expect "refused: in the words of apt-get" "Unable to locate package meson"
stand_in apt-get "echo \"apt-get \$*\" >>$calls"

PRETEND_UID=1000 run test
expect "not root: one command" "sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends gcc"
expect "the set of test has cmocka" "libcmocka-dev"
expect_status "not root and no terminal: fails" 1
count=$((count + 1))
if [ -s "$calls" ]; then echo "not ok $count - not root: nothing was run"; failed=1; else echo "ok $count - not root: nothing was run"; fi

# Pages are built with Debian's packages where npm is not; what tries them takes npm.
PRETEND_UID=1000 run pages
expect "pages without npm: Debian's bundler and what it bundles" "--no-install-recommends clang-14 dpkg-dev esbuild gcc"
expect "with their reason" "esbuild node-react-dom node-qrcode-generator: bundling the pages"
expect "wasm is linked by" "wasi-libc libclang-rt-14-dev-wasm32: linking for wasm32-wasi"
lacks "and no npm" "  npm:"
PRETEND_UID=1000 run web-test
expect "tests of the web part: npm" "  npm: the tools that build and check the web part"
lacks "and no second compiler" "clang-14"

# On no terminal the way of an installation is no line after line.
stand_in apt-get "echo \"apt-get \$*\" >>$calls; case \"\$*\" in *Status-Fd=3*) echo pmstatus:gcc:12.5:Unpacking >&3 ;; esac"
run start
lacks "no progress on no terminal" "12 %"
stand_in apt-get "echo \"apt-get \$*\" >>$calls"

run --ask start
expect "asking only names the verb" "\`make start\` can install it"
expect_status "asking only fails" 1

stand_in npm 'exit 0'
run wasm
expect "npm without node: never apt" "npm is here but node is not"
stand_in node 'echo v16.1.0'
run wasm
expect "an old node is named" "node is 16.1.0, 18 or later is needed"
stand_in node 'echo v18.20.4'
rm "$box/bin/apt-get"
run wasm
expect "no apt-get: says so" "There is no apt-get here"

# On this very machine, which has just built us: nothing is missing, so nothing is said and nobody called.
: >"$calls"
mkdir "$box/front"
for tool in apt-get sudo curl wget; do printf '#!/bin/sh\necho %s >>%s\n' "$tool" "$calls" >"$box/front/$tool"; chmod +x "$box/front/$tool"; done
PATH=$box/front:$PATH sh "$need" start >"$box/said" 2>&1 </dev/null
status=$?
expect_status "nothing missing: content" 0
count=$((count + 1))
if [ -s "$calls" ] || [ -s "$box/said" ]; then echo "not ok $count - and silent, without the network"; failed=1; else
    echo "ok $count - and silent, without the network"; fi

run nonsense
expect "unknown set" "usage: tools/need"
expect_status "unknown set is a usage error" 2

echo "1..$count"
exit $failed
