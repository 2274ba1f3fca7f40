#!/bin/sh
# tests/door/test_tidy.sh TIDY: plants one breach of each house rule in a small tree and expects tools/tidy to name it.
set -u
tidy=$1
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/tools" "$tree/build/debug"
cp "$tidy" "$tree/tools/tidy"
cd "$tree" || exit 1
git init -q .
echo build/ >.gitignore
printf 'memcpy\n' >tools/purity.allow
echo 'void *memcpy(void *, const void *, unsigned long); void use(void *a, void *b, unsigned long n);
void use(void *a, void *b, unsigned long n) { memcpy(a, b, n); }' >build/pure.c
cc -fno-builtin -c build/pure.c -o build/pure.o && ar rcs build/debug/libdxos.a build/pure.o || exit 1

failed=0
count=0
# plant NAME PATH EXPECTED: the file (standard input) alone must bring exactly a finding that holds EXPECTED ("" = none).
plant() {
    count=$((count + 1))
    mkdir -p "$(dirname "$2")"
    cat >"$2"
    said=$(tools/tidy 2>&1)
    case $said in
    *"0 findings"*) if [ -z "$3" ]; then echo "ok $count - $1"; else echo "not ok $count - $1 (nothing found)"; failed=1; fi ;;
    *) if [ -n "$3" ] && echo "$said" | grep -qF -- "$3"; then echo "ok $count - $1"; else echo "not ok $count - $1"; echo "$said" | sed 's/^/# /'; failed=1; fi ;;
    esac
    rm -f "$2"
}

plant "a clean tree" docs/empty.md "" </dev/null
plant "wrong room" src/core/codec/a.h "codec may not include feed/feed.h" <<'E'
/* x */
#include "feed/feed.h"
E
plant "a lower room is allowed" src/core/feed/a.h "" <<'E'
/* x */
#include "crypto/hash.h"
#include <dxos/codec.h>
E
plant "a public face above" src/core/base/a.h "base may not include dxos/codec.h" <<'E'
/* x */
#include <dxos/codec.h>
E
plant "an impure header" src/core/base/a.h "pure system headers, not <time.h>" <<'E'
/* x */
#include <time.h>
E
plant "the host looks inside" src/host/a.h "src/host includes only <dxos/…>" <<'E'
/* x */
#include "store/store.h"
E
plant "the simulator looks inside" sim/net.h "sim includes only <dxos/…>" <<'E'
/* x */
#include "store/store.h"
E
plant "its checkers may" sim/check_state.h "" <<'E'
/* x */
#include "store/store.h"
E
plant "a path out" apps/dx/a.h "apps may not reach into src/core/base/a.h" <<'E'
/* x */
#include "../../src/core/base/a.h"
E
plant "malloc in the core" src/core/base/a.h "the core may not call malloc" <<'E'
/* x */
static inline void *f(void) { return malloc (1); }
E
plant "malloc in words only" src/core/base/a.h "" <<'E'
/* never malloc(1) */
static const char *text = "malloc(1)";
E
plant "an unseeded key pair" src/core/base/a.h "the core may not call crypto_sign_keypair" <<'E'
/* x */
static inline int f(void) { return crypto_sign_keypair(0, 0); }
E
plant "a seeded key pair" src/core/base/a.h "" <<'E'
/* x */
static inline int f(void) { return crypto_sign_seed_keypair(0, 0, 0); }
E
plant "strcpy anywhere" src/host/a.h "strcpy is banned everywhere" <<'E'
/* x */
static inline void f(char *a) { strcpy(a, a); }
E
plant "no doc comment" include/dxos/a.h "dx_lonely has no doc comment" <<'E'
/* x */

DX_API int dx_lonely(void);
E
plant "no example" include/dxos/a.h "dx_told is used in no example" <<'E'
/* x */

