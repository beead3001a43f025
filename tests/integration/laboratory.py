"""Real children in the sandbox, on the real kernel."""

import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from avp_py.errors import ChildError
from avp_py.limits import Limits
from avp_py.sandbox import SYSTEM, Access, Places, Written, program_access, run

LIMITS: Final = Limits(
    seconds=30, timeout=30, deadline=math.inf, input_bytes=1, files=1, output_bytes=10_000_000
)


class Laboratory:
    """A child that runs Python, and the paths and ports that it may use."""

    def __init__(self, top: Path) -> None:
        self.top = top.resolve()
        for name in ("repository", "scratch", "outside"):
            (self.top / name).mkdir()
        interpreter = os.path.realpath(sys.executable)
        self._argv = [interpreter, "-ISc"]
        self.env = {"TMPDIR": str(self.top / "scratch")}
        self.access = SYSTEM | program_access(interpreter)
        self.access |= Access(
            read=(Path(os.__file__).parent, self.top / "repository"),
            write=(self.top / "scratch",),
        )

    def argv(self, code: str) -> Sequence[str]:
        """The command line of a child that runs code."""
        return [*self._argv, code]

    def run(
        self,
        code: str,
        access: Access | None,
        *,
        limits: Limits = LIMITS,
        written: Written | None = None,
    ) -> bytes:
        """Run code in a child; without an access, without a sandbox."""
        return run(
            self.argv(code),
            cwd=self.top,
            env=self.env,
            limits=limits,
            access=access,
            places=Places(Path("/none"), Path("/none"), None),
            written=written or Written(),
        )

    def denied(self, code: str, more: Access | None = None, says: str = "Permission") -> None:
        """Check that code works without the sandbox, and is denied in it."""
        self.run(code, None)
        access = self.access if more is None else self.access | more
        with pytest.raises(ChildError) as raised:
            self.run(code, access)
        assert says in raised.value.detail
