"""Standard error, and the form that messages have there."""

from collections.abc import Mapping, Sequence
from typing import TextIO

from avp_py.cli.formats import Format, JsonFormat, TextFormat
from avp_py.errors import AvpError, Failure
from avp_py.settings import LogFormat, Sources, read_log


class Log:
    """Writes messages in the form that AVP_LOG_FORMAT names.

    Attributes:
        format: how they are written.
    """

    format: Format

    def __init__(self, stream: TextIO, environ: Mapping[str, str]) -> None:
        """Begin with what the environment says.

        It counts before all settings are read, and where they cannot be.

        Args:
            stream: standard error.
            environ: the environment.
        """
        self._stream = stream
        self._environ = environ
        self.use(read_log(Sources(environ)).format)

    def use(self, name: LogFormat) -> None:
        """Write in this form from now on."""
        self.format = JsonFormat(self._environ) if name == "json" else TextFormat()

    def failures(self, error: AvpError, *, verbose: bool = False) -> None:
        """Write the failures of a run."""
        self.write(self.format.failures(error, verbose=verbose))

    def warnings(self, warnings: Sequence[Failure]) -> None:
        """Write what was noticed, and failed nothing."""
        self.write(self.format.warnings(warnings))

    def write(self, text: str) -> None:
        """Write lines that have their form already."""
        self._stream.write(text)

    def flush(self) -> None:
        """Flush standard error."""
        self._stream.flush()
