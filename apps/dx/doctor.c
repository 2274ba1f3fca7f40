/* dx/doctor.c: `dx doctor`: looks at everything a vault stands on, and says how to mend what is wrong.
 *
 * It reads and asks, and changes nothing. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "progress.h"
#include "terminal.h"
#include "vault.h"

enum { FINDINGS_MAX = 16, WORDS_MAX = 400, DISK_LOW_MB = 200, ASK_MS = 5000 };

typedef enum dx_health { DX_HEALTH_GOOD, DX_HEALTH_NOTICE, DX_HEALTH_BAD } dx_health;

typedef struct dx_finding {
    const char *check;
    dx_health health;
    char words[WORDS_MAX], remedy[WORDS_MAX];
} dx_finding;

typedef struct dx_examination {
    dx_invocation *run;
    dx_vault_folder folder;
    dx_finding findings[FINDINGS_MAX];
    size_t count;
} dx_examination;

static void find(dx_examination *exam, const char *check, dx_health health, const char *remedy,
                 const char *format, ...) DX_PRINTF(5, 6);

static void find(dx_examination *exam, const char *check, dx_health health, const char *remedy,
                 const char *format, ...) {
    if (exam->count == FINDINGS_MAX) {
        return;
    }
    dx_finding *finding = &exam->findings[exam->count++];
    va_list arguments;
    finding->check = check;
    finding->health = health;
    snprintf(finding->remedy, sizeof finding->remedy, "%s", remedy == NULL ? "" : remedy);
    va_start(arguments, format);
    vsnprintf(finding->words, sizeof finding->words, format, arguments);
    va_end(arguments);
}

/* --- Files
 * ---------------------------------------------------------------------------------------------------- */

static void examine_path(dx_examination *exam, const char *check, const char *path, unsigned needed,
                         const char *right) {
    enum { STRANGERS = 077 };
    struct stat info;
    char remedy[DX_PATH_MAX + 32];
    snprintf(remedy, sizeof remedy, "chmod %s %s", right, path);
    if (stat(path, &info) != 0) {
        snprintf(remedy, sizeof remedy, "chmod 700 %s", exam->folder.path);
        find(exam, check, DX_HEALTH_BAD, errno == EACCES ? remedy : "put it back from a backup", "%s: %s",
             path, strerror(errno));
    } else if ((needed & S_IXUSR) != 0 && !S_ISDIR(info.st_mode)) {
        find(exam, check, DX_HEALTH_BAD, "--vault with a folder", "%s is a file, not a folder", path);
    } else if (info.st_uid != getuid()) {
        find(exam, check, DX_HEALTH_BAD, "run dx as its owner", "%s belongs to user %lu", path,
             (unsigned long)info.st_uid);
    } else if ((info.st_mode & needed) != needed) {
        find(exam, check, DX_HEALTH_BAD, remedy, "%s is closed to its owner (%03o)", path,
             (unsigned)info.st_mode & 0777);
    } else if ((info.st_mode & STRANGERS) != 0) {
        find(exam, check, DX_HEALTH_BAD, remedy, "%s is open to others (%03o)", path,
             (unsigned)info.st_mode & 0777);
    } else {
        find(exam, check, DX_HEALTH_GOOD, NULL, "%s is yours alone (%03o)", path,
             (unsigned)info.st_mode & 0777);
    }
}

static void examine_disk(dx_examination *exam) {
    struct statvfs disk;
    if (statvfs(exam->folder.path, &disk) != 0) {
        find(exam, "disk", DX_HEALTH_BAD, NULL, "%s: %s", exam->folder.path, strerror(errno));
        return;
    }
    double free_mb = (double)disk.f_bavail * (double)disk.f_frsize / 1e6;
    find(exam, "disk", free_mb < DISK_LOW_MB ? DX_HEALTH_BAD : DX_HEALTH_GOOD,
         free_mb < DISK_LOW_MB ? "make room on this disk" : NULL, "%.0f MB are free", free_mb);
}

