/* dx/verbs_question.c: questions, history, and what goes in and out of files. See verbs.h. */
#include "verb_rows.h"

const dx_verb dx_question_verbs[] = {
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
    {.noun = NULL},
};
