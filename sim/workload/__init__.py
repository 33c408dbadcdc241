"""Where requests come from: drawn from distributions, or read from a trace."""
