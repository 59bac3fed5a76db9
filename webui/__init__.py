"""What a person sees and types: the dashboard and the command."""
