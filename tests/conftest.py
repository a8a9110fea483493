"""For all of the Python tests."""

# Those that take longest begin first: side by side, a long file that begins last is waited for alone.
LONG = ("test_page_keys", "test_page_manners", "test_processes", "test_docs", "test_pages",
        "test_clocks", "test_crash_points", "test_lost_replies_api", "test_store_trouble",
        "test_page_faults", "test_functions_walk")


def pytest_configure(config):
    config.addinivalue_line("markers", "once: not again with a sanitizer")
    config.addinivalue_line("markers", "slow: not in make test-quick")


def pytest_collection_modifyitems(items):
    rank = {name: i for i, name in enumerate(LONG)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(LONG)))
