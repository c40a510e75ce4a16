"""The verdict on a run: statistics of its search, collected, judged by rules, and shown."""