/* Does it. */
DX_API int dx_told(void);
E
plant "an example that nobody builds" examples/a.c "no row in examples/meson.build" <<'E'
/* x */
int main(void) { return 0; }
E
plant "an example that nobody runs" examples/a.c "no tests/door/examples/a.txt that says what it says" <<'E'
/* x */
int main(void) { return 0; }
E
mkdir -p examples tests/door/examples
echo "['a']" >examples/meson.build
echo hello >tests/door/examples/a.txt
printf '/* dx_other() */\nint main(void) { return dx_told(); }\n' >examples/a.c
plant "a doc comment and an example" include/dxos/a.h "" <<'E'
/* x */

/* Does it. */
DX_API int dx_told(void);
E
plant "an example in words only" include/dxos/a.h "dx_other is used in no example" <<'E'
/* x */

/* Does it. */
DX_API int dx_other(void);
E
rm -r examples tests/door
plant "no head comment" src/host/a.h "no head comment" <<'E'
int x;
E
plant "no test" src/core/base/a.c "no test" <<'E'
/* x */
E
plant "no row in the build" src/core/base/b.c "no row in src/core/base/meson.build" <<'E'
/* x */
E
plant "a page names what is gone" docs/a.md "tests/gone.c is not here" <<'E'
Shown by `tests/gone.c`.
E
plant "by its name alone" docs/a.md "gone.c is not here" <<'E'
Shown by `gone.c`.
E
plant "what is here, and what is no file" docs/a.md "" <<'E'
`tools/tidy`, `tools/*`, `a.md`, `dx space create`, `build/dx`, `1.0`
E
plant "draws among arguments" sim/a.c "sim/a.c:4: two draws" <<'E'
/* x */
static int two(int *state) {
    return pair(sim_random(state),
                sim_random(state));
}
E
plant "a draw by way of a function" sim/a.c "sim/a.c:6: two draws" <<'E'
/* x */
static int below(int *state, int bound) {
    return sim_random(state) % bound;
}
static int two(int *state) {
    return below(state, 3) + sim_random(state);
}
E
plant "draws on both sides" sim/a.c "sim/a.c:3: two draws" <<'E'
/* x */
static void flip(char *bytes, int *state) {
    bytes[sim_random(state) % 9] ^= 1 << sim_random(state) % 8;
}
E
plant "draws among initializers, one of them a condition's" sim/a.c "sim/a.c:4: two draws" <<'E'
/* x */
static plan make(int *state, bool errors) {
    return (plan){.first = errors && sim_random(state) != 0 ? 1 : 2,
                  .second = sim_random(state)};
}
E
mkdir -p sim && echo "'a.c'" >sim/meson.build
plant "draws in order" sim/a.c "" <<'E'
/* x */
static int many(int *state) {
    int one = sim_random(state), other = sim_random(state);
    if (sim_random(state) == 0 && sim_random(state) == 0) {
        return sim_random(state) == 0 ? sim_random(state) : one;
    }
    return below(state, sim_random(state)) + other;
}
E
rm sim/meson.build
plant "a vague name" src/host/net_utils.h "a name without a noun" <<'E'
/* x */
E
plant "a leftover" src/host/a.h "leftover" <<E
/* $(printf TO)DO: later */
E
plant "a blob" data.bin "larger than 300 kB" <<E
$(head -c 400000 /dev/zero | tr '\0' x)
E
plant "an unused allowance" tools/purity.allow "memset is listed and no longer asked for" <<'E'
memcpy
memset
E
plant "an unlisted symbol" tools/purity.allow "the core asks for memcpy" </dev/null

# expect NAME STATUS WORDS [FLAG]: without a build.
expect() {
    count=$((count + 1))
    said=$(tools/tidy ${4:+"$4"} 2>&1)
    if [ $? = "$2" ] && echo "$said" | grep -qF -- "$3"; then echo "ok $count - $1"; else echo "not ok $count - $1"; echo "$said" | sed 's/^/# /'; failed=1; fi
}
printf 'memcpy\n' >tools/purity.allow
rm build/debug/libdxos.a
expect "without a build, what was not looked at is said" 0 "purity not looked at"
expect "a build that must be there" 1 "not built" --built
echo "1..$count"
exit $failed
