"""One node a file; file, function and node have the same name, and each node says what it reads and writes."""
