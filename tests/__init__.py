"""The tests."""

import os

# In a process that was forked, gRPC starts its threads again, and one in 25 was killed by them
# before it could execute its program (grpcio 1.85). This is read when gRPC is loaded.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"
