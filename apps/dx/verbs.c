/* dx/verbs.c: the table of everything `dx` can be asked. See verbs.h.
 *
 * Keep it in the order people meet things; help, man pages and completion follow it. */
#include "verbs.h"

#include <stdint.h>
#include <string.h>

#define SPACE_ARGUMENT                                                                                       \
    { "SPACE", "its name, its id, or the beginning of its id (4 digits or more)", false, false }
#define TYPE_ARGUMENT                                                                                        \
    { "TYPE", "the name of a type of objects", false, false }
#define OBJECT_ARGUMENT                                                                                      \
    { "ID", "the object's id; its last part may be shortened", false, false }
#define ARRAY_ARGUMENT                                                                                       \
    { "KEY", "the key or path of an array; nothing there is an empty one", false, false }
#define AT_OPTION                                                                                            \
    { "at", 0, "N", "the item's number, the first being 0", false }

#define POINT_OPTION(words)                                                                                  \
    { "at", 0, "POINT", words ", from dx history", false }

const dx_noun dx_nouns[] = {
    {"halo", "who you are: the identity of this vault"},
    {"device", "the devices of your identity"},
    {"space", "sets of objects that people share"},
    {"invitation", "the invitations that this vault gave out"},
    {"object", "the objects in a space"},
    {"link", "typed arrows from one object to another"},
    {"schema", "what the objects of a type are to look like"},
    {"query", "ask a space a question"},
    {"sql", "ask a space in SQL, which reads only"},
    {"index", "what is kept ready for questions about a property"},
    {"watch", "tell what changes in a space, as it changes"},
    {"history", "what changed a space or an object, and who"},
    {"undo", "take back what this device last did in a space"},
    {"redo", "do again what was undone"},
    {"import", "bring in objects from a file"},
    {"export", "write a space out as lines that import takes back"},
    {"peer", "who this vault speaks to"},
    {"app", "what apps of other origins may ask of this vault"},
    {"signal", "where this vault looks for peers it cannot dial"},
    {"agent", "the process that keeps a vault in step in the background"},
    {"kube", "the server of vault page, apps and signaling, on a machine of your own"},
    {"inspect", "look inside a space: feeds, blocks, credentials, an object's registers"},
    {"status", "the state of this vault on one screen"},
    {"doctor", "look for what is wrong, and say how to mend it"},
    {"api", "any command of the vault protocol"},
    {"completion", "completion for your shell"},
    {"version", "what this program is"},
    {"help", "help on a command or a topic"},
    {NULL, NULL},
};

const dx_option dx_global_options[] = {
    {"vault", 0, "DIR", "the vault's folder (DX_VAULT); default: the profile's, in XDG_DATA_HOME/dx", false},
    {"profile", 0, "NAME", "the profile (DX_PROFILE); default: \"default\"", false},
    {"json", 0, NULL, "one JSON object per line, with full ids", false},
    {"quiet", 'q', NULL, "ids only, and no words on stderr but errors", false},
    {"timeout", 0, "S", "give up after so many seconds (exit 8)", false},
    {"no-input", 0, NULL, "never ask anything", false},
    {"trace", 0, NULL, "tell on stderr what the vault does", false},
    {"help", 'h', NULL, "help on this command", false},
    {NULL, 0, NULL, NULL, false},
};

