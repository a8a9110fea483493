#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ctl/fsck.h"

#define TEXT_SIZE 512

void findings_add(struct findings *f, const char *id, const struct problem *problem)
{
    if (f->n == f->capacity) {
        f->capacity = f->capacity ? 2 * f->capacity : 16;
        f->items = mem_realloc(f->items, f->capacity * sizeof *f->items);
    }
    f->items[f->n++] = (struct finding){
        .id = mem_strdup(id),
        .check = problem->check,
        .fix = problem->fix,
        .text = mem_strdup(problem->text),
        .repair = problem->repair ? mem_strdup(problem->repair) : NULL,
        .result = "found",
    };
}

void findings_found(void *arg, const char *id, const struct problem *problem)
{
    findings_add(arg, id, problem);
}

void findings_say(struct findings *f, const char *id, enum check check, const char *format, ...)
{
    char text[TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct problem problem = {check, FIX_NONE, text, NULL};
    findings_add(f, id, &problem);
}

static int by_check(const void *a, const void *b)
{
    const struct finding *x = a, *y = b;
    int order = (x->check > y->check) - (x->check < y->check);
    if (order == 0)
        order = strcmp(x->id, y->id);
    return order ? order : strcmp(x->text, y->text);
}

static void release_one(struct finding *finding)
{
    free(finding->id);
    free(finding->text);
    free(finding->repair);
    free(finding->done);
}

void findings_sort(struct findings *f)
{
    size_t kept = 0;
    if (f->n > 1)
        qsort(f->items, f->n, sizeof *f->items, by_check);
    for (size_t i = 0; i < f->n; i++) {
        if (kept > 0 && by_check(&f->items[kept - 1], &f->items[i]) == 0)
            release_one(&f->items[i]);
        else
            f->items[kept++] = f->items[i];
    }
    f->n = kept;
}

void findings_release(struct findings *f)
{
    for (size_t i = 0; i < f->n; i++)
        release_one(&f->items[i]);
    free(f->items);
    *f = (struct findings){NULL, 0, 0};
}
