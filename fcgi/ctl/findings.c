#include "ctl/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define TEXT_SIZE 512

static const char *const CHECK_NAMES[CHECK_COUNT] = {
    [CHECK_TYPE] = "type",         [CHECK_ID] = "id",
    [CHECK_PLACE] = "place",       [CHECK_DEAD] = "dead",
    [CHECK_LIST] = "active_list",  [CHECK_HISTORY] = "history",
    [CHECK_STEP] = "step",         [CHECK_EXPIRY] = "expiry",
    [CHECK_INDEX] = "index",       [CHECK_LEDGER] = "ledger",
    [CHECK_COUNTERS] = "counters", [CHECK_IDEM] = "idempotency",
    [CHECK_USER] = "user_orders",  [CHECK_LIBRARY] = "library",
};

const char *check_name(enum check check)
{
    return CHECK_NAMES[check];
}

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

void findings_report(struct findings *f, const char *id, enum check check, const char *format, ...)
{
    char text[TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    struct problem problem = {check, FIX_NONE, text, NULL};
    findings_add(f, id, &problem);
}

int findings_have(const struct findings *f, enum check check)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->items[i].check == check)
            return 1;
    return 0;
}

int findings_have_fix(const struct findings *f, enum fix fix)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->items[i].fix == fix)
            return 1;
    return 0;
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
    *f = (struct findings){0};
}
