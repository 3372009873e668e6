"""Two ways to test properties: the same examples every time, or many new ones (`make fuzz`)."""

import os

from hypothesis import settings

settings.register_profile("default", derandomize=True, deadline=None, max_examples=25)
settings.register_profile("fuzz", deadline=None, max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
