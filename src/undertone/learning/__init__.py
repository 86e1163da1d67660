"""From labelled conversations to small models that run without scikit-learn."""
