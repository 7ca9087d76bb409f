"""The process that computes: it knows detectors, files and nothing of servers. See `__main__`."""
