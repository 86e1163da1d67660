"""What operators do beside serving: the demo data. Called by the command line only."""
