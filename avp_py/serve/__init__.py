"""The resident core: supervisor, workers and keeper, and the client that hands requests to it.

Nothing is imported here: the client loads as little as it can.
"""
