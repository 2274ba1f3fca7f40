/* dx/verbs_program.c: what `dx` can be asked about the network and this program. See verbs.h. */
#include "verb_rows.h"

const dx_verb dx_program_verbs[] = {
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
                   {"WHAT", "feeds (without it), space, feed, block, holes, purges, credentials or object",
                    true, false},
                   {"ID", "of the feed or the object; of a feed the beginning will do", true, false},
                   {"SEQ", "of the block in its feed, from 0", true, false}},
     .options = {{"limit", 0, "N", "at most so many credentials, holes, purges or registers (1000)", false},
                 {"after", 0, "ID",
                  "only credentials or purges after this one, registers after this path, blocks with holes "
                  "after this place",
                  false}},
     .sentence = "Look inside a space: feeds, blocks, holes, credentials, an object's registers",
     .details =
         "It reads only, and shows no key. A section of a block is shown as it says where its key is here\n"
         "(docs/spec/section.md), with whose it is; of others only a hash is here (a hole): purged, outside "
         "of\n"
         "the part that this vault keeps, or missing. An object's registers come with their stamps and with\n"
         "who wrote them.",
     .examples = "dx inspect notes\ndx inspect notes block 5f81 2\ndx inspect notes credentials\n"
                 "dx inspect notes space\ndx inspect notes holes --limit 20\n"
                 "dx inspect notes object 2-0-5f81",
     .run = dx_run_inspect},
    {.noun = "vault",
     .verb = "compact",
     .sentence = "Make the vault's file as small as what is in it",
     .details =
         "What was dropped or purged leaves room in the file, which later writing takes. This gives it back "
         "to "
         "the\n"
         "disk. For the time it takes, what is left needs its size once more on the disk, and in memory; "
         "the\n"
         "vault answers nobody else meanwhile. A small vault does it by itself while nobody waits, when more "
         "than\n"
         "half of its file is unused.",
     .examples = "dx vault compact",
     .run = dx_run_vault_compact},

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
