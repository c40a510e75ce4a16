"""Cannot be imported."""

import os

os._exit(5)
