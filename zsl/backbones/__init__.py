"""Image encoders: images -> θ(x), one file per family."""
