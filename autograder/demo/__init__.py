"""A made-up class of an assignment's right and wrong answers, graded."""
