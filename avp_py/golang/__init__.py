"""What Go's YAML and JSON libraries read and print, pinned to versions and tested against them.

Pure: no I/O, no Kubernetes, no word of avp-py's own behaviour. Each module names the library and
the version that it follows; tools/oracle has the programs that it is compared with.
"""
