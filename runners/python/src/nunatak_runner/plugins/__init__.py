"""The detectors that come with the runner: one module a library, each with a function `detectors()`."""
