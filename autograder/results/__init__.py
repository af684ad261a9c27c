"""What comes of grades: scores, feedback, the class's report, files."""
