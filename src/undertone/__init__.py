"""Undertone: the conversation engine for companion and creator chat."""

__version__ = "0.1.0"
