#include "redis/library.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/unit/support/test.h"

static struct library lib;

static int setup(void **state)
{
    (void)state;
    library_init(&lib, "some/functions/shop");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    library_release(&lib);
    return 0;
}

static void add(const char *file_name, const char *text)
{
    const char *complaint = library_add(&lib, file_name, text);
    if (complaint)
        fail_msg("%s %s", file_name, complaint);
}

static void refuse(const char *file_name, const char *text, const char *complaint)
{
    size_t len = lib.code.len, n_lines = lib.n_lines;
    const char *said = library_add(&lib, file_name, text);
    assert_non_null(said);
    if (!strstr(said, complaint))
        fail_msg("%s is refused with: %s", file_name, said);
    assert_int_equal(lib.code.len, len);
    assert_int_equal(lib.n_lines, n_lines);
}

/* Line n of the joined text, from 1 on. */
static void expect_line_of(const struct library *l, size_t n, const char *expected)
{
    const char *at = l->code.data;
    for (size_t i = 1; i < n; i++) {
        at = strchr(at, '\n');
        assert_non_null(at);
        at++;
    }
    assert_int_equal(strcspn(at, "\n"), strlen(expected));
    assert_memory_equal(at, expected, strlen(expected));
}

static void expect_line(size_t n, const char *expected)
{
    expect_line_of(&lib, n, expected);
}

static void expect_explained(const char *message, const char *expected)
{
    char *said = library_explain(&lib, message);
    assert_string_equal(said, expected);
    free(said);
}

/* n lines, of which the last may lack its newline. */
static char *lines(size_t n, int has_last_newline)
{
    char *text = mem_calloc(1, 2 * n + 1);
    for (size_t i = 0; i < n; i++)
        memcpy(text + 2 * i, "x\n", 2);
    if (!has_last_newline)
        text[2 * n - 1] = '\0';
    return text;
}

/* ---- joining --------------------------------------------------------------------------------- */

static void the_first_line_names_the_library(void **state)
{
    (void)state;
    assert_string_equal(lib.name, "shop");
    assert_string_equal(lib.code.data, "#!lua name=shop\n");
}

static void a_line_of_a_part_has_its_place_by_the_number(void **state)
{
    (void)state;
    add("01-base.lua", "one\ntwo\n");
    add("02-no-newline.lua", "three");
    add("10-last.lua", "\nfour\n");
    expect_line(1, "#!lua name=shop");
    expect_line(2, "");
    expect_line(1001, "one");
    expect_line(1002, "two");
    expect_line(1003, "");
    expect_line(2001, "three");
    expect_line(10001, "");
    expect_line(10002, "four");
}

static void the_largest_part_leaves_the_next_one_in_its_place(void **state)
{
    (void)state;
    for (int has_last_newline = 0; has_last_newline <= 1; has_last_newline++) {
        library_release(&lib);
        library_init(&lib, "shop");
        char *most = lines(999, has_last_newline), *more = lines(1000, has_last_newline);
        refuse("01-a.lua", more, "more than 999 lines");
        add("01-a.lua", most);
        add("02-b.lua", "next");
        add("99-c.lua", most);
        expect_line(1999, "x");
        expect_line(2001, "next");
        expect_line(99999, "x");
        free(most);
        free(more);
    }
}

static void what_is_no_name_of_a_part_is_refused(void **state)
{
    static const char *const NAMES[] = {"00-a.lua", "1-a.lua", "100-a.lua", "a.lua",   "01a.lua",
                                        "01-a.txt", "0",       "",          "-1-a.lua"};
    (void)state;
    for (size_t i = 0; i < LENGTH(NAMES); i++)
        refuse(guarded_text(NAMES[i]), "x", "NN-subject.lua");
}

static void numbers_must_rise(void **state)
{
    (void)state;
    add("05-a.lua", "x");
    refuse("05-b.lua", "x", "higher number");
    refuse("04-c.lua", "x", "higher number");
    add("06-d.lua", "x");
}

