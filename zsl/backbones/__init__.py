"""Image encoders: images -> θ(x), one module per family."""
