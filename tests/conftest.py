"""How many examples property tests try: a few; all run again with many in `make slow`."""

import gc

from hypothesis import settings

settings.register_profile("fast", max_examples=25)
settings.register_profile("full", max_examples=150)
settings.load_profile("fast")


def pytest_collection_finish() -> None:
    """Thousands of collected tests need not be searched for garbage: an eighth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
