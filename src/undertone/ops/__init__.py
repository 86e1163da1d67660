"""What operators do beside serving: the demo data, bringing a past in. Called by the command line only."""
