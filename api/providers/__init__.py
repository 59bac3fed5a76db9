"""Whom we may ask: the owner's providers, the built-in ones, and which of them a model's name means."""
