"""What each program should make of an input: the rules that both follow, and where they part.

Where the two programs differ on a case, the difference is no surprise only if this model foretells
both of their outcomes to the letter, and names each deviation that it used to do so.
"""

from tests.compat.model.predict import Prediction, predict
from tests.compat.model.store import Store

__all__ = ["Prediction", "Store", "predict"]
