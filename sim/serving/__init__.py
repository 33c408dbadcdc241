"""The actors of a run: clients, router, replicas with their ranks, and what a step costs them."""
