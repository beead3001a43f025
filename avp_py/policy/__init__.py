"""May this request read this path, or fetch this URL? The operator's rules, path templates.

No I/O but the policy file. Only what every run needs can be imported from the package itself; the
rest is loaded where there is a policy.
"""

from avp_py.policy.gate import PolicyGate, read_permissions
from avp_py.policy.paths import normalise, validate
from avp_py.policy.template import default_path

__all__ = ["PolicyGate", "default_path", "normalise", "read_permissions", "validate"]
