/* What lies where, who may read it, and what is said when it is not as it should be: host/vault_folder.c,
 * host/vault_key.c. */
#include "scene.h"

#include "host.h"

static unsigned mode_of(const char *path) {
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return (unsigned)info.st_mode & 0777;
}

static void find_folder(const char *vault, dx_vault_folder *out) {
    assert_int_equal(dx_vault_folder_find(vault, NULL, out), DX_OK);
}

static void write_file(const char *path, const char *text, mode_t mode) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    assert_int_equal(chmod(path, mode), 0);
}

static void read_text(const char *path, char *out, size_t size_max) {
    size_t size = 0;
    assert_int_equal(dx_file_read(path, out, size_max - 1, &size), DX_OK);
    out[size] = 0;
}

/* --- Paths --------------------------------------------------------------------------------------------- */

static void test_default_paths(void **state) {
    (void)state;
    dx_vault_folder folder;
    assert_int_equal(dx_vault_folder_find(NULL, NULL, &folder), DX_OK);
    assert_string_equal(folder.path, scene_path("data/dx/default"));
    assert_string_equal(folder.store, scene_path("data/dx/default/vault.db"));
    assert_int_equal(strncmp(folder.socket, scene_path("run/dx/"), strlen(scene_path("run/dx/"))), 0);
    assert_int_equal(dx_vault_folder_find(NULL, "second", &folder), DX_OK);
    assert_string_equal(folder.path, scene_path("data/dx/second"));
    assert_int_equal(dx_vault_folder_find(NULL, "../x", &folder), DX_E_INVALID);
    assert_int_equal(dx_vault_folder_find(NULL, "", &folder), DX_E_INVALID);
    assert_int_equal(dx_vault_folder_find("", NULL, &folder), DX_E_INVALID);
    unsetenv("XDG_DATA_HOME");
    setenv("XDG_RUNTIME_DIR", "relative", 1); /* is to be ignored */
    assert_int_equal(dx_vault_folder_find(NULL, NULL, &folder), DX_OK);
    assert_string_equal(folder.path, scene_path(".local/share/dx/default"));
    assert_int_equal(strncmp(folder.socket, "/tmp/dx-", 8), 0);
    unsetenv("HOME"); /* a service: the user's entry tells */
    assert_int_equal(dx_vault_folder_find(NULL, NULL, &folder), DX_OK);
    assert_int_equal(folder.path[0], '/');
}

static void test_too_long_paths_are_refused(void **state) {
    (void)state;
    char path[2 * DX_PATH_MAX];
    dx_vault_folder folder;
    memset(path, 'a', sizeof path);
    path[0] = '/';
    path[sizeof path - 1] = 0;
    assert_int_equal(dx_vault_folder_find(path, NULL, &folder), DX_E_INVALID);
    path[DX_PATH_MAX - 2] = 0; /* it fits, the names of its files do not */
    assert_int_equal(dx_vault_folder_find(path, NULL, &folder), DX_E_INVALID);
}

/* One vault has one path before and after it is made, whatever way one writes it. */
static void test_every_name_of_a_vault_is_one_path(void **state) {
    (void)state;
    static const char *const names[] = {
        "v", "./v", "v/", "v/.", "./a/../v", "a/../v", "link/v", "link//v/", "b/../link/../v", "../%s/v"};
    char working[256], name[128];
    dx_vault_folder folder;
    assert_non_null(getcwd(working, sizeof working));
    assert_int_equal(mkdir(scene_path("a"), 0700), 0);
    assert_int_equal(symlink(".", scene_path("link")), 0);
    assert_int_equal(chdir(scene_folder), 0);
    for (int made = 0; made < 2; made++) {
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            if (made == 1 && names[i][0] == 'b') {
                continue; /* b is not there: to the kernel that is no path */
            }
            snprintf(name, sizeof name, names[i], strrchr(scene_folder, '/') + 1);
            if (made == 0 && strcmp(name, "b/../link/../v") == 0) {
                continue;
            }
            find_folder(name, &folder);
            assert_string_equal(folder.path, scene_path("v"));
            find_folder(scene_path(name), &folder);
            assert_string_equal(folder.path, scene_path("v"));
        }
        assert_int_equal(mkdir(scene_path("v"), 0700), made == 0 ? 0 : -1);
    }
    find_folder("new/../deep/./er", &folder);
    assert_string_equal(folder.path, scene_path("deep/er"));
    assert_int_equal(chdir(working), 0);
}

