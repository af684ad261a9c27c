"""What people do with written answers: their shares, their points, their names."""
