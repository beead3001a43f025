"""Makes cases at random. Each is the same for the same seed and index, whatever came before."""

from tests.compat.generator.deviating import Deviating, make_deviating_case
from tests.compat.generator.settings import make_settings_case
from tests.compat.generator.stream import make_case

__all__ = ["Deviating", "make_case", "make_deviating_case", "make_settings_case"]
