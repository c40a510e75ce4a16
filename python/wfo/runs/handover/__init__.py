"""Hand-over: one parameter set as a file, and what it has working in the next bar."""
