"""Rules of users: scenarios that are small enough to compute by hand, on every engine."""
