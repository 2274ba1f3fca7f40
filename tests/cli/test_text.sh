#!/bin/sh
# tests/cli/test_text.sh DX: dx text: made, read, written in, edited in an editor, its versions, and files of Yjs in and out.
. "$(dirname "$0")/lib.sh"

alice halo create Alice -q >/dev/null
alice space create notes -q >/dev/null

text=$(alice text new notes 'Roses want sun.' -q)
same "a text is what it was made of" "$(alice text cat notes "$text")" 'Roses want sun.'
alice text insert notes "$text" ' and lilies' --at 5 -q >/dev/null
alice text insert notes "$text" ' So do bees.' -q >/dev/null
same "written into, and at its end" "$(alice text cat notes "$text")" 'Roses and lilies want sun. So do bees.'
alice text delete notes "$text" 26 12 -q >/dev/null
same "deleted from" "$(alice text cat notes "$text")" 'Roses and lilies want sun.'
same "stdin is inserted" "$(printf ' \303\244\360\237\214\271' | alice text insert notes "$text" - -q >/dev/null; alice text cat notes "$text")" "$(printf 'Roses and lilies want sun. \303\244\360\237\214\271')"
alice text delete notes "$text" 28 -q >/dev/null
same "one character, however many bytes" "$(alice text cat notes "$text")" "$(printf 'Roses and lilies want sun. \303\244')"
alice text format notes "$text" 0 5 --with '{"bold": true}' -q >/dev/null
check "formatting shows as a delta" sh -c "'$dx' --profile alice text cat notes '$text' --json | grep -q '\"delta\":\\[{\"insert\":\"Roses\",\"attributes\":{\"bold\":true}}'"
expect_exit 2 "beyond the end nothing is inserted" --profile alice text insert notes "$text" x --at 999
expect_exit 2 "a format says which" --profile alice text format notes "$text" 0 5

empty=$(alice text new notes -q)
same "an empty one" "$(alice text cat notes "$empty")" ''
note=$(alice object add notes --data '{"a": 1}' -q)
run --profile alice text cat notes "$note"
holds "what is no text says so" err 'is no text'

# An editor of one's own, while somebody else writes.
printf 'one\ntwo\nthree\n' >draft
paper=$(alice text new notes - -q <draft)
cat >editor <<'EDITOR'
#!/bin/sh
"$dx" --profile alice text insert notes "$paper" 'zero
' --at 0 -q >/dev/null
sed 's/two/2/' "$1" >edited && cat edited >"$1"
EDITOR
chmod +x editor
export dx paper
EDITOR=$box/editor timeout 20 "$dx" --profile alice text edit notes "$paper" -q >/dev/null
same "what is edited meets what others wrote meanwhile" "$(alice text cat notes "$paper" | tr '\n' ' ')" 'zero one 2 three '
EDITOR=true run --profile alice text edit notes "$paper"
same "an editor that changes nothing changes nothing" "$(alice text cat notes "$paper" | tr '\n' ' ')" 'zero one 2 three '
export EDITOR=false
expect_exit 2 "an editor that fails changes nothing" --profile alice text edit notes "$paper"
unset EDITOR

# Versions.
first=$(alice text log notes "$paper" --json | tail -1 | value at)
same "as it was at first" "$(alice text at notes "$paper" "$first" | tr '\n' ' ')" 'one two three '
alice text diff notes "$paper" "$first" >differences
check "lines that came and went" sh -c "grep -q '^+zero' differences && grep -q '^-two' differences && grep -q '^+2' differences && ! grep -q three differences"

# Longer than one step takes, with characters of three bytes.
python3 -c 'print("\u20ac" * 400000, end="")' >long
long=$(alice text new notes - -q <long)
alice text insert notes "$long" - --at 1 -q <long >/dev/null
same "a long text goes in several steps" "$(alice text cat notes "$long" | sha256sum)" "$(cat long long | sha256sum)"

# The way back.
alice text insert notes "$paper" 'four' -q >/dev/null
alice undo notes -q >/dev/null
same "what was written is taken back" "$(alice text cat notes "$paper" | tr '\n' ' ')" 'zero one 2 three '

# Files of other programs.
alice text export notes "$paper" >paper.yjs
copy=$(alice text import notes paper.yjs -q)
same "a file comes back as a text" "$(alice text cat notes "$copy" | tr '\n' ' ')" 'zero one 2 three '
alice text export notes "$paper" --form 2 >paper2.yjs
copy=$(alice text import notes paper2.yjs --form 2 -q)
same "in either form" "$(alice text cat notes "$copy" | tr '\n' ' ')" 'zero one 2 three '
check "the same bytes go out again" sh -c "'$dx' --profile alice text export notes '$copy' --form 2 | cmp - paper2.yjs"
python3 -c 'import random; random.seed(1); print("".join(random.choice("abcdefghijklmnop") for _ in range(1200000)), end="")' >much
much=$(alice text new notes - -q <much)
alice text export notes "$much" >much.yjs
run --profile alice text import notes much.yjs
holds "a document too large for one step says so, and how large" err 'at most 1015808 bytes; this one has 12000'
alice text export notes "$(alice text new notes - -q <<EOF
$(head -c 400000 much)
EOF
)" >less.yjs
check "one of 400,000 bytes is taken" alice text import notes less.yjs -q
echo nonsense >nonsense
expect_exit 2 "what is no update is not taken" --profile alice text import notes nonsense
expect_exit 2 "nor is there a third form" --profile alice text import notes paper.yjs --form 3
alice index add notes text --text -q >/dev/null
same "the words of texts are found" "$(alice query notes '{"type": "text", "text": "lilies"}' -q | wc -l)" 1
plan
