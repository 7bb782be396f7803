"""Publishing: how a build becomes a version on the Hub."""