static void a_library_has_a_maximum(void **state)
{
    (void)state;
    char *half = mem_alloc(lib.code.max / 2 + 1);
    memset(half, 'x', lib.code.max / 2);
    half[lib.code.max / 2] = '\0';
    add("01-a.lua", half);
    refuse("02-b.lua", half, "too large");
    free(half);
}

/* ---- from the line back to the file ---------------------------------------------------------- */

static void an_error_names_part_and_line(void **state)
{
    (void)state;
    add("01-base.lua", "one\ntwo\n");
    add("03-placing.lua", "three\n");
    expect_explained("ERR Error compiling function: user_function:3042: '=' expected near 'end'",
                     "ERR Error compiling function: 03-placing.lua:42: '=' expected near 'end'");
    expect_explained("ERR user_function:1002: boom script: place, on @user_function:3001.",
                     "ERR 01-base.lua:2: boom script: place, on @03-placing.lua:1.");
    expect_explained("user_function:3001: 'end' expected (to close 'if' at line 1002) near '<eof>'",
                     "03-placing.lua:1: 'end' expected (to close 'if' at 01-base.lua:2) near "
                     "'<eof>'");
}

static void a_line_of_no_part_stays_as_it_is(void **state)
{
    (void)state;
    add("01-base.lua", "one\n");
    static const char *const SAID[] = {
        "",
        "no line",
        "line",
        "user_function:",
        "user_function:x",
        "user_function:1: unknown",
        "user_function:2001: x",
        "user_function:100001: x",
        "user_function:99999999999999999999999999: x",
    };
    for (size_t i = 0; i < LENGTH(SAID); i++)
        expect_explained(guarded_text(SAID[i]), SAID[i]);
}

/* ---- files ----------------------------------------------------------------------------------- */

static void write_file(const char *dir, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_not_equal(fputs(text, f), EOF);
    assert_int_equal(fclose(f), 0);
}

static void libraries_are_files_and_folders(void **state)
{
    static struct libraries libs;
    static const char *const FILES[] = {"b.lua",      "README.md",  ".c.lua",   "a/02-y.lua",
                                        "a/01-x.lua", "a/notes.md", "a/.03.lua"};
    char dir[] = "/tmp/tiffin-library-XXXXXX", path[256];
    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/a", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    for (size_t i = 0; i < LENGTH(FILES); i++)
        write_file(dir, FILES[i], FILES[i]);

    libraries_read(&libs, dir);
    assert_int_equal(libs.n, 2);
    assert_string_equal(libs.items[0].name, "a");
    expect_line_of(&libs.items[0], 1, "#!lua name=a");
    expect_line_of(&libs.items[0], 1001, "a/01-x.lua");
    expect_line_of(&libs.items[0], 2001, "a/02-y.lua");
    assert_string_equal(libs.items[1].name, "b");
    assert_string_equal(libs.items[1].code.data, "b.lua");
    char *said = library_explain(&libs.items[1], "user_function:42: x");
    assert_string_equal(said, "b.lua:42: x");
    free(said);
    libraries_release(&libs);

    for (size_t i = 0; i < LENGTH(FILES); i++) {
        snprintf(path, sizeof path, "%s/%s", dir, FILES[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/a", dir);
    rmdir(path);
    rmdir(dir);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_line_names_the_library),
        TEST(a_line_of_a_part_has_its_place_by_the_number),
        TEST(the_largest_part_leaves_the_next_one_in_its_place),
        TEST(what_is_no_name_of_a_part_is_refused),
        TEST(numbers_must_rise),
        TEST(a_library_has_a_maximum),
        TEST(an_error_names_part_and_line),
        TEST(a_line_of_no_part_stays_as_it_is),
        TEST(libraries_are_files_and_folders),
    };
    return cmocka_run_group_tests_name("redis/library", tests, NULL, NULL);
}
