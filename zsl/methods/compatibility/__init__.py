"""Bilinear compatibility F(x, y) = θ(x)ᵀ W φ(y), one file per objective."""
