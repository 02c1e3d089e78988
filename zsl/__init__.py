"""Zero-shot learning research: leak-free protocol, exact metrics, one training loop."""

__version__ = "0.1.0"
