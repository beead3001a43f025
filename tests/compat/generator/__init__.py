"""Makes cases at random. A case depends only on the seed and its index."""

from tests.compat.generator.deviating import Deviating, make_deviating_case
from tests.compat.generator.settings import make_settings_case
from tests.compat.generator.stream import make_case

__all__ = ["Deviating", "make_case", "make_deviating_case", "make_settings_case"]
