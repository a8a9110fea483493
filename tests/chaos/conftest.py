"""The chaos tests stand on the helpers of the integration and function tests."""
import pathlib
import sys

TESTS = pathlib.Path(__file__).resolve().parents[1]
for folder in ("integration", "functions", "chaos"):
    if str(TESTS / folder) not in sys.path:
        sys.path.append(str(TESTS / folder))


def pytest_configure(config):
    config.addinivalue_line("markers", "once: not again with a sanitizer")