const dx_verb dx_verbs[] = {
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
                 {"since", 0, "WHEN", "keep what was written since then: 12h, 30d, 2026-01-31", false}},
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
                 {"all", 0, NULL, "keep everything, and fetch what is missing", false}},
     .sentence = "Show or set what of a space this vault keeps; the rest stays with the others",
     .details =
         "Of what lies outside, the vault has hashes only, so it is as sure of its history as anybody. "
         "Answers\n"
         "that may lack something say \"partial\". `dx object get --fetch` brings one object. What is here\n"
         "already stays; a wider scope fetches what it lacks.",
     .examples = "dx space scope notes\ndx space scope notes --type task --type tag\n"
                 "dx space scope notes --since 30d\ndx space scope notes --all",
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

    /* --- object --- */
    {.noun = "object",
     .verb = "add",
     .alias = "create",
     .arguments = {SPACE_ARGUMENT},
     .options = {{"type", 0, "T", "its type, a word of your own", false},
                 {"data", 0, "JSON", "its keys and values, or - to read them from stdin", false},
                 {"parent", 0, "ID", "the object it belongs under", false},
                 {"model", 0, "NAME", "what its operations mean, instead of keys and values", false}},
     .sentence = "Add an object",
     .details = "Beside JSON's own kinds a value may be {\"@ref\": ID}, {\"@bytes\": BASE64URL} or "
                "{\"@time\": RFC3339}.",
     .examples = "dx object add notes --type task --data '{\"title\": \"water the plants\"}'",
     .run = dx_run_object_add},
    {.noun = "object",
     .verb = "get",
     .alias = "show",
     .arguments = {SPACE_ARGUMENT, OBJECT_ARGUMENT},
     .options = {POINT_OPTION("as it was at this point of its history"),
                 {"fetch", 0, NULL, "bring all of it from members, if this vault does not keep it", false}},
     .sentence = "Show an object",
     .examples = "dx object get notes 2-0-5f81\ndx object get notes 2-0-5f81 --at 12-5f81\n"
                 "dx object get notes 2-0-5f81 --fetch",
     .run = dx_run_object_get},
    {.noun = "object",
     .verb = "set",
     .arguments = {SPACE_ARGUMENT,
                   OBJECT_ARGUMENT,
                   {"KEY=JSON", "a key or path and its new value; quote texts: title='\"tea\"'", false,
                    true}},
     .sentence = "Set keys of an object, all of them in one step",
     .details = "A path names a nested key: address.city='\"Berlin\"'. A dot inside a key is written \\. .",
     .examples = "dx object set notes 2-0-5f81 done=true title='\"tea\"'",
     .run = dx_run_object_set},
    {.noun = "object",
     .verb = "unset",
     .arguments = {SPACE_ARGUMENT, OBJECT_ARGUMENT, {"KEY", "a key or path to take away", false, true}},
     .sentence = "Take keys of an object away",
     .examples = "dx object unset notes 2-0-5f81 done",
     .run = dx_run_object_unset},
    {.noun = "object",
     .verb = "push",
     .arguments = {SPACE_ARGUMENT, OBJECT_ARGUMENT, ARRAY_ARGUMENT, {"JSON", "a value", false, true}},
     .sentence = "Add items at the end of an array; others may change it at the same time",
     .examples = "dx object push notes 2-0-5f81 steps '\"boil\"' '\"pour\"'",
     .run = dx_run_object_push},
    {.noun = "object",
     .verb = "insert",
     .arguments = {SPACE_ARGUMENT, OBJECT_ARGUMENT, ARRAY_ARGUMENT, {"JSON", "a value", false, true}},
     .options = {AT_OPTION},
     .sentence = "Put items into an array",
     .details = "Without --at they come first.",
     .examples = "dx object insert notes 2-0-5f81 steps '\"fill\"' --at 1",
     .run = dx_run_object_insert},
    {.noun = "object",
     .verb = "replace",
     .arguments = {SPACE_ARGUMENT, OBJECT_ARGUMENT, ARRAY_ARGUMENT, {"JSON", "the new value", false, false}},
     .options = {AT_OPTION},
     .sentence = "Replace one item of an array",
     .examples = "dx object replace notes 2-0-5f81 steps '\"wait\"' --at 2",
     .run = dx_run_object_replace},
    {.noun = "object",
     .verb = "remove",
     .arguments = {SPACE_ARGUMENT, OBJECT_ARGUMENT, ARRAY_ARGUMENT},
     .options = {AT_OPTION, {"count", 0, "N", "so many items from there on (1)", false}},
     .sentence = "Take items out of an array",
     .examples = "dx object remove notes 2-0-5f81 steps --at 0",
     .run = dx_run_object_remove},
    {.noun = "object",
     .verb = "reorder",
     .arguments = {SPACE_ARGUMENT, OBJECT_ARGUMENT, ARRAY_ARGUMENT},
     .options = {AT_OPTION, {"to", 0, "N", "the number it shall have", false}},
     .sentence = "Move one item of an array",
     .details = "Two who move one item at the same time leave it in one place, not in two.",
     .examples = "dx object reorder notes 2-0-5f81 steps --at 3 --to 0",
     .run = dx_run_object_reorder},
    {.noun = "object",
     .verb = "include",
     .arguments = {SPACE_ARGUMENT, OBJECT_ARGUMENT, ARRAY_ARGUMENT, {"JSON", "a value", false, true}},
     .sentence = "Put values into an array as into a set: each stands there once",
     .examples = "dx object include notes 2-0-5f81 tags '\"urgent\"'",
     .run = dx_run_object_include},
    {.noun = "object",
     .verb = "exclude",
     .arguments = {SPACE_ARGUMENT, OBJECT_ARGUMENT, ARRAY_ARGUMENT, {"JSON", "a value", false, true}},
     .sentence = "Take values out of an array, wherever they stand in it",
     .examples = "dx object exclude notes 2-0-5f81 tags '\"urgent\"'",
     .run = dx_run_object_exclude},
    {.noun = "object",
     .verb = "increment",
     .arguments = {SPACE_ARGUMENT,
                   OBJECT_ARGUMENT,
                   {"KEY", "the key or path of an integer; nothing there is 0", false, false}},
     .options = {{"by", 0, "N", "how much to add (1); to take away: --by=-1", false}},
     .sentence = "Add to a number; what others add at the same time is added too",
     .examples = "dx object increment notes 2-0-5f81 votes",
     .run = dx_run_object_increment},
    {.noun = "object",
     .verb = "rm",
     .alias = "delete",
     .arguments = {SPACE_ARGUMENT, OBJECT_ARGUMENT},
     .options = {{"parts", 0, NULL, "with all that only it refers to strongly", false},
                 {"force", 'f', NULL, "although others refer to it strongly", false}},
     .sentence = "Delete an object; restore brings it back",
     .details = "A strong reference ({\"@ref\": \"ID!\"}) says that what refers is not whole without the "
                "other: what others hold so is "
                "not deleted while they are there.",
     .examples = "dx object rm notes 2-0-5f81\ndx object rm notes 2-0-5f81 --parts",
     .run = dx_run_object_rm},
    {.noun = "object",
     .verb = "purge",
     .arguments = {SPACE_ARGUMENT, OBJECT_ARGUMENT},
     .options = {{"yes", 'y', NULL, "do not ask", false}},
     .sentence = "Take an object out of every vault of the space, for good",
     .details =
         "Its data, history and texts go, with every member whose program follows the rules, those who "
         "come back later too; links to it lead nowhere. Admins may, and who made it. Nothing brings it "
         "back; copies made before are out of reach.",
     .examples = "dx object purge notes 2-0-5f81",
     .run = dx_run_object_purge},
    {.noun = "object",
     .verb = "restore",
     .arguments = {SPACE_ARGUMENT, OBJECT_ARGUMENT},
     .options = {POINT_OPTION("to what it was at this point of its history")},
     .sentence = "Bring a deleted object back, or what an object was",
     .details = "With --at this is a new change like any other: it reaches everybody, and can be undone.",
     .examples = "dx object restore notes 2-0-5f81\ndx object restore notes 2-0-5f81 --at 12-5f81",
     .run = dx_run_object_restore},
    {.noun = "object",
     .verb = "move",
     .arguments = {SPACE_ARGUMENT, OBJECT_ARGUMENT},
     .options = {{"parent", 0, "ID", "the object it belongs under from now on", false},
                 {"top", 0, NULL, "it belongs under none", false}},
     .sentence = "Put an object under another one, or at the top",
     .details = "Whatever several people move at once: no object is lost, and none stands below itself; of "
                "the moves "
                "that would close a circle the latest gives way.",
     .examples = "dx object move notes 2-0-5f81 --parent 1-0-5f81",
     .run = dx_run_object_move},
    {.noun = "object",
     .verb = "apply",
     .arguments = {SPACE_ARGUMENT, OBJECT_ARGUMENT, {"JSON", "what is asked of it", false, false}},
     .sentence = "Ask something of an object that has a model of its own",
     .details =
         "A counter (object add --model dx/counter/1) takes a number to add; a list (dx/list/1) takes "
         "{\"insert\": 0, "
         "\"values\": [...]}, {\"delete\": 0}, {\"move\": 0, \"to\": 2} or {\"set\": 0, \"value\": ...}; an "
         "approval "
         "(dx/approval/1) [\"assign\", [{\"@ref\": ID}], 1], [\"submit\"], [\"approve\"], [\"reject\", "
         "\"why\"], [\"withdraw\"] or [\"reopen\"].",
     .examples = "dx object apply notes 2-0-5f81 5",
     .run = dx_run_object_apply},
    {.noun = "object",
     .verb = "ls",
     .alias = "list",
     .arguments = {SPACE_ARGUMENT},
     .options = {{"type", 0, "T", "only this type", false},
                 {"parent", 0, "ID", "only what belongs under this object", false},
                 {"limit", 0, "N", "at most so many", false},
                 {"deleted", 0, NULL, "deleted ones too", false}},
     .sentence = "List the objects of a space",
     .examples = "dx object ls notes --type task",
     .run = dx_run_object_ls},

    /* --- link --- */
    {.noun = "link",
     .verb = "add",
     .alias = "create",
     .arguments = {SPACE_ARGUMENT,
                   {"SOURCE", "the object it leads from", false, false},
                   {"TARGET", "the object it leads to", false, false}},
     .options = {{"type", 0, "T", "its type, a word of your own", false},
                 {"data", 0, "JSON", "keys and values of its own, or - to read them from stdin", false}},
     .sentence = "Add a link between two objects",
     .examples = "dx link add notes 2-0-5f81 3-0-5f81 --type before",
     .run = dx_run_link_add},
    {.noun = "link",
     .verb = "ls",
     .alias = "list",
     .arguments = {SPACE_ARGUMENT},
     .options = {{"source", 0, "ID", "only links from this object", false},
                 {"target", 0, "ID", "only links to this object", false},
                 {"type", 0, "T", "only this type", false},
                 {"limit", 0, "N", "at most so many", false}},
     .sentence = "List links",
     .examples = "dx link ls notes --target 3-0-5f81",
     .run = dx_run_link_ls},
    {.noun = "link",
     .verb = "rm",
     .alias = "delete",
     .arguments = {SPACE_ARGUMENT, {"ID", "the link's id", false, false}},
     .sentence = "Delete a link",
     .examples = "dx link rm notes 4-0-5f81",
     .run = dx_run_link_rm},

    /* --- schema --- */
    {.noun = "schema",
     .verb = "add",
     .alias = "create",
     .arguments = {SPACE_ARGUMENT,
                   TYPE_ARGUMENT,
                   {"JSON", "the definition, in the words of JSON Schema, or - to read it from stdin", false,
                    false}},
     .options = {{"version", 0, "N", "which version of the type it is; default: the next one", false},
                 {"migrate", 0, "JSON", "steps from the version before, for dx schema migrate", false}},
     .sentence = "Define a type: objects of it that are written from now on must be like that",
     .details =
         "Words that mean something: type, properties, required, enum, items, additionalProperties, minimum, "
         "maximum,\nminLength, maxLength, format (date-time), to (of a reference), default. Types beside "
         "JSON "
         "Schema's: bytes, time,\nreference. An object is well when it is as one version of its type says. "
         "What comes "
         "from others is never refused.\nSteps: {\"rename\": [FROM, TO]}, {\"default\": KEY, \"value\": "
         "VALUE}, "
         "{\"remove\": KEY}.",
     .examples =
         "dx schema add notes task '{\"required\": [\"title\"], \"properties\": {\"title\": {\"type\": "
         "\"string\"}}}'\n"
         "dx schema add notes task - --migrate '[{\"rename\": [\"title\", \"name\"]}]' <task.json",
     .run = dx_run_schema_add},
    {.noun = "schema",
     .verb = "list",
     .alias = "ls",
     .arguments = {SPACE_ARGUMENT, {"TYPE", "only this type", true, false}},
     .sentence = "List the definitions of a space, the newest version of each type first",
     .examples = "dx schema list notes\ndx schema list notes task --json | jq .schema",
     .run = dx_run_schema_list},
    {.noun = "schema",
     .verb = "rm",
     .alias = "delete",
     .arguments = {SPACE_ARGUMENT, TYPE_ARGUMENT},
     .options = {{"version", 0, "N", "which; default: the newest", false}},
     .sentence = "Take a definition away; objects stay as they are",
     .examples = "dx schema rm notes task --version 1",
     .run = dx_run_schema_rm},
    {.noun = "schema",
     .verb = "check",
     .arguments = {SPACE_ARGUMENT, {"TYPE", "only this type", true, false}},
     .sentence = "List the objects that are as no version of their type says, and why",
     .examples = "dx schema check notes",
     .run = dx_run_schema_check},
    {.noun = "schema",
     .verb = "migrate",
     .arguments = {SPACE_ARGUMENT, TYPE_ARGUMENT},
     .options = {{"version", 0, "N", "up to this version; default: the newest", false}},
     .sentence = "Take the objects of a type through the steps to a version, as ordinary changes",
     .details = "Done twice, or by two members at once, it is done once. Who changes an old key elsewhere at "
                "the same time "
                "competes\nwith it as with any other change.",
     .examples = "dx schema migrate notes task",
     .run = dx_run_schema_migrate},
    {.noun = "schema",
     .verb = "generate",
     .arguments = {SPACE_ARGUMENT, {"TYPE", "only this type", true, false}},
     .options = {{"c", 0, NULL, "structs of C, with what reads and writes them", false},
                 {"ts", 0, NULL, "interfaces of TypeScript", false}},
     .sentence = "Print types for programs, from the newest version of each definition",
     .examples = "dx schema generate notes --ts >types.ts\ndx schema generate notes task --c >task.h",
     .run = dx_run_schema_generate},

    /* --- questions and files --- */
    {.noun = "query",
     .arguments = {{"SPACE", "its name, its id, or the beginning of its id (4 digits or more)", true, false},
                   {"JSON", "the question, or - to read it from stdin", true, false}},
     .sentence = "Ask a space a question",
     .options = {{"explain", 0, NULL, "no rows: where it looked, at how much, and what would help", false},
                 POINT_OPTION("the answer as it was at this point"),
                 {"csv", 0, NULL, "comma-separated values with a heading: a column for each key found",
                  false},
                 {"space", 0, "SPACE", "ask this space, and others so named, in one answer", true},
                 {"all-spaces", 0, NULL, "ask all spaces of the vault in one answer", false}},
     .details =
         "A question is a JSON object; without one every object is found. Where to begin, all of it true at "
         "once: "
         "\"id\", \"type\",\n"
         "\"parent\", \"source\", \"target\", \"where\": {PATH: VALUE or {\"gt\": 2, \"le\": 9}, …}, \"or\": "
         "[…], \"not\": {…}, \"kind\":\n"
         "\"object\", \"link\" or \"any\", \"deleted\": \"hide\", \"show\" or \"only\". Operators: eq ne gt "
         "ge lt le "
         "prefix in has exists.\n"
         "Where to go from there, step by step: \"follow\": [{\"out\": TYPE}, {\"in\": TYPE}, {\"children\": "
         "true},\n"
         "{\"parent\": true}, {\"ref\": PATH}, {\"referrers\": PATH}], each with \"repeat\": HOPS to go on. "
         "A "
         "shortest way: \"path\":\n"
         "{\"to\": QUESTION, \"out\": TYPE, \"max\": HOPS}. And \"order\": PATH, \"group\": PATH, \"limit\": "
         "N, "
         "\"cursor\", \"ids\": true,\n"
         "\"count\": true.",
     .examples =
         "dx query packages '{\"type\": \"package\", \"where\": {\"name\": \"libc6\"}}'\n"
         "dx query packages '{\"where\": {\"name\": \"libc6\"}, \"follow\": [{\"in\": \"depends\"}]}'\n"
         "dx query packages '{\"where\": {\"name\": \"git\"}, \"path\": {\"to\": {\"where\": {\"name\": "
         "\"libc6\"}}}}'\n"
         "dx query packages '{\"type\": \"package\", \"where\": {\"size\": {\"gt\": 1000000}}, \"order\": "
         "\"size\", \"limit\": 10}'\n"
         "dx query packages '{\"type\": \"package\", \"where\": {\"name\": \"git\"}}' --explain\n"
         "dx query --all-spaces '{\"type\": \"task\", \"order\": \"due\", \"limit\": 10}'\n"
         "dx query tasks '{\"type\": \"task\", \"where\": {\"done\": false}}' --at 41\n"
         "dx query packages '{\"type\": \"package\"}' --csv >packages.csv",
     .run = dx_run_query},
    {.noun = "sql",
     .arguments = {SPACE_ARGUMENT,
                   {"STATEMENT", "a SELECT; without one, or with -, statements are read from stdin", true,
                    false}},
     .options = {{"value", 0, "JSON", "the value of ?1, of ?2 and so on", true},
                 {"csv", 0, NULL, "comma-separated values with a heading", false},
                 {"patience", 0, "S",
                  "how long the vault may be busy with it up to its next row: 2 (default) to 30 seconds",
                  false}},
     .sentence = "Ask a space in SQL, which reads only",
     .details = "What there is: objects(id, type, parent, data), links(id, type, source, target, data), and "
                "for each type of "
                "objects\n"
                "a table of its name, whose columns are the properties of its definition and of indexes. "
                "Deleted ones stand in\n"
                "all_objects and all_links; the table \"tables\" lists tables and columns. Data are JSON: "
                "data ->> '$.title'. "
                "Beside\n"
                "these each has size, model, made and author, and text to be matched with words, with rank "
                "and snippet, where "
                "a text\n"
                "index is. The SQL is SQLite's; nothing can be changed, and only functions that compute. A "
                "comparison with id, "
                "type,\n"
                "parent, source, target or an indexed property is quick; what works too long for its next "
                "row is ended "
                "(docs/spec/sql.md).",
     .examples =
         "dx sql packages 'SELECT type, count(*) FROM objects GROUP BY type'\n"
         "dx sql packages \"SELECT data ->> '$.name' FROM objects WHERE type = ?1\" --value '\"package\"'\n"
         "dx sql packages 'SELECT * FROM tables' --csv\n"
         "dx sql packages",
     .run = dx_run_sql},
    {.noun = "index",
     .verb = "add",
     .arguments = {SPACE_ARGUMENT,
                   {"TYPE", "of the objects", false, false},
                   {"PATH", "the property, as in a question's where", true, false}},
     .options = {{"text", 0, NULL, "in place of a path: the words of all its texts", false},
                 {"link", 0, NULL, "the type is one of links", false}},
     .sentence = "Keep a property of a type ready for questions",
     .details =
         "A question that asks for the type and that property is then answered from the index instead of by "
         "reading every object.\n"
         "It costs a little at each write. Only this vault has it; others in the space decide for "
         "themselves. "
         "Questions that are\n"
         "asked again and again make their own, up to eight.",
     .examples = "dx index add packages package name\n"
                 "dx index add packages package --text\n"
                 "dx query packages '{\"type\": \"package\", \"text\": \"text edit* -emacs\", \"snippet\": "
                 "true, \"limit\": 20}'",
     .run = dx_run_index_add},
    {.noun = "index",
     .verb = "list",
     .alias = "ls",
     .arguments = {SPACE_ARGUMENT},
     .sentence = "List what is kept ready, and whether it is built",
     .examples = "dx index ls packages",
     .run = dx_run_index_ls},
    {.noun = "index",
     .verb = "rm",
     .arguments = {SPACE_ARGUMENT,
                   {"TYPE", "of the objects", false, false},
                   {"PATH", "the property", true, false}},
     .options = {{"text", 0, NULL, "in place of a path: the words of all its texts", false},
                 {"link", 0, NULL, "the type is one of links", false}},
     .sentence = "Keep a property ready no more",
     .examples = "dx index rm packages package name",
     .run = dx_run_index_rm},
    {.noun = "watch",
     .arguments = {{"SPACE", "its name, its id, or the beginning of its id (4 digits or more)", true, false},
                   {"JSON", "only what this question finds", true, false}},
     .options = {{"space", 0, "SPACE", "of this space, and others so named", true},
                 {"all-spaces", 0, NULL, "of all spaces of the vault, also those to come", false}},
     .sentence = "Tell what changes in a space, one line per change, until Ctrl-C",
     .examples = "dx watch notes\ndx watch notes '{\"type\": \"task\"}' --json\ndx watch --all-spaces "
                 "'{\"type\": \"task\"}'",
     .run = dx_run_watch},
    {.noun = "history",
     .arguments = {SPACE_ARGUMENT,
                   {"ID", "an object or link; without one, what happened in the whole space", true, false}},
     .options = {{"limit", 0, "N", "at most so many (100)", false},
                 {"before", 0, "POINT", "only what is older than this point", false},
                 {"from", 0, "POINT", "what is otherwise than at this point", false},
                 {"to", 0, "POINT", "with --from: than at that one, not than now", false}},
     .sentence = "List what changed a space, an object or a link, the newest first",
     .details = "Every change has a point (AT): its place in the one order of all changes that every "
                "member's vault agrees\n"
                "on. What it was at a point: dx object get --at. Back to it: dx object restore --at. TIME is "
                "the clock of\n"
                "whoever wrote, and may be wrong; it decides nothing.",
     .examples = "dx history notes\ndx history notes 2-0-5f81\ndx history notes 2-0-5f81 --json | jq -r .at",
     .run = dx_run_history},
    {.noun = "undo",
     .arguments = {SPACE_ARGUMENT},
     .options = {{"force", 'f', NULL, "whatever definitions and strong references say", false}},
     .sentence = "Take back what this device last did in a space",
     .details = "One step: everything one command changed, objects and links alike. What somebody else wrote "
                "stays (KEPT counts\n"
                "the objects where that was in the way). Asked again it takes back the step before; dx redo "
                "does it again.",
     .examples = "dx undo notes",
     .run = dx_run_undo},
    {.noun = "redo",
     .arguments = {SPACE_ARGUMENT},
     .options = {{"force", 'f', NULL, "whatever definitions and strong references say", false}},
     .sentence = "Do again what dx undo took back",
     .examples = "dx redo notes",
     .run = dx_run_redo},
    {.noun = "import",
     .arguments = {SPACE_ARGUMENT,
                   {"FILE", "lines of JSON or dpkg's status file, plain or .gz; - is stdin", false, false}},
     .options = {{"type", 0, "T", "type of the new objects", false},
                 {"key", 0, "FIELD", "the field by which others refer to an object", false},
                 {"link", 0, "FIELD", "a field with names of others, which become links of that type", true},
                 {"anew", 0, NULL, "begin again where an import of this file was ended", false}},
     .sentence = "Bring in objects and links from a file",
     .details =
         "A line is either what dx export writes (ids become new ones; links, parents "
         "and references follow), or "
         "a JSON object\n"
         "of your own, mapped by the options. Names that resolve to nothing stay in the object; the "
         "same link named\n"
         "twice is made once. A file that dpkg keeps (/var/lib/dpkg/status) is known by its form: "
         "installed packages\n"
         "become objects of type \"package\" with links \"depends\"; a virtual package means who "
         "provides it, and of\n"
         "alternatives the first counts. A line that is refused is told with its number, and the exit "
         "code is 10.\n"
         "An import that was ended (Ctrl-C, a full disk, kill -9, no power) goes on when the same command "
         "is run again,\n"
         "and makes nothing twice.",
     .examples = "dx import packages /var/lib/dpkg/status\n"
                 "dx import packages packages.jsonl.gz --type package --key name --link depends\n"
                 "dx export notes | dx --profile other import notes -",
     .run = dx_run_import},
    {.noun = "export",
     .arguments = {SPACE_ARGUMENT},
     .sentence = "Write all objects and links of a space as lines of JSON",
     .examples = "dx export notes >notes.jsonl\ndx export notes | gzip >notes.jsonl.gz",
     .run = dx_run_export},

    /* --- network --- */
    {.noun = "peer",
     .verb = "list",
     .alias = "ls",
     .sentence = "List peers and addresses, and why one cannot be reached",
     .examples = "dx peer list",
     .run = dx_run_peer_list},
    {.noun = "peer",
     .verb = "connect",
     .arguments = {SPACE_ARGUMENT, {"ADDRESS", "HOST:PORT of a member of that space", false, false}},
     .sentence = "Look for a peer of a space at an address",
     .examples = "dx peer connect notes 192.0.2.7:4100",
     .run = dx_run_peer_connect},
    {.noun = "app",
     .verb = "list",
     .alias = "ls",
     .sentence = "List apps that have a grant or ask for one",
     .examples = "dx app ls",
     .run = dx_run_app_list},
    {.noun = "app",
     .verb = "grant",
     .arguments = {{"ORIGIN", "whose app it is, as in https://todo.example", false, false},
                   {"RIGHT", "identity, create, all:LEVEL, or SPACE=LEVEL", true, true}},
     .sentence = "Say what an app may; this takes the place of what it might before",
     .details =
         "A level is read, write or share, each with those before it. identity: your name and key; create: "
         "make and\n"
         "join spaces, which are then the app's. Of what an app says of itself only the origin is true.",
     .examples =
         "dx app grant https://todo.example create notes=write\ndx app grant https://todo.example all:read",
     .run = dx_run_app_grant},
    {.noun = "app",
     .verb = "refuse",
     .arguments = {{"ORIGIN", "whose app it is", false, false}},
     .sentence = "Say no to what an app asks",
     .examples = "dx app refuse https://todo.example",
     .run = dx_run_app_refuse},
    {.noun = "app",
     .verb = "revoke",
     .alias = "rm",
     .arguments = {{"ORIGIN", "whose app it is", false, false}},
     .sentence = "Take an app's grant away; what it does ends at once",
     .examples = "dx app revoke https://todo.example",
     .run = dx_run_app_revoke},
    {.noun = "signal",
     .verb = "add",
     .arguments = {{"URL", "a signaling service, as in wss://HOST/.well-known/dx/signal", false, false}},
     .sentence = "Look for peers at a signaling service",
     .details = "Peers that cannot dial each other meet there and then connect directly. The service learns "
                "neither who\n"
                "you are nor what you share; invitations name it, so that guests look there too.",
     .examples = "dx signal add wss://kube.example.org/.well-known/dx/signal",
     .run = dx_run_signal_add},
    {.noun = "signal",
     .verb = "rm",
     .alias = "remove",
     .arguments = {{"URL", "the service", false, false}},
     .sentence = "Use a signaling service no more",
     .examples = "dx signal rm wss://kube.example.org/.well-known/dx/signal",
     .run = dx_run_signal_rm},
    {.noun = "signal",
     .verb = "list",
     .alias = "ls",
     .sentence = "List signaling services, and why one cannot be used",
     .examples = "dx signal list",
     .run = dx_run_signal_list},
    {.noun = "agent",
     .verb = "start",
     .options = {{"foreground", 'f', NULL, "stay in this terminal", false},
                 {"listen", 0, "HOST:PORT", "where peers may come in; port 0 picks one and keeps it", false}},
     .sentence = "Start the agent of this vault; returns once it listens",
     .details = "The agent holds the vault, speaks to peers and serves other `dx` commands. Without it each "
                "command opens\n"
                "the vault itself. By default it listens on 127.0.0.1 only; name an address others can reach "
                "to let\n"
                "them in.",
     .examples = "dx agent start\ndx agent start --listen 0.0.0.0:4100\ndx agent start -f",
     .run = dx_run_agent_start},
    {.noun = "agent",
     .verb = "stop",
     .sentence = "Stop the agent of this vault",
     .examples = "dx agent stop",
     .run = dx_run_agent_stop},
    {.noun = "agent",
     .verb = "status",
     .sentence = "Show whether the agent runs, and where it listens",
     .examples = "dx agent status",
     .run = dx_run_agent_status},

    {.noun = "kube",
     .verb = "start",
     .options = {{"foreground", 'f', NULL, "stay in this terminal, and tell each request", false},
                 {"host", 0, "NAME",
                  "sites are at SITE.NAME; default kube.localhost; WORD means WORD.localhost", false},
                 {"port", 0, "N", "default 8100, or a free one that is kept", false},
                 {"cert", 0, "FILE", "certificate in PEM for NAME and *.NAME: HTTPS, for everybody", false},
                 {"key", 0, "FILE", "its private key in PEM", false},
                 {"allow", 0, "ORIGIN", "pages from there may use signaling and frame the vault", true},
                 {"web", 0, "DIR", "sites: each folder in it is one (DX_WEB); default: the installed ones",
                  false}},
     .sentence = "Start the kube of this profile; returns once it listens",
     .details = "The vault page is at halo.NAME, an app at APP.NAME. Without a certificate it listens on "
                "this machine\n"
                "only: browsers give a page storage and workers over HTTPS, or under localhost. It holds no "
                "vault and no\n"
                "key. SIGHUP makes it read sites and certificate anew.",
     .examples = "dx kube start\ndx kube start -f --web build/web\n"
                 "dx kube start --host kube.example.org --port 443 --cert fullchain.pem --key privkey.pem",
     .run = dx_run_kube_start},
    {.noun = "kube",
     .verb = "stop",
     .sentence = "Stop the kube of this profile",
     .examples = "dx kube stop",
     .run = dx_run_kube_stop},
    {.noun = "kube",
     .verb = "status",
     .sentence = "Show whether the kube runs, where, and how many it serves",
     .examples = "dx kube status\ndx kube status --json",
     .run = dx_run_kube_status},

    /* --- this program --- */
    {.noun = "inspect",
     .arguments = {SPACE_ARGUMENT,
                   {"WHAT", "feeds (without it), feed, block, credentials or object", true, false},
                   {"ID", "of the feed or the object; of a feed the beginning will do", true, false},
                   {"SEQ", "of the block in its feed, from 0", true, false}},
     .options = {{"limit", 0, "N", "at most so many credentials or registers (1000)", false},
                 {"after", 0, "ID", "only credentials after this one, registers after this path", false}},
     .sentence = "Look inside a space: feeds, blocks, credentials, an object's registers",
     .details =
         "It reads only, and shows no key. A section of a block is shown as it says where its key is here\n"
         "(docs/spec/section.md); an object's registers with their stamps and with who wrote them.",
     .examples = "dx inspect notes\ndx inspect notes block 5f81 2\ndx inspect notes credentials\n"
                 "dx inspect notes object 2-0-5f81",
     .run = dx_run_inspect},
    {.noun = "status",
     .sentence = "Show the state of this vault on one screen",
     .examples = "dx status",
     .run = dx_run_status},
    {.noun = "doctor",
     .sentence = "Look for what is wrong, and say how to mend it",
     .examples = "dx doctor",
     .run = dx_run_doctor},
    {.noun = "api",
     .arguments = {{"JSON", "a command of the vault protocol, or - to read it from stdin", false, false}},
     .sentence = "Send any command of the vault protocol and print its answers as JSON",
     .examples = "dx api '{\"do\": \"space.list\"}'",
     .run = dx_run_api},
    {.noun = "completion",
     .arguments = {{"SHELL", "bash, zsh or fish", false, false}},
     .sentence = "Print completion for a shell",
     .examples = "source <(dx completion bash)\n"
                 "dx completion zsh >~/.zfunc/_dx\n"
                 "dx completion fish >~/.config/fish/completions/dx.fish",
     .run = dx_run_completion},
    {.noun = "version",
     .sentence = "Show what this program is",
     .examples = "dx version --json",
     .run = dx_run_version},
    {.noun = "help",
     .arguments = {{"TOPIC", "a command, or: exit-codes, environment, formats", true, true}},
     .sentence = "Show help on a command or a topic",
     .examples = "dx help space share\ndx help exit-codes",
     .run = dx_run_help},
    {.noun = "complete",
     .arguments = {{"WORD", "the words typed so far, the last one unfinished", true, true}},
     .sentence = "Print what may come next, for the completion scripts",
     .hidden = true,
     .raw = true,
     .run = dx_run_complete},
    {.noun = "manual",
     .arguments = {{"PAGE", "dx, or dx-NOUN; without it the pages are listed", true, false}},
     .sentence = "Print a man page",
     .hidden = true,
     .run = dx_run_manual},
    {.noun = NULL},
};

