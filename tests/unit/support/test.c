#include "tests/unit/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "redis/library.h"

#define GUARDED_PAGES 64

char *read_source(const char *path)
{
    FILE *f = fopen(path, "re");
    if (!f)
        fail_msg("cannot read %s: run the tests at the top of the source tree", path);
    size_t n = 0, room = 1 << 20;
    char *text = mem_alloc(room);
    n = fread(text, 1, room - 1, f);
    fclose(f);
    assert_in_range(n, 1, room - 2);
    text[n] = '\0';
    return text;
}

char *read_functions(void)
{
    struct library lib;
    library_read(&lib, "redis/functions/tiffin");
    char *code = mem_strdup(lib.code.data);
    library_release(&lib);
    return code;
}

char *guarded(const void *bytes, size_t n)
{
    static char *pages;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = GUARDED_PAGES * page;
    if (!pages) {
        /* cppcheck-suppress invalidFunctionArg ; -1 is right for MAP_ANONYMOUS */
        pages = mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert_true(pages != MAP_FAILED);
        assert_int_equal(mprotect(pages + size, page, PROT_NONE), 0);
    }
    assert_true(n <= size);
    char *start = pages + size - n;
    if (n)
        memcpy(start, bytes, n);
    return start;
}

char *guarded_text(const char *text)
{
    return guarded(text, strlen(text) + 1);
}

const char *printed(void (*print)(FILE *))
{
    static char text[32768];
    FILE *f = fmemopen(text, sizeof text - 1, "w");
    assert_non_null(f);
    print(f);
    fclose(f);
    return text;
}
