"""Runs avp-py on a case."""

from collections.abc import Mapping

from avp_py.errors import AvpError
from avp_py.generate import Request, generate
from avp_py.settings import Program, Sources, resolve
from tests.compat.case import Case
from tests.compat.outcome import Outcome, printed


def run(case: Case, env: Mapping[str, str]) -> Outcome:
    """Manifests on standard input, in this process; nothing is kept from one case to the next."""
    sources = Sources(env, program=Program.ARGOCD_VAULT_PLUGIN)
    try:
        output = generate(Request(case.stdin, "plain", resolve(sources)))
    except AvpError as error:
        reasons = "".join(f"{each.reason}\n" for each in error.failures)
        return Outcome(error=reasons, failures=tuple(error.failures))
    return printed(output.text)
