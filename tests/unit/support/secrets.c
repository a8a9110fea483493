#include "tests/unit/support/secrets.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/conf.h"
#include "tests/unit/support/test.h"

static char dir[32], path[96];

void secrets_make(const char *user)
{
    snprintf(dir, sizeof dir, "/tmp/tu-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/%s", dir, user);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fputs("sesame\n", f);
    fclose(f);
    conf.secrets_dir = dir;
}

void secrets_remove(void)
{
    unlink(path);
    rmdir(dir);
}
