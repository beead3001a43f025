"""Which path in the backend is meant by what a document says. No I/O."""

from avp_py.policy.paths import normalise, validate
from avp_py.policy.template import default_path

__all__ = ["default_path", "normalise", "validate"]
