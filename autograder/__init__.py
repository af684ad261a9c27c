"""The instructor's side: release an assignment, grade a class, tell each why."""
