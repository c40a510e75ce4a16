"""Cannot be imported."""

import time

time.sleep(3000)
