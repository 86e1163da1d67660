"""Talking to models: the only room that calls one.

`protocol` says what a provider and an embedder are, `providers.build` makes the chat model, `embedder.default_embedder`
the built-in embedder, `catalogue` knows names, windows and prices. Nothing is re-exported: the protocol stays light.
"""
