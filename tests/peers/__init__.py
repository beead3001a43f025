"""What the peers' own test suites ask, asked of avp-py and of the other project."""
