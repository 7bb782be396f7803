"""Model servers: connect to them, start them, and identify their weights."""
