"""`python -m nunatak_runner`."""

import sys

from .cli import main

sys.exit(main())
