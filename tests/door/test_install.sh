#!/bin/sh
# tests/door/test_install.sh BUILD SOURCE: what a stranger gets from `make install`: each public header compiles alone,
# as C11 and as C++, and each example builds with nothing but pkg-config's answer, and runs.
set -u
build=$1 source=$2
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
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
# shellcheck disable=SC2046
for example in "$source"/examples/*.c; do
    name=$(basename "$example" .c)
    try "example $name builds" cc -std=c11 -Wall -Wextra -Werror "$example" $(flags --cflags --libs) -o "$tree/$name"
    try "example $name runs" "$tree/$name"
done
# Who speaks to vaults needs the host too.
cat >"$tree/client.c" <<'END'
#include <dxos/host.h>
#include <stdio.h>
int main(void) {
    dx_client_options options = {.vault = "/nowhere"};
    dx_client *client = NULL;
    char message[DX_HOST_MESSAGE_MAX];
    int error = dx_client_open(&options, &client, message);
    printf("%s\n", message);
    return error == DX_E_NOT_FOUND ? 0 : 1;
}
END
package=dxos-host
# shellcheck disable=SC2046
try "a client of a vault builds" cc -std=c11 -Wall -Wextra -Werror "$tree/client.c" $(flags --cflags --libs) -o "$tree/client"
try "a client of a vault runs" "$tree/client"
echo "1..$count"
exit $failed
