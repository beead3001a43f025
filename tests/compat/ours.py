"""Runs avp-py on a case."""

from collections.abc import Mapping

from avp_py.errors import AvpError
from avp_py.generate import LocalKeeper, Request, generate
from avp_py.settings import Program, Sources, resolve
from tests.compat.case import Case
from tests.compat.outcome import Outcome, printed
from tests.integration.reader import Reader


def run(case: Case, env: Mapping[str, str], reader: Reader) -> Outcome:
    """Run avp-py in this process; nothing is kept from one case to the next."""
    own = {name: value for name, value in {**env, **case.env}.items() if value is not None}
    sources = Sources(own, program=Program.ARGOCD_VAULT_PLUGIN)
    try:
        resolution = resolve(sources)
        request = Request(case.stdin, "plain", resolution.settings, own, is_lenient=True)
        output = generate(request, LocalKeeper(resolution))
    except AvpError as error:
        reasons = "".join(f"{each.reason}\n" for each in error.failures)
        return Outcome(error=reasons, failures=tuple(error.failures))
    return printed(output.text, reader)
