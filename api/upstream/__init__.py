"""The wire out: the only room that knows httpx, and the transport beneath its seam."""
