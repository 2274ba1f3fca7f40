/* Flipped bits in the files of a real vault: refused, told, or harmless; never a wrong answer. The vault of a
 * closed program and that of a killed one with its log are damaged at places drawn from a seed; after each flip
 * the vault is opened, everything is asked for and looked over, and the files are put back.
 *
 * DX_FLIPS=N asks for another number than 180 per file, DX_SEED for other places. */
#include "scene.h"

#include "host.h"

enum { FLIPS = 180, OBJECTS = 150, TEXT_SIZE = 700 };

static test_random dice;
static int flips_wanted;

static uint64_t roll(uint64_t bound) {
    return test_random_next(&dice) % bound;
}

/* --- The vault and its copy ------------------------------------------------------------------------------ */

typedef struct kept_file {
    char path[DX_PATH_MAX];
    uint8_t *data;
    size_t size;
    bool there;
} kept_file;

/* Vault file, log, guard: put back in place, so that inode and token are what they were. */
typedef struct kept_vault {
    char folder[DX_PATH_MAX];
    kept_file files[3];
} kept_vault;

enum { STORE, LOG, GUARD };

static void keep_file(kept_file *file, const char *path, const char *ending) {
    snprintf(file->path, sizeof file->path, "%s%s", path, ending);
    struct stat info;
    file->there = stat(file->path, &info) == 0;
    if (!file->there) {
        return;
    }
    int fd = open(file->path, O_RDONLY);
    file->size = (size_t)info.st_size;
    file->data = malloc(file->size + 1);
    assert_non_null(file->data);
    assert_int_equal(read(fd, file->data, file->size), (ssize_t)file->size);
    close(fd);
}

static void keep_vault(kept_vault *kept, const char *vault) {
    dx_vault_folder folder;
    assert_int_equal(dx_vault_folder_find(vault, NULL, &folder), DX_OK);
    memset(kept, 0, sizeof *kept);
    snprintf(kept->folder, sizeof kept->folder, "%s", folder.path);
    keep_file(&kept->files[STORE], folder.store, "");
    keep_file(&kept->files[LOG], folder.store, "-wal");
    keep_file(&kept->files[GUARD], folder.guard, "");
}

/* As it was kept, but for one bit of one file. */
static void put_back(const kept_vault *kept, int damaged, size_t offset, unsigned bit) {
    for (int i = 0; i < 3; i++) {
        const kept_file *file = &kept->files[i];
        if (!file->there) {
            unlink(file->path);
            continue;
        }
        int fd = open(file->path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, file->data, file->size), (ssize_t)file->size);
        if (i == damaged) {
            uint8_t byte = (uint8_t)(file->data[offset] ^ 1u << bit);
            assert_int_equal(pwrite(fd, &byte, 1, (off_t)offset), 1);
        }
        close(fd);
    }
}

/* The bytes around the flip are as they were found: what is refused is kept. */
static bool is_kept(const kept_vault *kept, int which, size_t offset, unsigned bit) {
    const kept_file *file = &kept->files[which];
    uint8_t found[512];
    size_t start = offset - offset % sizeof found;
    size_t size = file->size - start < sizeof found ? file->size - start : sizeof found;
    int fd = open(file->path, O_RDONLY);
    assert_true(fd >= 0);
    ssize_t got = pread(fd, found, size, (off_t)start);
    close(fd);
    found[offset - start] ^= (uint8_t)(1u << bit);
    return got == (ssize_t)size && memcmp(found, file->data + start, size) == 0;
}

static void forget_vault(kept_vault *kept) {
    for (int i = 0; i < 3; i++) {
        free(kept->files[i].data);
    }
}

static char text_of(int n, int i) {
    return (char)('a' + (n * 31 + i * 7) % 26);
}

static void add_object(dx_client *client, int n) {
    char json[TEXT_SIZE + 160], text[TEXT_SIZE + 1];
    for (int i = 0; i < TEXT_SIZE; i++) {
        text[i] = text_of(n, i);
    }
    text[TEXT_SIZE] = 0;
    snprintf(json, sizeof json,
             "{\"do\": \"object.add\", \"space\": \"s\", \"type\": \"t\", \"data\": {\"n\": %d, \"text\": "
             "\"%s\"}}",
             n, text);
    scene_do(client, json, NULL, NULL, 0);
}

