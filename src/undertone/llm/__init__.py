"""Talking to models: providers, the catalogue of models, the embedder. The only room that calls one."""
