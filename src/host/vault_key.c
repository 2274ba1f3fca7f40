/* host/vault_key.c: the files beside a vault: its key, the clone guard's mirror, and small files replaced
 * whole.
 *
 * Layer: floor 3, host. Until a passphrase wraps it (HALO), the key lies beside the vault with 0600; `dx
 * status` says so. Losing the guard's mirror costs new feeds, nothing else; losing the key costs the vault,
 * so it is made durably before the vault file exists. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host.h"

/* First line of the key file; the second is 64 hex digits. */
static const char key_title[] = "dxos vault key 1\n";

enum { KEY_FILE_SIZE = sizeof key_title - 1 + 2 * DX_VAULT_KEY_SIZE + 1 };

static int explain(char *message, int error, const char *format, const char *path) {
    if (message != NULL) {
        snprintf(message, DX_HOST_MESSAGE_MAX, format, path, strerror(errno));
    }
    return error;
}

int dx_file_make_folder(const char *path, bool path_is_folder) {
    char folder[DX_PATH_MAX];
    size_t size = strlen(path);
    if (size == 0 || size >= sizeof folder) {
        return DX_E_INVALID;
    }
    memcpy(folder, path, size + 1);
    for (size_t i = 1; i <= size; i++) {
        if (folder[i] != '/' && !(folder[i] == 0 && path_is_folder)) {
            continue;
        }
        char end = folder[i];
        folder[i] = 0;
        if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
            return DX_E_IO;
        }
        folder[i] = end;
    }
    return DX_OK;
}

static int sync_folder_of(const char *path) {
    char folder[DX_PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash == NULL || slash == path ? 1 : (int)(slash - path),
             slash == NULL ? "." : path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = fd < 0 || fsync(fd) != 0;
    if (fd >= 0) {
        close(fd);
    }
    return failed ? DX_E_IO : DX_OK;
}

static int disk_error(void) {
    return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? DX_E_NO_SPACE : DX_E_IO;
}

static int write_all(int fd, const uint8_t *data, size_t size) {
    while (size > 0) {
        ssize_t written = write(fd, data, size);
        if (written < 0 && errno != EINTR) {
            return disk_error();
        }
        data += written > 0 ? written : 0;
        size -= written > 0 ? (size_t)written : 0;
    }
    return DX_OK;
}

int dx_file_write(const char *path, const void *data, size_t size) {
    char temporary[DX_PATH_MAX + 16];
    snprintf(temporary, sizeof temporary, "%s.%lu", path, (unsigned long)getpid());
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return disk_error();
    }
    int error = write_all(fd, data, size);
    if (error == DX_OK && fsync(fd) != 0) {
        error = disk_error();
    }
    close(fd);
    if (error == DX_OK && rename(temporary, path) != 0) {
        error = disk_error();
    }
    if (error != DX_OK) {
        unlink(temporary);
        return error;
    }
    return sync_folder_of(path);
}

int dx_file_note(const char *path, const void *data, size_t size) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int error = fd < 0 ? disk_error() : write_all(fd, data, size);
    if (fd >= 0) {
        close(fd);
    }
    return error;
}

static int read_all(int fd, void *out, size_t size_max, size_t *size) {
    uint8_t *to = out;
    ssize_t got = 0;
    for (*size = 0; *size < size_max && (got = read(fd, to + *size, size_max - *size)) != 0;) {
        if (got < 0 && errno != EINTR) {
            break;
        }
        *size += got > 0 ? (size_t)got : 0;
    }
    uint8_t extra;
    bool longer = got >= 0 && *size == size_max && read(fd, &extra, 1) == 1;
    return got < 0 ? DX_E_IO : longer ? DX_E_LIMIT : DX_OK;
}

int dx_file_read(const char *path, void *out, size_t size_max, size_t *size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe in a file's place must not hold us */
    if (fd < 0) {
        return errno == ENOENT ? DX_E_NOT_FOUND : DX_E_IO;
    }
    int error = read_all(fd, out, size_max, size);
    close(fd);
    return error;
}