/* --- Finding
 * ------------------------------------------------------------------------------------------------ */

size_t dx_verb_argument_count(const dx_verb *verb) {
    size_t count = 0;
    while (count < DX_VERB_ARGUMENTS_MAX && verb->arguments[count].name != NULL) {
        count++;
    }
    return count;
}

size_t dx_verb_option_count(const dx_verb *verb) {
    size_t count = 0;
    while (count < DX_VERB_OPTIONS_MAX && verb->options[count].name != NULL) {
        count++;
    }
    return count;
}

const dx_verb *dx_verb_find(const char *noun, const char *verb) {
    for (const dx_verb *row = dx_verbs; row->noun != NULL; row++) {
        if (strcmp(row->noun, noun) != 0 || (row->verb == NULL) != (verb == NULL)) {
            continue;
        }
        if (verb == NULL || strcmp(row->verb, verb) == 0 ||
            (row->alias != NULL && strcmp(row->alias, verb) == 0)) {
            return row;
        }
    }
    return NULL;
}

bool dx_noun_exists(const char *noun) {
    for (const dx_verb *row = dx_verbs; row->noun != NULL; row++) {
        if (strcmp(row->noun, noun) == 0) {
            return true;
        }
    }
    return false;
}

/* --- Did you mean
 * ------------------------------------------------------------------------------------------- */

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Damerau's distance with three rows; words longer than the rows are never near anything. */
size_t dx_word_distance(const char *a, const char *b, size_t limit) {
    enum { WORD_MAX = 31 };
    size_t rows[3][WORD_MAX + 1], a_size = strlen(a), b_size = strlen(b);
    if (a_size > WORD_MAX || b_size > WORD_MAX) {
        return limit + 1;
    }
    for (size_t j = 0; j <= b_size; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_size; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t change = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = least(change, least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = least(row[j], two_above[j - 2] + 1);
            }
        }
    }
    return least(rows[a_size % 3][b_size], limit + 1);
}

enum { SHORTENED_MIN = 2 };

const char *dx_verb_guess(const char *noun, const char *word) {
    size_t limit = strlen(word) < 5 ? 1 : 2, nearest = limit + 1;
    const char *guess = NULL;
    for (const dx_verb *row = dx_verbs; row->noun != NULL; row++) {
        const char *candidate = noun == NULL ? row->noun : row->verb;
        if (row->hidden || candidate == NULL || (noun != NULL && strcmp(noun, row->noun) != 0)) {
            continue;
        }
        size_t distance = dx_word_distance(word, candidate, limit), size = strlen(word);
        if (size >= SHORTENED_MIN && strncmp(word, candidate, size) == 0) {
            distance = 0; /* cut short, as in other commands */
        }
        if (distance < nearest) {
            nearest = distance;
            guess = candidate;
        }
    }
    return guess;
}
