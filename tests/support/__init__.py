"""What several test files share: toy pictures, toy methods, runs that cost nothing, processes."""