/* A symbolic link is followed (the key may lie on another disk); what it leads to must be ours alone. */
static int read_key(const dx_vault_folder *folder, uint8_t key[static DX_VAULT_KEY_SIZE], char *message) {
    char text[KEY_FILE_SIZE];
    struct stat info;
    size_t size = 0;
    int fd = open(folder->key, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &info) != 0) {
        int error = errno == EACCES ? DX_E_DENIED : DX_E_IO;
        explain(message, error, "%s: %s", folder->key);
        if (fd >= 0) {
            close(fd);
        }
        return error;
    }
    bool ours = S_ISREG(info.st_mode) && info.st_uid == geteuid(), open_to_others = (info.st_mode & 077) != 0;
    int error = ours && !open_to_others ? read_all(fd, text, sizeof text, &size) : DX_E_DENIED;
    close(fd);
    if (!ours) {
        return explain(message, DX_E_DENIED, "%s is not a file of yours", folder->key);
    }
    if (open_to_others) {
        return explain(message, DX_E_DENIED,
                       "%s may be read or written by others; take their rights away: chmod 600", folder->key);
    }
    if (error == DX_E_IO) {
        return explain(message, error, "%s: %s", folder->key);
    }
    bool formed =
        error == DX_OK && size == sizeof text && memcmp(text, key_title, sizeof key_title - 1) == 0 &&
        text[size - 1] == '\n' &&
        dx_hex_decode(text + sizeof key_title - 1, 2 * DX_VAULT_KEY_SIZE, key, DX_VAULT_KEY_SIZE) == DX_OK;
    sodium_memzero(text, sizeof text);
    return formed ? DX_OK
                  : explain(message, DX_E_CORRUPT,
                            "%s is damaged; the vault cannot be opened without it; nothing was changed",
                            folder->key);
}

static bool is_empty_folder(const char *path) {
    DIR *folder = opendir(path);
    size_t count = 0;
    while (folder != NULL && count <= 2 && readdir(folder) != NULL) { /* . and .. */
        count++;
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return folder != NULL && count <= 2;
}

/* What this person may not do, under its own name: opening would only say that something failed. A vault writes
 * its log beside its file, so the folder too must be writable. */
static int check_rights(const dx_vault_folder *folder, char *message) {
    const struct {
        const char *path;
        int rights;
        const char *what;
    } needs[] = {
        {folder->path, R_OK | W_OK | X_OK, "the vault's folder %s may not be read and written by you: %s"},
        {folder->store, R_OK | W_OK, "the vault file %s may not be read and written by you: %s"}};
    struct stat info;
    if (stat(folder->path, &info) == 0 && !S_ISDIR(info.st_mode)) {
        errno = ENOTDIR;
        return explain(message, DX_E_INVALID, "the vault's folder %s: %s", folder->path);
    }
    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++) {
        if (faccessat(AT_FDCWD, needs[i].path, needs[i].rights, AT_EACCESS) != 0 && errno != ENOENT &&
            errno != ENOTDIR) {
            return explain(message, DX_E_DENIED, needs[i].what, needs[i].path);
        }
    }
    return DX_OK;
}

static int make_key(const dx_vault_folder *folder, uint8_t key[static DX_VAULT_KEY_SIZE], char *message) {
    char text[KEY_FILE_SIZE + 1];
    int error = dx_file_make_folder(folder->path, true);
    if (error != DX_OK) {
        error = errno == EACCES || errno == EPERM || errno == EROFS ? DX_E_DENIED : error;
        return explain(message, error, "cannot make the folder %s: %s", folder->path);
    }
    /* A folder with other things in it is not only ours to close; the vault's files are 0600 each. */
    if (is_empty_folder(folder->path) && chmod(folder->path, 0700) != 0) {
        return explain(message, DX_E_IO, "%s: %s", folder->path);
    }
    dx_host_random.fill(dx_host_random.ctx, key, DX_VAULT_KEY_SIZE);
    memcpy(text, key_title, sizeof key_title - 1);
    dx_hex_encode(dx_bytes_of(key, DX_VAULT_KEY_SIZE), text + sizeof key_title - 1);
    text[KEY_FILE_SIZE - 1] = '\n';
    error = dx_file_write(folder->key, text, KEY_FILE_SIZE);
    sodium_memzero(text, sizeof text);
    return error == DX_OK ? DX_OK : explain(message, error, "cannot write %s: %s", folder->key);
}

