"""Cannot be imported."""

import sys

sys.exit(2)
