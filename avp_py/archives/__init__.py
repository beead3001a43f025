"""Archives of charts and commits, which another machine has made: hostile input.

Both sides read them: the process that fetches, so that nothing is kept that cannot be used, and
what renders.
"""

from avp_py.archives.tar import read_tar
from avp_py.archives.unpack import PackedChart, read_chart, unpack_chart, unpack_tar

__all__ = ["PackedChart", "read_chart", "read_tar", "unpack_chart", "unpack_tar"]
