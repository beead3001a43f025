"""What comes out and is not what its author meant: failures, or warnings."""

from avp_py.errors import Failure
from avp_py.settings import WarningMode


class Findings:
    """Gathers what is noticed about a run.

    Attributes:
        failures: what fails the run.
        warnings: what is shown, and fails nothing.
    """

    def __init__(self, mode: WarningMode, *, is_lenient: bool) -> None:
        """Begin without any.

        Args:
            mode: AVP_WARNINGS.
            is_lenient: whether what is surely not meant is a warning, too.
        """
        self._mode = mode
        self._is_lenient = is_lenient
        self.failures: list[Failure] = []
        self.warnings: list[Failure] = []

    def add(self, finding: Failure, *, is_sure: bool) -> None:
        """Add something that was noticed.

        Args:
            finding: what, where, and what to do.
            is_sure: whether it is surely not meant, and fails the run. Otherwise it is a warning,
                of which AVP_WARNINGS says what becomes.
        """
        if (is_sure and not self._is_lenient) or self._mode == "error":
            self.failures.append(finding)
        elif self._mode == "show":
            self.warnings.append(finding)
