"""How many examples property tests try: a few; all run again with many in `make slow`."""

from hypothesis import settings

settings.register_profile("fast", max_examples=30)
settings.register_profile("full", max_examples=150)
settings.load_profile("fast")
