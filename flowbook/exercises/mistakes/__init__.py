"""The known mistakes of each assignment, with their hints: one module each."""
