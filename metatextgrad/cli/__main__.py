"""`python -m metatextgrad.cli`, where the command is not on the path."""

import sys

from metatextgrad.cli import main

sys.exit(main())
