"""May this request read this path? Normalised paths, the operator's rules, path templates.

No I/O but the policy file.
"""

from avp_py.policy.decide import Permissions, Verdict
from avp_py.policy.document import read_policy
from avp_py.policy.gate import PolicyGate, read_permissions
from avp_py.policy.paths import normalise, validate
from avp_py.policy.rules import Policy, Rule
from avp_py.policy.template import default_path

__all__ = [
    "Permissions",
    "Policy",
    "PolicyGate",
    "Rule",
    "Verdict",
    "default_path",
    "normalise",
    "read_permissions",
    "read_policy",
    "validate",
]
