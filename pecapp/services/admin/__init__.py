"""What the staff see and do. Every function begins by asking for the right that it needs."""
