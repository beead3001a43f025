"""`python -m avp_py` is the command `avp-py`."""

from avp_py.entry import entrypoint

if __name__ == "__main__":
    entrypoint()
