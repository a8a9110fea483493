#include "tests/unit/support/redis_server.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rds_sync.h"
#include "tests/unit/support/test.h"

#define START_MS 60000
#define PASSWORD "sesame"

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");
    if (!f || fputs(text, f) < 0 || fclose(f))
        fail_msg("cannot write %s: %s", path, strerror(errno));
}

void redis_server_set_secret(const struct redis_server *s, const char *user, const char *password)
{
    char path[160], line[256];
    snprintf(path, sizeof path, "%s/%s", s->secrets, user);
    if (!password) {
        unlink(path);
        return;
    }
    snprintf(line, sizeof line, "%s\n", password);
    write_file(path, line);
}

static int accepts(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int ok = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

static void run_server(const struct redis_server *s, pid_t parent)
{
    char config[128];
    snprintf(config, sizeof config, "%s/redis.conf", s->dir);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent)
        execlp("redis-server", "redis-server", config, (char *)NULL);
    _exit(127);
}

void redis_server_start(struct redis_server *s)
{
    pid_t parent = getpid();
    unlink(s->socket);
    s->pid = fork();
    if (s->pid == 0)
        run_server(s, parent);
    assert_true(s->pid > 0);
    for (int64_t end = clock_mono_ms() + START_MS; !accepts(s->socket);) {
        if (waitpid(s->pid, NULL, WNOHANG) == s->pid)
            fail_msg("redis-server did not start: is it installed?");
        if (clock_mono_ms() > end)
            fail_msg("redis-server did not come up within %d ms", START_MS);
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
}

void redis_server_init(struct redis_server *s)
{
    char path[128], config[1024];
    snprintf(s->dir, sizeof s->dir, "/tmp/tiffin-unit-XXXXXX");
    if (!mkdtemp(s->dir))
        fail_msg("cannot make a folder below /tmp: %s", strerror(errno));
    snprintf(s->socket, sizeof s->socket, "%s/redis.sock", s->dir);
    snprintf(s->secrets, sizeof s->secrets, "%s/secrets", s->dir);
    assert_int_equal(mkdir(s->secrets, 0700), 0);
    snprintf(config, sizeof config,
             "port 0\nunixsocket %s\ndir %s\nlogfile redis.log\nsave \"\"\n"
             "user default off\n"
             "user tester on >" PASSWORD " ~* &* +@all\n"
             "user greeter on >" PASSWORD " -@all +ping +time +role +client|setname\n",
             s->socket, s->dir);
    snprintf(path, sizeof path, "%s/redis.conf", s->dir);
    write_file(path, config);
    redis_server_set_secret(s, "tester", PASSWORD);
    redis_server_set_secret(s, "greeter", PASSWORD);
    redis_server_start(s);
}

void redis_server_signal(const struct redis_server *s, int signal)
{
    assert_true(s->pid > 0);
    assert_int_equal(kill(s->pid, signal), 0);
}

void redis_server_kill(struct redis_server *s)
{
    if (s->pid <= 0)
        return;
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    s->pid = 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

void redis_server_ask(const struct redis_server *s, const char *a, const char *b, const char *c)
{
    char error[256];
    struct rds_sync *redis;
    const struct rds_sync_options options = {
        .address = s->socket, .user = "tester", .password = PASSWORD};
    if (rds_sync_open(&options, &redis, error, sizeof error))
        fail_msg("%s", error);
    struct redisReply *reply = rds_sync_ask(redis, a, b, c);
    if (!reply)
        fail_msg("%s: %s", a, rds_sync_error(redis));
    rds_sync_free(reply);
    rds_sync_close(redis);
}

void redis_server_release(struct redis_server *s)
{
    redis_server_kill(s);
    nftw(s->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
