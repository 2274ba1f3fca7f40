#!/bin/sh
# tests/cli/test_schema.sh DX: types defined, held to, brought to another version, and made into code that compiles.
headers=$(realpath "$(dirname "$0")/../../include") tsc=$(realpath "$(dirname "$0")/../../web/node_modules/.bin/tsc" 2>/dev/null)
. "$(dirname "$0")/lib.sh"

alice halo create Alice -q >/dev/null
alice space create notes -q >/dev/null
cat >task.json <<'END'
{"type": "object", "description": "What is to be done */ soon", "required": ["title"], "additionalProperties": false, "properties": {
 "title": {"type": "string", "minLength": 1}, "done": {"type": "boolean", "default": false}, "count": {"type": "integer"},
 "share": {"type": "number"}, "state": {"enum": ["open", "shut", 3, null]}, "due": {"type": "string", "format": "date-time"},
 "at": {"type": "time"}, "of": {"type": "reference", "to": "person"}, "raw": {"type": "bytes"}, "default": {"type": "null"},
 "a-b.c \"?": {"type": ["string", "null"]}, "tags": {"type": "array", "items": {"type": "string"}}, "2nd": {},
 "place": {"type": "object", "title": "Where", "required": ["city"], "properties": {"city": {"type": "string"}}}}}
END
timeout 20 "$dx" --profile alice schema add notes task - --json <task.json >out 2>err
same "a definition from stdin" "$? $(keys <out) $(value version <out)" "0 type,version,id,sound,schema,migrate 1"
expect_exit 0 "what fits is written" --profile alice object add notes --type task --data '{"title": "tea", "count": 2}' -q
expect_exit 2 "what does not is refused" --profile alice object add notes --type task --data '{"title": "tea", "count": "two"}'
holds "with place, rule and what was given" err '"count" must be an integer, not a string ("type" of version 1 of the type "task")'
expect_exit 2 "a key that nobody defined" --profile alice object add notes --type task --data '{"title": "tea", "colour": 3}'
holds "which is said" err '"colour" is no key that it may have'
expect_exit 2 "no definition" --profile alice schema add notes task '{"type": "banana"}'
holds "and why" err 'is defined wrongly'
alice object add notes --type list --data '{"title": 3}' -q >/dev/null
expect_exit 0 "another type" --profile alice schema add notes list '{"properties": {"title": {"type": "string"}}}' --json
expect_exit 0 "what was there before" --profile alice schema check notes --json
same "is listed" "$(keys <out) $(value path <out) $(value rule <out)" "id,type,version,path,rule,message title type"

expect_exit 0 "a second version" --profile alice schema add notes list '{"required": ["name"]}' --migrate '[{"rename": ["title", "name"]}]' --json
same "is the second" "$(value version <out)" 2
expect_exit 0 "objects are brought to it" --profile alice schema migrate notes list --json
same "one is" "$(value changed <out)" 1
same "by its new name" "$(alice object ls notes --type list --json | value data.name)" 3
same "and is well" "$(alice schema check notes -q | wc -l)" 0
same "listed by type, the newest first" "$(alice schema ls notes | cut -f 1,2 | tr '\t\n' '  ')" "list 2 list 1 task 1 "

# --- Code
alice schema generate notes --c >types.h
cat >program.c <<'END'
#include "types.h"
int main(void) {
    task one;
    list two;
    task_read((dx_bytes){NULL, 0}, &one);
    list_read((dx_bytes){NULL, 0}, &two);
    return one.has_title || two.has_name_is_not_there;
}
END
sed -i 's/ || two.has_name_is_not_there//' program.c
check "C that compiles" "${CC:-cc}" -std=c11 -Wall -Wextra -Wpedantic -Werror -I"$headers" -fsyntax-only program.c
cp types.h out
holds "has what may be missing beside it" out 'bool has_count;'
holds "and names that C can take" out 'default_'
alice schema generate notes task --ts >types.ts
cp types.ts out
holds "TypeScript: what is required" out '  title: string;'
holds "what is not" out '  count?: number;'
holds "a list of values" out '  state?: "open" | "shut" | 3 | null;'
if [ -n "$tsc" ] && [ -x "$tsc" ]; then
    cat >>types.ts <<'END'
export const good: Task = { title: 'tea', at: new Date(), raw: new Uint8Array(), tags: ['a'], place: { city: 'Bonn', street: 1 }, 'a-b.c "?': null };
// @ts-expect-error a title is required
export const bad: Task = { count: 1 };
END
    check "TypeScript that compiles and holds" "$tsc" --noEmit --strict --target es2022 --skipLibCheck types.ts
else
    skip "TypeScript that compiles and holds" "tsc is not there (make web-test brings it)"
fi
expect_exit 2 "one language at a time" --profile alice schema generate notes
expect_exit 3 "a type that nobody defined" --profile alice schema generate notes nothing --ts
expect_exit 0 "definitions go" --profile alice schema rm notes list --version 1
expect_exit 3 "once" --profile alice schema rm notes list --version 1
plan