/* --- Permissions ------------------------------------------------------------------------------------------
 */

static void test_files_are_the_owners_alone(void **state) {
    (void)state;
    dx_vault_folder folder;
    mode_t before = umask(0);
    scene_vault(scene_path("deep/v"));
    scene_agent agent = scene_agent_begin(scene_path("deep/v"));
    find_folder(scene_path("deep/v"), &folder);
    assert_int_equal(mode_of(folder.path), 0700);
    assert_int_equal(mode_of(scene_path("deep")), 0700);
    assert_int_equal(mode_of(folder.store), 0600);
    assert_int_equal(mode_of(folder.key), 0600);
    assert_int_equal(mode_of(folder.guard), 0600);
    assert_int_equal(mode_of(folder.pid), 0600);
    assert_int_equal(mode_of(folder.listen), 0600);
    assert_int_equal(mode_of(folder.socket), 0600);
    assert_int_equal(mode_of(scene_path("run/dx")), 0700);
    assert_int_equal(mode_of(scene_path("deep/v/vault.db-wal")), 0600);
    assert_int_equal(scene_agent_end(&agent, SIGTERM), 0);
    assert_int_equal(access(folder.socket, F_OK), -1);
    assert_int_equal(access(folder.pid, F_OK), -1);
    umask(before);
}

/* A vault in a folder that has other things in it closes its files, not the folder. */
static void test_a_shared_folder_keeps_its_mode(void **state) {
    (void)state;
    assert_int_equal(mkdir(scene_path("shared"), 0755), 0);
    assert_int_equal(mkdir(scene_path("empty"), 0755), 0);
    write_file(scene_path("shared/notes"), "mine\n", 0644);
    scene_vault(scene_path("shared"));
    scene_vault(scene_path("empty"));
    assert_int_equal(mode_of(scene_path("shared")), 0755);
    assert_int_equal(mode_of(scene_path("empty")), 0700);
    assert_int_equal(mode_of(scene_path("shared/vault.db")), 0600);
}

/* --- The key
 * ------------------------------------------------------------------------------------------------ */

static void test_a_key_that_is_not_right_is_refused(void **state) {
    (void)state;
    char message[DX_HOST_MESSAGE_MAX], key[128], text[160];
    const char *vault = scene_path("v");
    dx_vault_folder folder;
    scene_vault(vault);
    find_folder(vault, &folder);
    read_text(folder.key, key, sizeof key);

    assert_int_equal(chmod(folder.key, 0640), 0);
    assert_int_equal(scene_open_error(vault, message), DX_E_DENIED);
    assert_non_null(strstr(message, "chmod 600"));

    snprintf(text, sizeof text, "%s", key);
    text[30] = 'x';
    write_file(folder.key, text, 0600);
    assert_int_equal(scene_open_error(vault, message), DX_E_CORRUPT);
    assert_non_null(strstr(message, "damaged"));
    snprintf(text, sizeof text, "%s\n", key); /* too long by one */
    write_file(folder.key, text, 0600);
    assert_int_equal(scene_open_error(vault, message), DX_E_CORRUPT);
    write_file(folder.key, "", 0600);
    assert_int_equal(scene_open_error(vault, message), DX_E_CORRUPT);

    snprintf(text, sizeof text, "%s", key); /* well formed, another vault's */
    text[40] = text[40] == '0' ? '1' : '0';
    write_file(folder.key, text, 0600);
    assert_int_equal(scene_open_error(vault, message), DX_E_CORRUPT);
    assert_non_null(strstr(message, "the key is not this vault's"));

    assert_int_equal(unlink(folder.key), 0);
    assert_int_equal(scene_open_error(vault, message), DX_E_NOT_FOUND);
    assert_non_null(strstr(message, "its key"));
    assert_int_equal(mkdir(folder.key, 0700), 0);
    assert_int_equal(scene_open_error(vault, message), DX_E_DENIED);
    assert_int_equal(rmdir(folder.key), 0);
    assert_int_equal(mkfifo(folder.key, 0600), 0); /* would hold who opens it */
    assert_int_equal(scene_open_error(vault, message), DX_E_DENIED);
    assert_int_equal(unlink(folder.key), 0);

    write_file(folder.key, key, 0600);
    assert_int_equal(scene_open_error(vault, message), DX_OK);
}

