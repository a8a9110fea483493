"""For all of the Python tests."""


def pytest_configure(config):
    config.addinivalue_line("markers", "once: not again with a sanitizer")
    config.addinivalue_line("markers", "slow: not in make test-quick")
