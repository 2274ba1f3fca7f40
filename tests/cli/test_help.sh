#!/bin/sh
# tests/cli/test_help.sh DX: help, man pages and completion all come from one table, and say the same.
. "$(dirname "$0")/lib.sh"

expect_exit 0 "dx alone helps"
holds "and lists the nouns" out '^  space '
for words in "-h" "--help" "help" "space" "space -h" "space share --help" "help space" "help space share" "help exit-codes" \
    "help environment" "help formats" "space --help share" "import -h" "help query"; do
    # shellcheck disable=SC2086 # words of a command line
    expect_exit 0 "dx $words" $words
done
run help import
holds "help has examples" out 'dx import packages /var/lib/dpkg/status'
holds "help has options" out '--link FIELD'

# Each verb of each noun has help that names it, and no verb stands in help that is not one.
"$dx" manual | sed -n 's/^dx-//p' >nouns
missing=''
for noun in $(cat nouns); do
    "$dx" help "$noun" >help.$noun || missing="$missing $noun"
    : >verbs
    ! grep -q "^dx $noun:" help.$noun || sed -n "s/^  dx $noun \([a-z]*\).*/\1/p" help.$noun >verbs
    for verb in $(cat verbs); do
        "$dx" help "$noun" "$verb" 2>/dev/null | grep -q "dx $noun $verb" || missing="$missing $noun-$verb"
        "$dx" manual "dx-$noun" | grep -q "dx $noun $verb" || missing="$missing man:$noun-$verb"
        "$dx" complete "$noun" '' | grep -q "^$verb	" || missing="$missing completion:$noun-$verb"
    done
done
same "help, man pages and completion know every verb" "$missing" ""
same "a page of manual for each noun" "$(wc -l <nouns | tr -d ' ')" 30

same "and each is installed" "$(cd "$(dirname "$dx")" && ls dx*.1 | sed 's/\.1$//' | sort)" "$("$dx" manual | sort)"

if command -v groff >/dev/null; then
    "$dx" manual dx | groff -man -Tutf8 -ww >page 2>warnings
    "$dx" manual dx-space | groff -man -Tutf8 -ww >>page 2>>warnings
    same "groff has nothing to complain about" "$(cat warnings)" ""
else
    skip "groff has nothing to complain about" "groff is not installed"
fi
expect_exit 3 "a page that is none" manual dx-nonsense

for shell in bash zsh fish; do
    expect_exit 0 "completion for $shell" completion $shell
    ! command -v $shell >/dev/null || { $shell -n out; result $? "$shell can read it"; }
done
expect_exit 2 "no completion for csh" completion csh
same "nouns are completed" "$("$dx" complete sp | cut -f 1)" space
same "verbs are completed" "$("$dx" complete space cre | cut -f 1)" create
same "options are completed" "$("$dx" complete space share --ro | cut -f 1)" --role
same "nothing to complete is no error" "$("$dx" complete nonsense x; echo $?)" 0
"$dx" halo create A -q >/dev/null
"$dx" space create garden -q >/dev/null
same "spaces are completed" "$("$dx" complete space status ga | cut -f 1)" garden
"$dx" space create 'two *;words' -q >/dev/null
"$dx" space create "$(printf 'two\033]0;title\007')" -q >/dev/null
same "but none that would speak to the terminal" "$("$dx" complete space status two | cut -f 1)" 'two *;words'
if command -v bash >/dev/null; then
    same "what others chose to call a space is one word at the prompt" "$(PATH="${dx%/*}:$PATH" bash -c 'source <(dx completion bash)
COMP_WORDS=(dx space status tw) COMP_CWORD=3
_dx
printf "%s\n" "${COMPREPLY[@]}"')" 'two\ \*\;words'
else
    skip "what others chose to call a space is one word at the prompt" "no bash"
fi
"$dx" --profile other halo create B -q >/dev/null
"$dx" --profile other space create meadow -q >/dev/null
same "whose spaces, --profile says" "$("$dx" complete --profile other space status '' | cut -f 1)" meadow
same "wherever it stands" "$("$dx" complete space status --profile other --json m | cut -f 1)" meadow
same "verbs behind an option" "$("$dx" complete --json space cre | cut -f 1)" create
same "its own value is not guessed" "$("$dx" complete --profile '')" ""
same "spaces after an option with a value" "$("$dx" complete object ls --type t g | cut -f 1)" garden

# Mistakes
expect_exit 2 "an unknown noun" spcae list
holds "did you mean" err 'try: dx space$'
expect_exit 2 "a noun cut short" obj ls
holds "did you mean the whole one" err 'try: dx object$'
expect_exit 2 "an unknown verb" space lits
holds "did you mean a verb" err 'try: dx space list$'
expect_exit 2 "an unknown option" space list --jsno
holds "did you mean an option" err 'try: --json$'
expect_exit 2 "an option without its value" space share x --role
expect_exit 2 "a value for a flag" space list --json=yes
expect_exit 2 "an option twice" object add x --type a --type b
expect_exit 2 "an argument is missing" object get x
holds "says which" err 'ID is missing'
expect_exit 2 "a word too many" space list x
expect_exit 2 "no number" object ls garden --limit many
expect_exit 2 "no time" --timeout soon space list
expect_exit 2 "an error as JSON" space lits --json
same "has code, message and try" "$(value error.code <out) $(value error.try <out)" "E_INVALID dx space list"
same "nothing but it" "$(keys <out)" error
expect_exit 0 "options may stand anywhere" --json space list
expect_exit 0 "aliases" space ls
expect_exit 2 "after -- nothing is an option" space create -- --json extra
expect_exit 0 "a name that looks like an option" space create -- --json
plan
