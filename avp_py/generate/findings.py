"""What comes out and is not what its author meant: failures, or warnings."""

from collections.abc import Iterable

from avp_py import manifests
from avp_py.errors import Failure, Failures
from avp_py.manifests import Finding, Manifest, Stream
from avp_py.settings import PolicySettings


class Findings:
    """Gathers what is noticed about a run.

    Attributes:
        failures: what fails the run.
        warnings: what is shown, and fails nothing.
    """

    def __init__(self, settings: PolicySettings, *, is_lenient: bool) -> None:
        """Begin without any.

        Args:
            settings: say what becomes of what is noticed.
            is_lenient: whether what is surely not meant is a warning, too.
        """
        self._mode = settings.warnings
        self._unfilled = settings.fail_on_unresolved
        self._refuses_duplicates = settings.duplicate_keys == "error"
        self._is_lenient = is_lenient
        self.failures = Failures()
        self.warnings: list[Failure] = []

    def add_all(self, stream: Stream) -> None:
        """Add what is noticed about the documents of a stream as they were rendered."""
        for manifest in stream.manifests:
            for finding in manifests.duplicates(manifest, is_sure=self._refuses_duplicates):
                self.add_to(manifest, finding)
            for finding in manifests.findings(stream.text, manifest, unfilled=self._unfilled):
                self.add_to(manifest, finding)

    def add_warnings(self, warnings: Iterable[Failure]) -> None:
        """Add what is probably not meant."""
        for warning in warnings:
            self.add(warning, is_sure=False)

    def add_to(self, manifest: Manifest, finding: Finding) -> None:
        """Add something that was noticed about a document."""
        failure = Failure(
            finding.reason,
            hint=finding.hint,
            document=manifest.label,
            field=finding.field,
            file=manifest.origin.file,
            line=manifest.origin.line(finding.start),
        )
        self.add(failure, is_sure=finding.is_sure)

    def add(self, finding: Failure, *, is_sure: bool) -> None:
        """Add something that was noticed.

        Args:
            finding: what, where, and what to do.
            is_sure: whether it is surely not meant, and fails the run. Otherwise it is a warning,
                of which AVP_WARNINGS says what becomes.
        """
        if (is_sure and not self._is_lenient) or self._mode == "error":
            self.failures.add(finding)
        elif self._mode == "show":
            self.warnings.append(finding)