static void test_a_key_may_lie_elsewhere(void **state) {
    (void)state;
    char message[DX_HOST_MESSAGE_MAX];
    const char *vault = scene_path("v"), *away = scene_path("away.key");
    dx_vault_folder folder;
    scene_vault(vault);
    find_folder(vault, &folder);
    assert_int_equal(rename(folder.key, away), 0);
    assert_int_equal(symlink(away, folder.key), 0);
    assert_int_equal(scene_open_error(vault, message), DX_OK);
    assert_int_equal(chmod(away, 0644), 0);
    assert_int_equal(scene_open_error(vault, message), DX_E_DENIED);
    assert_int_equal(unlink(away), 0);
    assert_int_equal(scene_open_error(vault, message), DX_E_NOT_FOUND);
}

static void test_no_vault_and_a_lost_vault_are_told_apart(void **state) {
    (void)state;
    char message[DX_HOST_MESSAGE_MAX];
    dx_vault_folder folder;
    assert_int_equal(scene_open_error(scene_path("none"), message), DX_E_NOT_FOUND);
    assert_non_null(strstr(message, "there is no vault in"));
    assert_int_equal(access(scene_path("none"), F_OK), -1);
    scene_vault(scene_path("v"));
    find_folder(scene_path("v"), &folder);
    write_file(folder.store, "", 0600);
    assert_int_equal(scene_open_error(scene_path("v"), message), DX_E_CORRUPT);
    assert_non_null(strstr(message, "opened here before"));
}

/* --- The clone guard
 * ------------------------------------------------------------------------------------------ */

static bool says_clone(const char *vault) {
    dx_buf reply;
    dx_client *client = scene_open(vault, false, true);
    assert_int_equal(scene_ask(client, "{\"do\": \"status\"}", NULL, NULL, &reply), DX_OK);
    bool clone = dx_item_bool(dx_item_get(dx_item_get(dx_buf_view(&reply), "vault"), "clone"), false);
    dx_buf_deinit(&reply);
    dx_client_close(client);
    return clone;
}

/* The part of an id that names the feed it was made in. */
static void add_in(const char *vault, char id[static 64]) {
    dx_client *client = scene_open(vault, false, true);
    scene_add(client, 1, id);
    dx_client_close(client);
}

static void copy_file(const char *from, const char *to) {
    char bytes[1 << 16];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(in >= 0 && out >= 0);
    for (ssize_t got; (got = read(in, bytes, sizeof bytes)) > 0;) {
        assert_int_equal(write(out, bytes, (size_t)got), got);
    }
    close(in);
    close(out);
}

static void test_copies_are_noticed(void **state) {
    (void)state;
    char first[64], second[64], third[64];
    const char *vault = scene_path("v"), *copy = scene_path("copy"), *moved = scene_path("moved");
    scene_vault(vault);
    assert_false(says_clone(vault));
    assert_false(says_clone(vault));
    add_in(vault, first);

    assert_int_equal(mkdir(copy, 0700), 0); /* copied: the copy is noticed, the original is not */
    copy_file(scene_path("v/vault.db"), scene_path("copy/vault.db"));
    copy_file(scene_path("v/vault.key"), scene_path("copy/vault.key"));
    assert_true(says_clone(copy));
    assert_false(says_clone(copy)); /* from now on it is a vault of its own */
    assert_false(says_clone(vault));
    add_in(copy, second);
    assert_string_not_equal(strrchr(first, '-'), strrchr(second, '-')); /* new feeds */
    add_in(vault, second);
    assert_string_equal(strrchr(first, '-'), strrchr(second, '-'));

    copy_file(scene_path("v/vault.db"), scene_path("saved.db")); /* restored: same file, older token */
    add_in(vault, second);
    assert_false(says_clone(vault));
    copy_file(scene_path("saved.db"), scene_path("v/vault.db"));
    assert_true(says_clone(vault));
    add_in(vault, third);
    assert_string_not_equal(strrchr(second, '-'), strrchr(third, '-'));

    assert_int_equal(rename(vault, moved), 0); /* moved: no mirror at the new path */
    assert_true(says_clone(moved));
}