/* Objects, each a commit of its own; those from `in_log` on stand in the log of a killed program. */
static void make_vault(const char *vault, int in_log) {
    scene_vault(vault);
    dx_client *client = scene_open(vault, false, true);
    for (int n = 0; n < in_log; n++) {
        add_object(client, n);
    }
    dx_client_close(client);
    if (in_log == OBJECTS) {
        return;
    }
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        client = scene_open(vault, false, true);
        for (int n = in_log; n < OBJECTS; n++) {
            add_object(client, n);
        }
        _exit(0); /* without closing: the log stays */
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* --- Looking ---------------------------------------------------------------------------------------------- */

typedef struct reading {
    bool seen[OBJECTS];
    int count;
    bool wrong;
} reading;

static void read_object(reading *all, dx_bytes row) {
    dx_bytes data = dx_item_get(row, "data"), text = dx_item_text(dx_item_get(data, "text"));
    int64_t n = dx_item_int(dx_item_get(data, "n"), -1);
    all->wrong = all->wrong || n < 0 || n >= OBJECTS || text.size != TEXT_SIZE;
    for (int i = 0; !all->wrong && i < TEXT_SIZE; i++) {
        all->wrong = text.data[i] != (uint8_t)text_of((int)n, i);
    }
    if (!all->wrong) {
        all->wrong = all->seen[n];
        all->seen[n] = true;
        all->count++;
    }
}

static void read_rows(void *ctx, bool last, dx_bytes body) {
    dx_bytes rows = dx_item_get(body, "rows");
    dx_reader reader;
    (void)last;
    dx_reader_init(&reader, rows);
    for (size_t left = rows.size == 0 ? 0 : dx_read_array(&reader); left > 0; left--) {
        read_object(ctx, dx_read_item(&reader));
    }
}

typedef struct outcome {
    int refused, on_reading, on_looking, harmless;
} outcome;

/* fewest: objects that must be there when nothing was found. */
static void flip(const kept_vault *kept, int which, int fewest, outcome *counts) {
    size_t offset = (size_t)roll(kept->files[which].size);
    unsigned bit = (unsigned)roll(8);
    char message[DX_HOST_MESSAGE_MAX] = "";
    dx_client_options options = {.vault = kept->folder, .never_agent = true};
    dx_client *client = NULL;
    reading all = {.count = 0};
    put_back(kept, which, offset, bit);
    int error = dx_client_open(&options, &client, message);
    if (error != DX_OK) {
        assert_int_equal(error, DX_E_CORRUPT);
        assert_non_null(strstr(message, kept->folder));
        assert_true(is_kept(kept, which, offset, bit));
        counts->refused++;
        return;
    }
    int read =
        scene_ask_code(client, "{\"do\": \"object.ls\", \"space\": \"s\", \"type\": \"t\"}", read_rows, &all);
    int looked = read == DX_OK ? scene_ask_code(client, "{\"do\": \"vault.check\"}", NULL, NULL) : DX_OK;
    dx_client_close(client);
    assert_false(all.wrong);
    assert_true(read == DX_OK || read == DX_E_CORRUPT);
    assert_true(looked == DX_OK || looked == DX_E_CORRUPT);
    assert_true(read != DX_OK || all.count >= fewest);
    counts->on_reading += read != DX_OK;
    counts->on_looking += looked != DX_OK;
    counts->harmless += read == DX_OK && looked == DX_OK;
}

static void print_outcome(const char *name, const outcome *counts) {
    printf("# %s: %d bits flipped: %d refused at opening, %d told on reading, %d found by looking, %d "
           "harmless\n",
           name, flips_wanted, counts->refused, counts->on_reading, counts->on_looking, counts->harmless);
}

/* Every byte of a closed vault belongs to a sealed page: no flip goes unnoticed. */
static void test_flips_in_a_closed_vault(void **state) {
    (void)state;
    kept_vault kept;
    outcome counts = {0};
    make_vault(scene_path("v"), OBJECTS);
    keep_vault(&kept, scene_path("v"));
    assert_false(kept.files[LOG].there);
    for (int i = 0; i < flips_wanted; i++) {
        flip(&kept, STORE, OBJECTS, &counts);
    }
    print_outcome("vault.db", &counts);
    assert_int_equal(counts.harmless, 0);
    assert_true(counts.refused > 0 && counts.on_looking > 0);
    forget_vault(&kept);
}

/* Harmless here: a page that the log has newer, a frame that a later opening left behind, and the very last
 * commit, which cannot be told from one that was never finished (docs/spec/vault-file.md, Limits). */
static void test_flips_beside_and_in_the_log(void **state) {
    (void)state;
    kept_vault kept;
    make_vault(scene_path("v"), OBJECTS / 2);
    keep_vault(&kept, scene_path("v"));
    assert_true(kept.files[LOG].there);
    outcome store = {0}, log = {0};
    for (int i = 0; i < flips_wanted; i++) {
        flip(&kept, STORE, OBJECTS, &store);
        flip(&kept, LOG, OBJECTS - 1, &log);
    }
    print_outcome("vault.db with a log", &store);
    print_outcome("vault.db-wal", &log);
    assert_true(log.refused > flips_wanted / 2);
    assert_true(store.refused + store.on_reading + store.on_looking > 0);
    forget_vault(&kept);
}

int main(void) {
    const char *flips = getenv("DX_FLIPS"), *seed = getenv("DX_SEED");
    flips_wanted = flips != NULL ? atoi(flips) : FLIPS;
    uint64_t start = seed != NULL ? strtoull(seed, NULL, 10) : 1;
    test_random_init(&dice, start);
    printf("# DX_FLIPS=%d DX_SEED=%llu\n", flips_wanted, (unsigned long long)start);
    scene_root = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : scene_root; /* each flip opens a vault: syncs */
    const struct CMUnitTest tests[] = {SCENE_TEST(test_flips_in_a_closed_vault),
                                       SCENE_TEST(test_flips_beside_and_in_the_log)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
