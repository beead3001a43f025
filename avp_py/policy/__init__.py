"""May this request read this path, or fetch this URL? The operator's rules, path templates.

No I/O but the policy file.
"""

from avp_py.policy.decide import Permissions
from avp_py.policy.document import read_policy
from avp_py.policy.fetching import checked_url
from avp_py.policy.gate import PolicyGate, read_permissions
from avp_py.policy.paths import normalise, validate
from avp_py.policy.rules import Policy, Rule
from avp_py.policy.template import default_path
from avp_py.policy.verdict import Verdict

__all__ = [
    "Permissions",
    "Policy",
    "PolicyGate",
    "Rule",
    "Verdict",
    "checked_url",
    "default_path",
    "normalise",
    "read_permissions",
    "read_policy",
    "validate",
]
