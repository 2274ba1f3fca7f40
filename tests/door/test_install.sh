#!/bin/sh
# tests/door/test_install.sh BUILD SOURCE: what a stranger gets from `make install`: each public header compiles alone,
# as C11 and as C++, and each example builds with nothing but pkg-config's answer, and runs, hello also against an agent.
set -u
build=$1 source=$2
tree=$(mktemp -d)
leave() { # an agent that a failure left goes too
    [ ! -d "$tree/of-hello" ] || "$tree/root$prefix/bin/dx" --vault "$tree/of-hello" agent stop -q >/dev/null 2>&1
    rm -rf "$tree"
}
trap leave EXIT
count=0
failed=0

# try NAME COMMAND…
try() {
    count=$((count + 1))
    title=$1; shift
    if "$@" >"$tree/log" 2>&1; then echo "ok $count - $title"; else
        echo "not ok $count - $title"; sed 's/^/# /' "$tree/log"; failed=1; fi
}

try "meson install" meson install --no-rebuild -C "$build" --destdir "$tree/root"
pc=$(find "$tree/root" -name dxos.pc)
try "a pkg-config file is there" test -n "$pc"
prefix=$(sed -n 's/^prefix=//p' "$pc")
export PKG_CONFIG_PATH="$(dirname "$pc")"
flags() { pkg-config --define-variable=prefix="$tree/root$prefix" "$@" "${package:-dxos}"; }

# shellcheck disable=SC2046 # flags are words
for header in "$tree/root$prefix"/include/dxos/*.h; do
    name=$(basename "$header")
    echo "#include <dxos/$name>" >"$tree/alone.c"
    cp "$tree/alone.c" "$tree/alone.cc"
    try "$name alone as C11" cc -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only $(flags --cflags) "$tree/alone.c"
    if command -v c++ >/dev/null; then
        try "$name alone as C++" c++ -std=c++11 -Wall -Wextra -Werror -fsyntax-only $(flags --cflags) "$tree/alone.cc"
    else
        count=$((count + 1))
        echo "ok $count - $name alone as C++ # SKIP no C++ compiler"
    fi
done
# Who speaks to vaults needs the host too. Each example has a vault of its own; what it says, test_examples.sh compares.
export XDG_STATE_HOME="$tree/state" XDG_RUNTIME_DIR="$tree/run" XDG_DATA_HOME="$tree/data"
mkdir -m 700 "$tree/run"
for example in "$source"/examples/*.c; do
    name=$(basename "$example" .c)
    package=dxos laws=
    ! grep -q 'libs dxos-host' "$example" || package=dxos-host
    ! grep -q 'dxos/model_laws.h' "$example" || laws=-ldxos-laws
    # shellcheck disable=SC2046,SC2086 # flags are words, or none
    try "example $name builds" cc -std=c11 -Wall -Wextra -Werror "$example" $laws $(flags --cflags --libs) -o "$tree/$name"
    try "example $name runs" "$tree/$name" "$tree/of-$name"
done
try "the installed command starts an agent" "$tree/root$prefix/bin/dx" --vault "$tree/of-hello" agent start -q
try "example hello runs by the agent" "$tree/hello" "$tree/of-hello"
"$tree/hello" "$tree/of-hello" >"$tree/said" 2>&1
try "and says what it should" grep -q "changed: drink tea" "$tree/said"
try "the agent stops" "$tree/root$prefix/bin/dx" --vault "$tree/of-hello" agent stop -q
try "the vault holds the three spaces" sh -c "test \"\$('$tree/root$prefix/bin/dx' --vault '$tree/of-hello' space list --quiet | wc -l)\" = 3"
echo "1..$count"
exit $failed
