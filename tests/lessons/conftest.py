def pytest_ignore_collect(collection_path, config):
    """On the CPU test_lessons.py has all that test_on_a_device.py has."""
    if collection_path.name == "test_on_a_device.py" and config.getoption("--device") == "cpu":
        return True
    return None
