"""The chaos tests stand on the helpers of the integration and function tests."""
import pathlib
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
for folder in ("integration", "functions", "chaos"):
    if str(TESTS / folder) not in sys.path:
        sys.path.append(str(TESTS / folder))

from crash_points import undisturbed_runs  # noqa: E402

CRASH_TESTS = TESTS / "chaos" / "test_crash_points.py"


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    """The workers of pytest-xdist must all collect the same tests: the points are found before."""
    asked_for = [pathlib.Path(arg.split("::")[0]).resolve() for arg in node.config.args]
    if any(CRASH_TESTS.is_relative_to(path) for path in asked_for):
        node.workerinput["crash_points"] = undisturbed_runs(node.config)
