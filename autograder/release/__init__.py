"""Release an assignment: only one whose tests tell right answers from wrong ones."""
