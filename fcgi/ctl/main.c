/* tiffin-ctl: the operator's tool. One table of commands; options may stand anywhere. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/rds_sync.h"
#include "base/version.h"
#include "ctl/ctl.h"
#include "ctl/options.h"
#include "ctl/output.h"

#define PASSWORD_SIZE 256
#define ERROR_SIZE 512

static cmd_fn *const RUN[COMMAND_COUNT] = {
    [COMMAND_STATUS] = cmd_status,   [COMMAND_ORDER] = cmd_order,     [COMMAND_JOBS] = cmd_jobs,
    [COMMAND_REQUEUE] = cmd_requeue, [COMMAND_DISCARD] = cmd_discard, [COMMAND_PAUSE] = cmd_pause,
    [COMMAND_RESUME] = cmd_resume,   [COMMAND_FSCK] = cmd_fsck,       [COMMAND_SETTLE] = cmd_settle,
};

/* Signs in as admin. */
static struct rds_sync *open_redis(void)
{
    char error[ERROR_SIZE], password[PASSWORD_SIZE];
    struct rds_sync *redis;
    if (conf_load(error, sizeof error))
        ctl_die("%s", error);
    int err = conf_secret("admin", password, sizeof password);
    if (err)
        ctl_die("%s/admin, the password, cannot be read (%s): is the stack up?", conf.secrets_dir,
                strerror(-err));
    struct rds_sync_options options = {
        .address = conf.redis, .user = "admin", .password = password};
    err = rds_sync_open(&options, &redis, error, sizeof error);
    explicit_bzero(password, sizeof password);
    if (err)
        ctl_die("%s", error);
    return redis;
}

int main(int argc, char **argv)
{
    struct options options;
    char error[ERROR_SIZE];

    (void)signal(SIGPIPE, SIG_IGN);
    out_init();
    if (options_parse(&options, argc, argv, error, sizeof error)) {
        fprintf(stderr, "tiffin-ctl: %s (try --help)\n", error);
        return EXIT_USAGE;
    }
    if (options.is_version) {
        printf("tiffin-ctl " TIFFIN_VERSION "\n");
        return EXIT_OK;
    }
    if (options.is_help) {
        options_print_help(stdout, options.command);
        return EXIT_OK;
    }
    if (options_check_argument(&options, error, sizeof error))
        ctl_die("%s", error);
    struct rds_sync *redis = open_redis();
    int code = RUN[options.command](redis, &options);
    rds_sync_close(redis);
    if (fflush(stdout) != 0)
        ctl_die("the output cannot be written: %s", strerror(errno));
    return code;
}
