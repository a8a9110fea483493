/* Live-status streams of one order: what Redis tells of it, and what its readers get. For tests on
 * api_fixture.h. */
#ifndef TIFFIN_TESTS_SUPPORT_LIVE_FIXTURE_H
#define TIFFIN_TESTS_SUPPORT_LIVE_FIXTURE_H

#include "tests/unit/support/api_fixture.h"

#define LIVE_PATH "/order/" FIXTURE_ID "/live-status"
#define LIVE_LAST 6        /* the version that settles the order; the first is 1 */
#define LIVE_RETRY_MS 1000 /* as in live_status.c */

/* ---- what Redis tells ------------------------------------------------------------------------ */

/* The order's hash that is being read is as of this version. */
void live_answer_read(int version);
/* The event of this version comes; and that of another order. */
void live_tell(int version);
void live_tell_of(const char *id, int version);
/* So many reads are under way, and nothing else. */
void live_expect_reading(size_t n);

/* ---- the reader ------------------------------------------------------------------------------ */

/* A request with this Last-Event-ID (NULL: without) that dispatch() has had. */
struct conn *live_open_after(const char *last_event_id);
/* One who has this version and follows. */
struct conn *live_follower(int version);
/* Since the last call he got these events: versions, "end", "error", and "retry" for what begins
 * the stream, with blanks between. */
void live_expect_events(struct conn *c, const char *expected);

#endif
