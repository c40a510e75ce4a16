"""What chance alone would give: markets without a pattern, to compare findings with."""
