"""What is on disk between two steps, so that work resumes where it stopped."""
