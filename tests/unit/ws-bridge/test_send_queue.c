/* What waits to be sent, over a socket pair that keeps packets apart: a test sees each write. */
#include "tests/unit/support/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "ws-bridge/chunk.h"
#include "ws-bridge/send_queue.h"

static struct send_queue q;
static int ours, theirs;

static int start(void **state)
{
    int fds[2];
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds), 0);
    ours = fds[0];
    theirs = fds[1];
    return 0;
}

static int stop(void **state)
{
    (void)state;
    send_queue_release(&q);
    send_queue_release(&q);
    assert_int_equal(q.n + q.bytes, 0);
    close(ours);
    if (theirs >= 0)
        close(theirs);
    return 0;
}

static void add(const char *text)
{
    struct chunk *chunk = chunk_of(CHUNK_TEXT, text, strlen(text));
    send_queue_add(&q, chunk);
    chunk_unref(chunk);
}

/* The next packet is exactly this. */
static void expect(const char *bytes, size_t n)
{
    char in[65536];
    assert_int_equal(recv(theirs, in, sizeof in, 0), n);
    assert_memory_equal(in, bytes, n);
}
#define EXPECT(text) expect(text, sizeof(text) - 1)

static void all_leave_in_one_write(void **state)
{
    (void)state;
    add("a");
    add("bc");
    assert_int_equal(q.bytes, 7);
    assert_int_equal(send_queue_flush(&q, ours), 0);
    EXPECT("\x81\x01"
           "a\x81\x02"
           "bc");
    assert_int_equal(q.n + q.bytes, 0);
    assert_int_equal(send_queue_flush(&q, ours), 0);
}

/* More chunks than slots at first and than one write takes, and the ring's head is not its start.
 */
static void many_leave_in_order(void **state)
{
    char text[2] = "0";
    (void)state;
    add("first");
    assert_int_equal(send_queue_flush(&q, ours), 0);
    for (int i = 0; i < 70; i++) {
        text[0] = (char)('0' + i);
        add(text);
    }
    assert_int_equal(send_queue_flush(&q, ours), 0);
    EXPECT("\x81\x05"
           "first");
    char in[512];
    assert_int_equal(recv(theirs, in, sizeof in, 0), 64 * 3);
    assert_int_equal(recv(theirs, in + 64 * 3, sizeof in - 64 * 3, 0), 6 * 3);
    for (int i = 0; i < 70; i++)
        assert_int_equal(in[i * 3 + 2], '0' + i);
}

static void a_chunk_is_shared_not_copied(void **state)
{
    (void)state;
    struct chunk *chunk = chunk_of(CHUNK_TEXT, "x", 1);
    send_queue_add(&q, chunk);
    assert_int_equal(chunk->refs, 2);
    send_queue_add_frame(&q, CHUNK_PONG, "!", 1); /* not into what others get, too */
    assert_int_equal(q.n, 2);
    assert_int_equal(chunk->len, 3);
    assert_int_equal(send_queue_flush(&q, ours), 0);
    assert_int_equal(chunk->refs, 1);
    EXPECT("\x81\x01x\x8a\x01!");
    chunk_unref(chunk);
}

static void small_frames_share_a_chunk(void **state)
{
    static char long_text[5000];
    (void)state;
    for (int i = 0; i < 100; i++)
        send_queue_add_frame(&q, CHUNK_PONG, "0123456789", 10);
    assert_int_equal(q.n, 1);
    assert_int_equal(q.bytes, 1200);
    send_queue_add_frame(&q, CHUNK_TEXT, long_text, sizeof long_text);
    send_queue_add_frame(&q, CHUNK_PONG, "", 0); /* it is full now */
    assert_int_equal(q.n, 2);
    assert_int_equal(q.bytes, 1200 + 5004 + 2);
}

static void bytes_that_are_no_frames_are_left_alone(void **state)
{
    (void)state;
    struct chunk *raw = chunk_of_bytes("HTTP", 4);
    send_queue_add(&q, raw);
    chunk_unref(raw);
    send_queue_add_frame(&q, CHUNK_PING, "", 0);
    assert_int_equal(q.n, 2);
}

/* Over a stream, whose buffer takes a part: what has been begun is finished, the rest goes. */
static void cut_keeps_what_was_begun(void **state)
{
    enum { PAYLOAD = 4 << 20, FRAME = PAYLOAD + 10 };
    int fds[2];
    char *text = mem_calloc(1, PAYLOAD + 1), *in = mem_alloc(2 * FRAME);
    size_t n_in = 0;
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    memset(text, 'x', PAYLOAD);
    add(text);
    add("never sent");
    assert_int_equal(send_queue_flush(&q, fds[0]), 0);
    assert_true(q.sent > 0 && q.bytes > 0);
    send_queue_cut(&q);
    add("last");
    while (q.n) {
        assert_int_equal(send_queue_flush(&q, fds[0]), 0);
        for (ssize_t n = 1; n > 0; n_in += n > 0 ? (size_t)n : 0)
            n = recv(fds[1], in + n_in, 2 * FRAME - n_in, 0);
    }
    assert_int_equal(n_in, FRAME + 6);
    assert_int_equal(in[FRAME - 1], 'x');
    assert_memory_equal(in + FRAME, "\x81\x04last", 6);
    close(fds[0]);
    close(fds[1]);
    free(text);
    free(in);
}

static void cut_before_a_frame_leaves_nothing(void **state)
{
    (void)state;
    add("a");
    send_queue_cut(&q);
    assert_int_equal(q.n + q.bytes, 0);
}

static void a_broken_connection_is_an_error(void **state)
{
    (void)state;
    add("a");
    close(theirs);
    theirs = -1;
    assert_int_equal(send_queue_flush(&q, ours), -EPIPE);
    assert_int_equal(q.n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)
        TEST(all_leave_in_one_write),
        TEST(many_leave_in_order),
        TEST(a_chunk_is_shared_not_copied),
        TEST(small_frames_share_a_chunk),
        TEST(bytes_that_are_no_frames_are_left_alone),
        TEST(cut_keeps_what_was_begun),
        TEST(cut_before_a_frame_leaves_nothing),
        TEST(a_broken_connection_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
