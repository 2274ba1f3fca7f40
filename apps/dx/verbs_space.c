/* dx/verbs_space.c: what `dx` can be asked about people, devices and spaces. See verbs.h. */
#include "verb_rows.h"

const dx_verb dx_space_verbs[] = {
    /* --- halo, device --- */
    {.noun = "halo",
     .verb = "create",
     .arguments = {{"NAME", "what others see you as", false, false}},
     .sentence = "Make a vault and an identity in it",
     .details = "The keys are made here and never leave this machine. Until a passphrase can be set, the key "
                "of the\n"
                "vault lies beside it in a file only you can read.",
     .examples = "dx halo create Alice\ndx --profile work halo create \"Alice at work\"",
     .run = dx_run_halo_create},
    {.noun = "halo",
     .verb = "identity",
     .alias = "show",
     .sentence = "Show the identity of this vault",
     .examples = "dx halo identity\ndx halo identity --json",
     .run = dx_run_halo_identity},
    {.noun = "halo",
     .verb = "rename",
     .arguments = {{"NAME", "what others are to see you as from now on", false, false}},
     .sentence = "Change your name, in this vault and in every space you may write in",
     .examples = "dx halo rename \"Alice Liddell\"",
     .run = dx_run_halo_rename},
    {.noun = "device",
     .verb = "list",
     .alias = "ls",
     .sentence = "List the devices of your identity",
     .examples = "dx device list",
     .run = dx_run_device_list},
    {.noun = "device",
     .verb = "rename",
     .arguments = {{"NAME", "what you call this machine; nobody else is told", false, false}},
     .sentence = "Name this device",
     .examples = "dx device rename laptop",
     .run = dx_run_device_rename},

    /* --- space --- */
    {.noun = "space",
     .verb = "create",
     .alias = "new",
     .arguments = {{"NAME", "a name for people; it may be missing", true, false}},
     .sentence = "Make a space",
     .examples = "dx space create notes",
     .run = dx_run_space_create},
    {.noun = "space",
     .verb = "list",
     .alias = "ls",
     .sentence = "List the spaces of this vault",
     .examples = "dx space list\ndx space list --json | jq -r .space",
     .run = dx_run_space_list},
    {.noun = "space",
     .verb = "rename",
     .arguments = {SPACE_ARGUMENT, {"NAME", "what all its members are to see it as", false, false}},
     .sentence = "Give a space another name, for all its members",
     .examples = "dx space rename notes \"House and garden\"",
     .run = dx_run_space_rename},
    {.noun = "space",
     .verb = "members",
     .arguments = {SPACE_ARGUMENT},
     .sentence = "List who is in a space, and in which role",
     .examples = "dx space members notes",
     .run = dx_run_space_members},
    {.noun = "space",
     .verb = "share",
     .alias = "invite",
     .arguments = {SPACE_ARGUMENT},
     .options = {{"role", 0, "ROLE", "admin, editor (default), reader or pull", false},
                 {"expires", 0, "T", "how long the invitation lives: 90s, 10m (default), 2h, 7d", false},
                 {"multi", 0, NULL, "several people may use it", false},
                 {"pin", 0, "N", "six digits of your own choice, or - to read them from stdin", false},
                 {"at", 0, "URL",
                  "print the link as the address of a page that opens it, a vault's or an app's", false},
                 {"no-qr", 0, NULL, "no QR code on the terminal", false}},
     .sentence = "Invite someone: print a link and a PIN, then what happens until the invitation ends",
     .details =
         "Send the link and the PIN by two different ways: who has both may join. Three wrong PINs lock the\n"
         "invitation. Ctrl-C withdraws it. Without an agent this process itself answers the guest, and "
         "stays\n"
         "until the guest has fetched the space.",
     .examples = "dx space share notes\ndx space share notes --role reader --expires 2h\n"
                 "dx space share notes --at https://halo.example",
     .run = dx_run_space_share},
    {.noun = "space",
     .verb = "join",
     .arguments =
         {{"URL", "the link of the invitation, or a page's address that ends in it; - to read it from stdin",
           false, false}},
     .options = {{"pin", 0, "N", "the six digits, or - to read them from stdin; else they are asked for",
                  false},
                 {"type", 0, "TYPE", "keep objects and links of this type alone, and of others named so",
                  true},
                 {"since", 0, "WHEN", "keep what was written since then: 12h, 30d, 2026-01-31", false},
                 {"query", 0, "JSON",
                  "keep what matches this question, as members tell it; - reads it from stdin", false}},
     .sentence = "Join a space by the link and the PIN somebody gave you",
     .details =
         "With an agent it returns once you are a member, and the agent goes on fetching. Without one it\n"
         "stays until the space is in step here, as nobody else would fetch it.",
     .examples = "dx space join 'dxos:…'\ndx space join \"$link\" --pin 123456\n"
                 "dx space join \"$link\" --type task --type tag",
     .run = dx_run_space_join},
    {.noun = "space",
     .verb = "status",
     .arguments = {SPACE_ARGUMENT},
     .options = {{"wait-synced", 0, NULL, "stay until nothing is left to fetch from any peer", false}},
     .sentence = "Show how far a space is in step with its peers",
     .examples = "dx space status notes\ndx space status notes --wait-synced --timeout 60",
     .run = dx_run_space_status},
    {.noun = "space",
     .verb = "digest",
     .arguments = {SPACE_ARGUMENT},
     .options = {{"type", 0, "TYPE", "of objects and links of this type, and of others named so, alone",
                  true}},
     .sentence = "Print a hash of all that is in a space; replicas that agree print the same",
     .examples = "dx space digest notes",
     .run = dx_run_space_digest},
    {.noun = "space",
     .verb = "scope",
     .arguments = {SPACE_ARGUMENT},
     .options = {{"type", 0, "TYPE", "keep objects and links of this type, and of others named so", true},
                 {"since", 0, "WHEN", "keep what was written since then: 12h, 30d, 2026-01-31", false},
                 {"query", 0, "JSON",
                  "keep what matches this question, as members tell it; - reads it from stdin", false},
                 {"all", 0, NULL, "keep everything, and fetch what is missing", false}},
     .sentence = "Show or set what of a space this vault keeps; the rest stays with the others",
     .details =
         "Of what lies outside, the vault has hashes only, so it is as sure of its history as anybody. "
         "Answers\n"
         "that may lack something say \"partial\". `dx object get --fetch` brings one object. What is here\n"
         "already stays; a wider scope fetches what it lacks. What matches a --query is asked of members\n"
         "whenever something changed; `told_by` and `told_at` say who told all of it last.",
     .examples = "dx space scope notes\ndx space scope notes --type task --type tag\n"
                 "dx space scope notes --since 30d\ndx space scope notes --all\n"
                 "dx space scope notes --query '{\"type\": \"task\", \"where\": {\"done\": false}}'",
     .run = dx_run_space_scope},
    {.noun = "space",
     .verb = "epoch",
     .arguments = {SPACE_ARGUMENT},
     .options = {{"auto", 0, "on|off", "whether this vault makes them by itself in the space; makes none now",
                  false}},
     .sentence = "Make an epoch now: the state of a space, for newcomers and in place of old history",
     .details =
         "Members who may write make the same state again and say that it is right; then newcomers load it\n"
         "instead of history. In a space of several devices the owner's makes them by itself, or after a\n"
         "while another admin's, when 4 MiB of history and twice the state came since the last one.",
     .examples = "dx space epoch notes",
     .run = dx_run_space_epoch},
    {.noun = "space",
     .verb = "epochs",
     .arguments = {SPACE_ARGUMENT},
     .sentence = "List the epochs of a space: by whom, how large, confirmed or not, and what was found here",
     .details =
         "here: right (made again and equal), mismatch (another state: E_EPOCH_MISMATCH), loaded, unseen.",
     .examples = "dx space epochs notes",
     .run = dx_run_space_epochs},
    {.noun = "space",
     .verb = "compact",
     .arguments = {SPACE_ARGUMENT},
     .options = {{"now", 0, NULL, "do not wait until the epoch was confirmed for a week", false},
                 {"copies", 0, "N", "be content with N other devices that have it, when some are lost",
                  false}},
     .sentence = "Let go of the history below the current epoch, on this vault",
     .details =
         "Every other device that may write must have said that the epoch is right, as two parts of a space\n"
         "that are apart and each drop what the other has not can never be one again. What was dropped can\n"
         "not be shown by `dx history`, nor gone back to.",
     .examples = "dx space compact notes --now",
     .run = dx_run_space_compact},
    {.noun = "space",
     .verb = "export",
     .arguments = {{"FILE", "the archive to write; compressed when it ends in .gz; - is stdout", false,
                    false},
                   {"SPACE", "its name or id; without one all spaces of the vault", true, true}},
     .options = {{"force", 'f', NULL, "take the place of a file that is there", false}},
     .sentence = "Write spaces, whole, into one archive file",
     .details =
         "The archive is a tar of JSON lines, as dx export writes them, and a manifest with counts and "
         "hashes\n"
         "(docs/spec/archive.md). It holds what the spaces hold, deleted objects too, and no key: who can "
         "read the\n"
         "file can read them. It is readable by you alone, and appears under its name once it is whole.",
     .examples = "dx space export backup.tar.gz\ndx space export notes.tar notes",
     .run = dx_run_space_export},
    {.noun = "space",
     .verb = "import",
     .arguments = {{"FILE", "an archive; - is stdin", false, false},
                   {"SPACE", "only these of the archive, by name or the beginning of the id", true, true}},
     .options = {{"list", 'l', NULL, "only check it and show what it holds", false}},
     .sentence = "Make new spaces of what an archive holds",
     .details =
         "The whole file is checked before anything is written. Each space becomes a new one of the "
         "same name, with\n"
         "you as its owner; objects and links get new ids, and everything that leads from one to "
         "another follows.\n"
         "When a space cannot be taken whole, none is kept. After a power cut, or kill -9, the same command "
         "goes on.",
     .examples = "dx space import backup.tar.gz\ndx space import backup.tar.gz --list",
     .run = dx_run_space_import},
    {.noun = "space",
     .verb = "rm",
     .alias = "forget",
     .arguments = {SPACE_ARGUMENT},
     .options = {{"force", 'f', NULL, "do not ask on a terminal", false}},
     .sentence = "Forget a space in this vault; other members keep it",
     .examples = "dx space rm notes",
     .run = dx_run_space_rm},

    /* --- invitation --- */
    {.noun = "invitation",
     .verb = "list",
     .alias = "ls",
     .arguments = {{"SPACE", "only those to this space", true, false}},
     .options = {{"ended", 0, NULL, "also those that ended, and how", false}},
     .sentence = "List the invitations that are open; the program that made one need not run any more",
     .details = "`dx space share` makes them. Links and PINs are not shown again.",
     .examples = "dx invitation list\ndx invitation list notes --ended",
     .run = dx_run_invitation_list},
    {.noun = "invitation",
     .verb = "cancel",
     .alias = "rm",
     .arguments = {{"ID", "the invitation's id, or the beginning of it (4 digits or more)", false, false}},
     .sentence = "Withdraw an invitation: nobody else gets in by its link",
     .examples = "dx invitation cancel 3f9a",
     .run = dx_run_invitation_cancel},
    {.noun = NULL},
};
