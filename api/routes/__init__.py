"""The wire in: one file a wire protocol or resource."""
