"""Linear algebra and solvers that closed-form methods share."""
