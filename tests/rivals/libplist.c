/* libplist's part in scripts/bench-invitation: how long it takes for the same property list.
 *
 * The first argument is a file with the octets. Each line of standard input is a task and a count;
 * the answer is a line with the nanoseconds that the count of repetitions took. */

#include <inttypes.h>
#include <plist/plist.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static char octets[1 << 20];

int main(int argc, char **argv)
{
    FILE *file = argc > 1 ? fopen(argv[1], "rb") : NULL;
    if (file == NULL) {
        fprintf(stderr, "libplist: no file\n");
        return 2;
    }
    uint32_t length = (uint32_t)fread(octets, 1, sizeof octets, file);
    fclose(file);

    plist_t kept = NULL;
    plist_from_bin(octets, length, &kept);
    if (plist_get_node_type(kept) != PLIST_DICT) {
        fprintf(stderr, "libplist: no dictionary\n");
        return 1;
    }
    char task[32];
    long count;
    while (scanf("%31s %ld", task, &count) == 2) {
        int writes = strcmp(task, "plist-write") == 0;
        int64_t start = now_ns();
        for (long i = 0; i < count; i++) {
            if (writes) {
                char *written = NULL;
                uint32_t written_length = 0;
                plist_to_bin(kept, &written, &written_length);
                plist_to_bin_free(written);
            } else {
                plist_t read = NULL;
                plist_from_bin(octets, length, &read);
                plist_free(read);
            }
        }
        printf("%" PRId64 "\n", now_ns() - start);
        fflush(stdout);
    }
    plist_free(kept);
    return 0;
}
