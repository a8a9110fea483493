#include "base/crash.h"

#ifdef TIFFIN_CRASH_POINTS

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define POINTS_MAX 128

/* How often this process has passed each point. */
static struct {
    char name[64];
    long passed;
} points[POINTS_MAX];

const char *crash_name(unsigned long n, const char *const argv[])
{
    return n > 1 && strncmp(argv[0], "FCALL", 5) == 0 ? argv[1] : argv[0];
}

static long count_pass(const char *point)
{
    for (int i = 0; i < POINTS_MAX; i++) {
        if (!points[i].name[0])
            snprintf(points[i].name, sizeof points[i].name, "%s", point);
        if (strcmp(points[i].name, point) == 0)
            return ++points[i].passed;
    }
    return 0;
}

static void note_seen(const char *file, const char *point)
{
    char *path = mem_printf("%s.seen", file);
    FILE *f = fopen(path, "ae");
    free(path);
    if (f) {
        fprintf(f, "%s\n", point);
        fclose(f);
    }
}

void crash_point(const char *phase, const char *name)
{
    char point[64], wanted_phase[16], wanted_name[32];
    long k;
    const char *file = getenv("TIFFIN_CRASH_FILE");
    if (!file)
        return;
    snprintf(point, sizeof point, "%s %s", phase, name);
    long passed = count_pass(point);
    note_seen(file, point);
    FILE *f = fopen(file, "re");
    if (!f)
        return;
    int fields = fscanf(f, "%15s %31s %ld", wanted_phase, wanted_name, &k);
    fclose(f);
    if (fields == 3 && strcmp(wanted_phase, phase) == 0 && strcmp(wanted_name, name) == 0 &&
        passed == k && unlink(file) == 0)
        kill(getpid(), SIGKILL);
}

#endif