static void examine_clock(dx_examination *exam) {
    struct stat info;
    time_t now = time(NULL);
    if (stat(exam->folder.store, &info) == 0 && now + 60 < info.st_mtime) {
        find(exam, "clock", DX_HEALTH_BAD, "set this machine's clock",
             "the clock stands before the vault's last change; invitations would expire wrongly");
        return;
    }
    char words[64];
    struct tm utc;
    strftime(words, sizeof words, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    find(exam, "clock", DX_HEALTH_GOOD, NULL, "%s, not before the vault's last change", words);
}

/* --- The vault itself
 * ------------------------------------------------------------------------------------------- */

static void examine_answer(dx_examination *exam, dx_bytes status) {
    bool clone = dx_item_bool(dx_item_get(dx_item_get(status, "vault"), "clone"), false);
    dx_bytes name = dx_item_text(dx_item_get(status, "name")), address = dx_reply_listen(status);
    if (dx_item_bool(dx_item_get(dx_item_get(status, "vault"), "read_only"), false)) {
        find(exam, "writing", DX_HEALTH_BAD, "make room on its disk",
             "the vault's disk is full: the vault is open for reading only");
    }
    find(exam, "clone guard", clone ? DX_HEALTH_NOTICE : DX_HEALTH_GOOD, NULL, "%s",
         clone ? "this vault was copied, restored or moved: it writes in new feeds, nothing is lost"
               : "the vault is where it was and as it was left");
    if (name.size > 0) {
        find(exam, "identity", DX_HEALTH_GOOD, NULL, "%.*s", (int)name.size, (const char *)name.data);
    } else {
        find(exam, "identity", DX_HEALTH_NOTICE, "dx halo create NAME", "there is none yet");
    }
    if (address.size > 0) {
        bool here = dx_address_is_here(address);
        find(exam, "listening", here ? DX_HEALTH_NOTICE : DX_HEALTH_GOOD,
             here ? "dx agent stop; dx agent start --listen 0.0.0.0:0" : NULL,
             here ? "on %.*s: only programs of this machine can come in" : "on %.*s", (int)address.size,
             (const char *)address.data);
    } else {
        find(exam, "listening", DX_HEALTH_NOTICE, "dx agent start", "nowhere: peers cannot come in");
    }
}

/* What is known of ways to others. */
typedef struct dx_reach {
    size_t peers, failed;
    char words[WORDS_MAX];
} dx_reach;

static void take_way(void *ctx, bool last, dx_bytes row) {
    dx_reach *reach = ctx;
    dx_bytes why = dx_item_text(dx_item_get(row, "why")), error = dx_item_text(dx_item_get(row, "error"));
    dx_bytes address = dx_item_text(dx_item_get(row, "address"));
    if (last) {
        return;
    }
    reach->peers += dx_item_get(row, "peer").size > 0;
    if (error.size > 0 &&
        !dx_bytes_equal(dx_item_text(dx_item_get(row, "state")), dx_bytes_text("connected"))) {
        dx_bytes said = why.size > 0 ? why : error;
        if (reach->failed++ == 0 || why.size > 0) {
            snprintf(reach->words, sizeof reach->words, "%.*s: %.*s", (int)address.size,
                     (const char *)address.data, (int)said.size, (const char *)said.data);
        }
    }
}

/* Who is here, and why others are not. */
static void examine_peers(dx_examination *exam) {
    dx_reach reach = {0};
    dx_map_builder command;
    dx_buf body, reply;
    int error = DX_E_INVALID;
    dx_command_begin(&command, "peer.list");
    dx_buf_init(&reply, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
    if (dx_command_finish(exam->run, &command, &body) == DX_EXIT_OK) {
        error = dx_client_call(exam->run->client, dx_buf_view(&body), take_way, &reach, ASK_MS, &reply);
    }
    if (error == DX_OK && reach.failed > 0) {
        find(exam, "peers", DX_HEALTH_NOTICE, "dx peer list", "%zu connected, %zu not reached; %s",
             reach.peers, reach.failed, reach.words);
    } else if (error == DX_OK) {
        find(exam, "peers", DX_HEALTH_GOOD, NULL, "%zu connected", reach.peers);
    }
    dx_buf_deinit(&reply);
    dx_buf_deinit(&body);
}

static void show_checking(void *ctx, bool last, dx_bytes body) {
    (void)last;
    dx_progress_update(ctx, (uint64_t)dx_item_int(dx_item_get(body, "done"), 0),
                       (uint64_t)dx_item_int(dx_item_get(body, "total"), 0));
}

/* What the answer to vault.check says. */
static void find_content(dx_examination *exam, int error, dx_bytes reply) {
    dx_bytes refusal = dx_reply_error(reply);
    int code = error != DX_OK ? error : (int)dx_item_int(dx_item_get(refusal, "code"), DX_OK);
    dx_bytes message = dx_item_text(dx_item_get(refusal, "message")),
             remedy = dx_item_text(dx_item_get(refusal, "try"));
    char words[WORDS_MAX];
    if (code == DX_OK) {
        find(exam, "content", DX_HEALTH_GOOD, NULL, "all %lld pages are whole, and agree",
             (long long)dx_item_int(dx_item_get(reply, "pages"), 0));
    } else if (code == DX_E_UNSUPPORTED) {
        find(exam, "content", DX_HEALTH_NOTICE, "dx agent stop; dx agent start",
             "the agent is of an older version and cannot look it over");
    } else if (code == DX_E_TIMEOUT) {
        find(exam, "content", DX_HEALTH_NOTICE, "a larger --timeout",
             "the time given was too short to read it all");
    } else {
        snprintf(words, sizeof words, "%.*s", (int)remedy.size,
                 remedy.size == 0 ? "" : (const char *)remedy.data);
        find(exam, "content", DX_HEALTH_BAD, words, "%s: %.*s", exam->folder.store,
             message.size > 0 ? (int)message.size : (int)strlen(dx_error_text(code)),
             message.size > 0 ? (const char *)message.data : dx_error_text(code));
    }
}

/* Every page is read, whatever the rest of this program needs of the vault. */
static void examine_content(dx_examination *exam) {
    dx_invocation *run = exam->run;
    dx_progress progress;
    dx_map_builder command;
    dx_buf body, reply;
    dx_progress_begin(&progress, &run->output, "reading the vault");
    dx_command_begin(&command, "vault.check");
    dx_buf_init(&reply, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
    if (dx_command_finish(run, &command, &body) == DX_EXIT_OK) {
        int error = dx_client_call(run->client, dx_buf_view(&body), show_checking, &progress,
                                   dx_vault_left_ms(run), &reply);
        dx_progress_clear(&progress);
        find_content(exam, error, dx_buf_view(&reply));
    }
    dx_buf_deinit(&reply);
    dx_buf_deinit(&body);
}

static const char *unopened_remedy(int error) {
    switch (error) {
    case DX_E_BUSY:
        return "wait for that process, or end it";
    case DX_E_CORRUPT:
        return "put a backup of the folder in its place; without one, move it aside, make a new vault and "
               "join its "
               "spaces again: members have them";
    case DX_E_NO_SPACE:
        return "make room on its disk";
    case DX_E_VERSION:
        return "a newer dx";
    case DX_E_DENIED:
        return "give its owner the rights named above, or run dx as its owner";
    default:
        return "look after what the message names";
    }
}

/* error: of asking for the status. */
static void find_agent(dx_examination *exam, bool agent, int pid, int error) {
    char remedy[64];
    snprintf(remedy, sizeof remedy, "kill %d; dx agent start", pid);
    if (!agent) {
        find(exam, "agent", DX_HEALTH_NOTICE, "dx agent start",
             "not running: the vault is in step only while dx runs");
    } else if (error == DX_OK) {
        find(exam, "agent", DX_HEALTH_GOOD, NULL, "it runs and answers");
    } else {
        find(exam, "agent", DX_HEALTH_BAD, remedy,
             "process %d listens on its socket, but does not answer as an agent of this version does", pid);
    }
}

static void examine_vault(dx_examination *exam) {
    char message[DX_HOST_MESSAGE_MAX] = "";
    dx_invocation *run = exam->run;
    dx_client_options options = {.vault = run->vault, .profile = run->profile};
    int pid = 0;
    if (dx_agent_pid(run->vault, run->profile, &pid) != DX_OK) {
        pid = 0;
    }
    int error = dx_client_open(&options, &run->client, message);
    if (error != DX_OK) {
        find(exam, "vault", DX_HEALTH_BAD, unopened_remedy(error), "%s",
             message[0] == 0 ? dx_error_text(error) : message);
        return;
    }
    bool agent = dx_client_has_agent(run->client);
    dx_map_builder command;
    dx_buf body, reply;
    dx_command_begin(&command, "status");
    dx_buf_init(&reply, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
    if (dx_command_finish(run, &command, &body) == DX_EXIT_OK) {
        error = dx_client_call(run->client, dx_buf_view(&body), NULL, NULL, ASK_MS, &reply);
        find_agent(exam, agent, pid, error);
        find(exam, "vault", error == DX_OK ? DX_HEALTH_GOOD : DX_HEALTH_BAD,
             error == DX_OK ? NULL : "dx doctor once more, when that is mended", "%s",
             error == DX_OK ? "it opens and answers"
             : agent        ? "only its agent could tell, and does not"
                            : dx_error_text(error));
    }
    if (error == DX_OK) {
        examine_answer(exam, dx_buf_view(&reply));
        examine_peers(exam);
        examine_content(exam);
    }
    dx_buf_deinit(&reply);
    dx_buf_deinit(&body);
}

/* --- Telling
 * ----------------------------------------------------------------------------------------------------- */

static const char *health_name(dx_health health) {
    return health == DX_HEALTH_GOOD ? "ok" : health == DX_HEALTH_NOTICE ? "notice" : "bad";
}

static void write_finding(const dx_finding *finding, dx_writer *out) {
    dx_map_builder map;
    dx_map_builder_init(&map, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
    dx_command_text(&map, "check", finding->check);
    dx_command_text(&map, "health", health_name(finding->health));
    dx_output_write_words(dx_map_builder_key(&map, "message"), finding->words);
    if (finding->remedy[0] != 0) {
        dx_output_write_words(dx_map_builder_key(&map, "try"), finding->remedy);
    }
    dx_map_builder_finish(&map, out);
}

static void print_json(const dx_examination *exam, bool well) {
    dx_map_builder map;
    dx_buf item;
    dx_writer writer;
    dx_map_builder_init(&map, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
    dx_write_bool(dx_map_builder_key(&map, "ok"), well);
    dx_writer *list = dx_map_builder_key(&map, "checks");
    dx_write_array(list, exam->count);
    for (size_t i = 0; i < exam->count; i++) {
        write_finding(&exam->findings[i], list);
    }
    dx_buf_init(&item, dx_host_alloc(), DX_COMMAND_SIZE_MAX);
    dx_writer_init(&writer, &item);
    dx_map_builder_finish(&map, &writer);
    if (dx_writer_finish(&writer) == DX_OK) {
        dx_output_json(&exam->run->output, dx_buf_view(&item));
    }
    dx_buf_deinit(&item);
}

static void print_words(const dx_examination *exam) {
    static const char *const colours[] = {"\033[32m", "\033[33m", "\033[31m"};
    const dx_output *output = &exam->run->output;
    size_t columns = output->table ? dx_terminal_wrap_columns(STDOUT_FILENO) : SIZE_MAX;
    for (size_t i = 0; i < exam->count; i++) {
        const dx_finding *finding = &exam->findings[i];
        dx_buf line;
        dx_buf_init(&line, dx_host_alloc(), WORDS_MAX * 8);
        dx_terminal_text(dx_bytes_text(finding->words), SIZE_MAX, &line);
        char text[WORDS_MAX * 4];
        int used = snprintf(text, sizeof text, output->table ? "%s%-7s%s %-12s %.*s" : "%s%s%s\t%s\t%.*s",
                            output->colour ? colours[finding->health] : "", health_name(finding->health),
                            output->colour ? "\033[0m" : "", finding->check, (int)line.size,
                            (const char *)line.data);
        size_t end = (size_t)used < sizeof text ? (size_t)used : sizeof text - 1;
        snprintf(text + end, sizeof text - end, finding->remedy[0] == 0 ? "%s\n" : "; try: %s\n",
                 finding->remedy);
        dx_terminal_wrap(text, columns, stdout);
        dx_buf_deinit(&line);
    }
}

int dx_run_doctor(dx_invocation *run) {
    dx_examination exam = {.run = run};
    struct stat info;
    if (dx_vault_folder_find(run->vault, run->profile, &exam.folder) != DX_OK) {
        return dx_fail(run, DX_E_INVALID, "dx doctor --profile NAME",
                       "that cannot be the name of a vault or profile");
    }
    if (stat(exam.folder.path, &info) != 0) {
        return dx_fail(run, DX_E_NO_IDENTITY, "dx halo create NAME", "there is no vault in %s",
                       exam.folder.path);
    }
    examine_path(&exam, "folder", exam.folder.path, 0700, "700");
    examine_path(&exam, "key", exam.folder.key, 0400, "600");
    examine_path(&exam, "file", exam.folder.store, 0600, "600");
    find(&exam, "passphrase", DX_HEALTH_NOTICE, NULL,
         "the key lies beside the vault and is not protected by a passphrase yet: keep others off this "
         "account");
    examine_disk(&exam);
    examine_clock(&exam);
    examine_vault(&exam);
    bool well = true;
    for (size_t i = 0; i < exam.count; i++) {
        well = well && exam.findings[i].health != DX_HEALTH_BAD;
    }
    if (run->output.json) {
        print_json(&exam, well);
    } else {
        print_words(&exam);
    }
    return well ? DX_EXIT_OK : DX_EXIT_FAILURE;
}
