/* fuzz/replay.c: drives a fuzz target without libFuzzer, so that every test run replays its corpus.
 *
 * Usage: fuzz_NAME [CORPUS-DIRECTORY | FILE]
 * Feeds each file of the corpus in name order (a directory that is not there is an empty corpus), then
 * mutants of those files, then inputs made from nothing. All of it follows from one fixed seed: a failure
 * repeats. Layer: test program; owns all its memory and may use the OS. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A few thousand small inputs take well under a second; long runs belong to libFuzzer. */
enum {
    GENERATED_COUNT = 4000,
    MUTANTS_PER_FILE = 40,
    GENERATED_SIZE_MAX = 600,
    FILE_SIZE_MAX = 1 << 20,
    FILES_MAX = 4096
};

static uint64_t random_state = 0x5eed;

static uint64_t next_random(void) {
    uint64_t z = (random_state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* The target gets a block of exactly its size, so that a sanitizer sees the first byte read past it. */
static void feed(const uint8_t *data, size_t size) {
    uint8_t *exact = malloc(size ? size : 1);
    if (!exact) {
        abort();
    }
    if (size) {
        memcpy(exact, data, size);
    }
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

static void feed_mutants(const uint8_t *data, size_t size) {
    uint8_t *mutant = malloc(size ? size : 1);
    if (!mutant) {
        abort();
    }
    for (int i = 0; i < MUTANTS_PER_FILE && size > 0; i++) {
        size_t kept = i % 4 == 0 ? (size_t)(next_random() % size) : size;
        memcpy(mutant, data, size);
        for (uint64_t flips = next_random() % 4; kept > 0 && flips-- > 0;) {
            mutant[next_random() % kept] = (uint8_t)next_random();
        }
        feed(mutant, kept);
    }
    free(mutant);
}

static int replay_file(const char *path) {
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(FILE_SIZE_MAX);
    if (!file || !data) {
        fprintf(stderr, "replay: cannot read %s\n", path);
        free(data);
        if (file) {
            fclose(file);
        }
        return 1;
    }
    size_t size = fread(data, 1, FILE_SIZE_MAX, file);
    fclose(file);
    feed(data, size);
    feed_mutants(data, size);
    free(data);
    return 0;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Returns the number of files fed, or -1. */
static int replay_directory(const char *path) {
    DIR *directory = opendir(path);
    if (!directory) {
        return 0;
    }
    static char *names[FILES_MAX];
    size_t count = 0;
    for (struct dirent *entry; count < FILES_MAX && (entry = readdir(directory)) != NULL;) {
        if (entry->d_name[0] != '.') {
            names[count++] = strdup(entry->d_name);
        }
    }
    closedir(directory);
    qsort(names, count, sizeof names[0], compare_names);
    int fed = 0;
    for (size_t i = 0; i < count; i++) {
        char file[4096];
        snprintf(file, sizeof file, "%s/%s", path, names[i]);
        fed = fed < 0 || replay_file(file) != 0 ? -1 : fed + 1;
        free(names[i]);
    }
    return fed;
}

static void feed_generated(void) {
    uint8_t data[GENERATED_SIZE_MAX];
    for (int i = 0; i < GENERATED_COUNT; i++) {
        size_t size = (size_t)(next_random() % (i % 8 == 0 ? GENERATED_SIZE_MAX : 24));
        for (size_t at = 0; at < size; at++) {
            data[at] = (uint8_t)next_random();
        }
        feed(data, size);
    }
}

int main(int argc, char **argv) {
    const char *path = argc > 1 ? argv[1] : "";
    struct stat info;
    int fed = 0;
    if (stat(path, &info) == 0 && !S_ISDIR(info.st_mode)) {
        return replay_file(path);
    }
    fed = replay_directory(path);
    if (fed < 0) {
        return 1;
    }
    feed_generated();
    printf("%d corpus files, %d generated inputs\n", fed, GENERATED_COUNT);
    return 0;
}
