"""HTTP for platforms and people: JSON, event streams, the chat page. Each file is one subject with its own `router`."""