int dx_vault_key_take(const dx_vault_folder *folder, bool create, uint8_t key[static DX_VAULT_KEY_SIZE],
                      char *message) {
    struct stat info;
    int error = check_rights(folder, message);
    if (error != DX_OK) {
        return error;
    }
    bool has_store = stat(folder->store, &info) == 0 && info.st_size > 0,
         has_key = stat(folder->key, &info) == 0;
    if (has_key) {
        return read_key(folder, key, message);
    }
    if (has_store) {
        return explain(message, DX_E_NOT_FOUND,
                       "the vault is there but its key %s is missing; put the key back from your copy; "
                       "nothing was changed",
                       folder->key);
    }
    if (!create) {
        return explain(message, DX_E_NOT_FOUND, "there is no vault in %s", folder->path);
    }
    return make_key(folder, key, message);
}

/* --- Clone guard (docs/spec/vault-file.md) --------------------------------------------------------- */

/* "<token hex> <device> <inode>\n", padded to one size so that it can be written over in place. The device is
 * "here" when the guard lies on the same one: its number may change from one start of the machine to the
 * next.
 */
enum { GUARD_FILE_SIZE = 2 * DX_VAULT_TOKEN_SIZE + 1 + 20 + 1 + 20 + 1 };

static bool describe_store(const dx_vault_folder *folder, char device[static 24], unsigned long long *inode) {
    char above[DX_PATH_MAX];
    struct stat store, guard;
    snprintf(above, sizeof above, "%.*s", (int)(strrchr(folder->guard, '/') - folder->guard), folder->guard);
    if (stat(folder->store, &store) != 0 || stat(above, &guard) != 0) {
        return false;
    }
    snprintf(device, 24, "%llu", (unsigned long long)store.st_dev);
    if (store.st_dev == guard.st_dev) {
        snprintf(device, 24, "here");
    }
    *inode = (unsigned long long)store.st_ino;
    return true;
}

void dx_vault_guard_read(const dx_vault_folder *folder, dx_node_config *config) {
    char text[GUARD_FILE_SIZE + 1] = {0}, device[24], kept_device[24];
    size_t size = 0;
    unsigned long long inode = 0, kept_inode = 0;
    config->has_token = config->same_file = false;
    if (dx_file_read(folder->guard, text, GUARD_FILE_SIZE, &size) != DX_OK || size != GUARD_FILE_SIZE ||
        dx_hex_decode(text, 2 * DX_VAULT_TOKEN_SIZE, config->token, DX_VAULT_TOKEN_SIZE) != DX_OK) {
        return;
    }
    config->has_token = true;
    config->same_file = sscanf(text + 2 * DX_VAULT_TOKEN_SIZE, "%23s %llu", kept_device, &kept_inode) == 2 &&
                        describe_store(folder, device, &inode) && strcmp(device, kept_device) == 0 &&
                        inode == kept_inode;
}

/* In place: one sync of one sector instead of a new file and its folder. Torn, it reads as none. */
static int write_over(const char *path, const char *text, size_t size) {
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return errno == ENOENT ? DX_E_NOT_FOUND : DX_E_IO;
    }
    int error = write_all(fd, (const uint8_t *)text, size);
    if (error == DX_OK && (ftruncate(fd, (off_t)size) != 0 || fdatasync(fd) != 0)) {
        error = disk_error();
    }
    close(fd);
    return error;
}

int dx_vault_guard_write(const dx_vault_folder *folder, const uint8_t token[static DX_VAULT_TOKEN_SIZE]) {
    char text[GUARD_FILE_SIZE + 1], hex[2 * DX_VAULT_TOKEN_SIZE + 1], device[24];
    unsigned long long inode = 0;
    int error = dx_file_make_folder(folder->guard, false);
    if (error != DX_OK || !describe_store(folder, device, &inode)) {
        return DX_E_IO;
    }
    dx_hex_encode(dx_bytes_of(token, DX_VAULT_TOKEN_SIZE), hex);
    snprintf(text, sizeof text, "%s %-20s %-20llu\n", hex, device, inode);
    error = write_over(folder->guard, text, GUARD_FILE_SIZE);
    return error == DX_E_NOT_FOUND ? dx_file_write(folder->guard, text, GUARD_FILE_SIZE) : error;
}
