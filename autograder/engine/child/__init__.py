"""What runs in the forked processes: the student's and the test's."""
