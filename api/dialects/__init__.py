"""How it is said: each dialect reads and writes one vendor's wire format. Pure functions and small machines."""
