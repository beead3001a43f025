"""The facts from other projects' test suites, verified with avp-py and with the other project."""
