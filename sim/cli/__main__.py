"""`python -m sim.cli`: the command line without its script."""

import sys

from sim.cli import main

sys.exit(main())
