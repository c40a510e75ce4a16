"""From the figures of a sweep to a choice: scores, plateaus, strategies side by side."""
