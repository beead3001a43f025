"""Many secrets at once, each read one time."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from avp_py.backends.interface import Backend, Location, Secret
from avp_py.errors import BackendError


def read_all(
    backend: Backend, locations: Iterable[Location], concurrency: int
) -> Mapping[Location, Secret | BackendError]:
    """Reads each location once.

    Args:
        backend: where to read.
        locations: what to read; repeats are read once.
        concurrency: how many reads run at the same time.

    Returns:
        For each location its secret, or the error that its read ended with.
    """

    def read(location: Location) -> Secret | BackendError:
        try:
            return backend.read(location)
        except BackendError as error:
            return error

    wanted = list(dict.fromkeys(locations))
    with ThreadPoolExecutor(max_workers=min(concurrency, len(wanted)) or 1) as pool:
        return dict(zip(wanted, pool.map(read, wanted), strict=True))
