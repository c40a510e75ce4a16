"""What a user writes: a class of `Rules`, expressions of columns and parameters, and orders."""
