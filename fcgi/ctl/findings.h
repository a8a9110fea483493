/* What fsck found: a list, sorted by check and id for the report. */
#ifndef TIFFIN_CTL_FINDINGS_H
#define TIFFIN_CTL_FINDINGS_H

#include <stddef.h>

/* What fsck proves or disproves. */
enum check {
    CHECK_TYPE,     /* a key holds what it should not */
    CHECK_ID,       /* ids are well-formed, and the order's own is its key's */
    CHECK_PLACE,    /* an unsettled job stands in exactly one place, any other in none */
    CHECK_DEAD,     /* dead <=> needs_review */
    CHECK_LIST,     /* an active list belongs to a registered worker */
    CHECK_HISTORY,  /* v1 … vN are complete and legal, the statuses are those of vN */
    CHECK_STEP,     /* the step fits the statuses */
    CHECK_EXPIRY,   /* what is settled expires, nothing else does */
    CHECK_INDEX,    /* the index has every order and nothing else */
    CHECK_LEDGER,   /* money */
    CHECK_COUNTERS, /* counters, places and orders agree */
    CHECK_IDEM,     /* an Idempotency-Key leads to an order */
    CHECK_USER,     /* a user's list holds that user's orders */
    CHECK_LIBRARY,  /* the functions are of this version */
    CHECK_COUNT
};
const char *check_name(enum check check);

/* The function that would put it right. */
enum fix { FIX_NONE, FIX_PLACE, FIX_RECORD, FIX_COUNTS };

struct problem {
    enum check check;
    enum fix fix;
    const char *text;   /* what is wrong */
    const char *repair; /* what --repair does; NULL: people must decide */
};

struct finding {
    char *id; /* of an order or update; else a key; "" = the store as a whole */
    enum check check;
    enum fix fix;
    char *text;
    char *repair;       /* as in struct problem */
    const char *result; /* found, repaired, not_repaired; static */
    char *done;         /* what was done to it; NULL: nothing */
};

/* One of zeros is empty. */
struct findings {
    struct finding *items; /* owned, with their texts */
    size_t n, capacity;
};

/* Copies id and texts. */
void findings_add(struct findings *f, const char *id, const struct problem *problem);
/* Formats what is wrong, up to 511 bytes of it; no function repairs it. */
void findings_report(struct findings *f, const char *id, enum check check, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Is there one of this check; one that this function would put right? */
int findings_have(const struct findings *f, enum check check);
int findings_have_fix(const struct findings *f, enum fix fix);
/* Sorts them, and drops what was found twice. */
void findings_sort(struct findings *f);
/* They are empty afterwards. */
void findings_release(struct findings *f);

#endif
