"""A build becomes a version on the Hub."""
