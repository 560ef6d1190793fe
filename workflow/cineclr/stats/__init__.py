"""Statistics: pure functions on arrays and data frames."""
