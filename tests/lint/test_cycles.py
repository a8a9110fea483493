"""The check of circles finds one, names it, and passes what has none."""
import pathlib
import subprocess

CYCLES = pathlib.Path(__file__).with_name("cycles.py")


def check(folder, sources):
    """Compiles {name: text} into the folder and lets the check look at it."""
    objects = []
    for name, text in sources.items():
        path = folder / name
        objects.append(path.with_suffix(".o"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        subprocess.run(["cc", "-c", "-o", objects[-1], path], check=True)
    return subprocess.run([CYCLES, *objects], capture_output=True, text=True, check=False)


def test_two_files_that_call_each_other_are_a_circle(tmp_path):
    done = check(tmp_path, {
        "hen.c": "void lay(void); void hatch(void) { lay(); }",
        "egg.c": "void hatch(void); void lay(void) { hatch(); }",
    })
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "a circle of 2 files:",
        "  egg.c -> hen.c: hatch",
        "  hen.c -> egg.c: lay",
    ]
    assert done.stdout == "2 files, 1 circles\n"


def test_a_circle_over_three_files_and_a_variable_is_found(tmp_path):
    done = check(tmp_path, {
        "a.c": "extern int b; int *a(void) { return &b; }",
        "b.c": "int c(void); int b = 1; int of_b(void) { return c(); }",
        "c.c": "int *a(void); int c(void) { return *a(); }",
        "user.c": "int c(void); int use(void) { return c(); }",
    })
    assert done.returncode == 1
    assert "a circle of 3 files:" in done.stderr
    assert "user.c" not in done.stderr


def test_what_has_no_circle_passes(tmp_path):
    done = check(tmp_path, {
        "low.c": "int low(int n) { return n ? low(n - 1) : 0; }",  # one's own recursion is none
        "high.c": "int low(int n); int high(void) { return low(1); }",
    })
    assert (done.returncode, done.stderr) == (0, "")


def test_a_name_of_two_programs_is_that_of_the_own_one(tmp_path):
    """Both programs define stop(); neither reaches into the other."""
    done = check(tmp_path, {
        "one/main.c": "void stop(void); void one(void) { stop(); }",
        "one/stop.c": "void two(void); void stop(void) { two(); }",
        "two/main.c": "void stop(void); void two(void) { stop(); }",
        "two/stop.c": "void stop(void) { }",
    })
    assert done.returncode == 0, done.stderr


def test_nothing_to_look_at_is_an_error(tmp_path):
    done = check(tmp_path, {})
    assert done.returncode == 1
    assert "build first" in done.stderr