static void test_a_mirror_that_is_lost_or_damaged_means_new_feeds(void **state) {
    (void)state;
    char text[256];
    const char *vault = scene_path("v");
    dx_vault_folder folder;
    scene_vault(vault);
    find_folder(vault, &folder);
    assert_false(says_clone(vault));
    read_text(folder.guard, text, sizeof text);
    assert_int_equal(unlink(folder.guard), 0);
    assert_true(says_clone(vault));
    read_text(folder.guard, text, sizeof text);
    text[3] = 'x';
    write_file(folder.guard, text, 0600);
    assert_true(says_clone(vault));
    read_text(folder.guard, text, sizeof text);
    text[70] = 0;
    write_file(folder.guard, text, 0600);
    assert_true(says_clone(vault));
    assert_false(says_clone(vault));
}

/* A state folder that cannot be written costs the guard, not the vault. */
static void test_without_a_place_for_the_mirror(void **state) {
    (void)state;
    write_file(scene_path("state"), "in the way", 0600);
    scene_vault(scene_path("v"));
    assert_true(says_clone(scene_path("v")));
}

/* --- Small files
 * ------------------------------------------------------------------------------------------------ */

static void test_small_files_are_replaced_whole(void **state) {
    (void)state;
    char text[16];
    size_t size = 0;
    const char *path = scene_path("file");
    assert_int_equal(dx_file_read(path, text, sizeof text, &size), DX_E_NOT_FOUND);
    assert_int_equal(dx_file_write(path, "0123456789abcdef", 16), DX_OK);
    assert_int_equal(dx_file_read(path, text, sizeof text, &size), DX_OK);
    assert_int_equal(size, 16);
    assert_int_equal(dx_file_read(path, text, 15, &size), DX_E_LIMIT);
    assert_int_equal(dx_file_write(path, "new", 3), DX_OK);
    assert_int_equal(dx_file_read(path, text, sizeof text, &size), DX_OK);
    assert_int_equal(size, 3);
    assert_int_equal(dx_file_note(path, "x", 1), DX_OK);
    assert_int_equal(dx_file_read(path, text, sizeof text, &size), DX_OK);
    assert_int_equal(size, 1);
    assert_int_equal(dx_file_write(scene_path("no/such/folder"), "x", 1), DX_E_IO);
    assert_int_equal(dx_file_make_folder("", true), DX_E_INVALID);
    assert_int_equal(dx_file_make_folder(scene_path("file/below"), true), DX_E_IO);
}

DX_TEST_MAIN(SCENE_TEST(test_default_paths), SCENE_TEST(test_too_long_paths_are_refused),
             SCENE_TEST(test_every_name_of_a_vault_is_one_path), SCENE_TEST(test_files_are_the_owners_alone),
             SCENE_TEST(test_a_shared_folder_keeps_its_mode),
             SCENE_TEST(test_a_key_that_is_not_right_is_refused), SCENE_TEST(test_a_key_may_lie_elsewhere),
             SCENE_TEST(test_no_vault_and_a_lost_vault_are_told_apart), SCENE_TEST(test_copies_are_noticed),
             SCENE_TEST(test_a_mirror_that_is_lost_or_damaged_means_new_feeds),
             SCENE_TEST(test_without_a_place_for_the_mirror), SCENE_TEST(test_small_files_are_replaced_whole))
