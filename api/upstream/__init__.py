"""The wire out: the only room that knows httpx and httptools."""
