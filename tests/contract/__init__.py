"""The contract, rule by rule, on every engine: one file a chapter, each test with its rules."""
