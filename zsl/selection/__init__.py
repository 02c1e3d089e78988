"""Selection of hyperparameters, epochs, γ and temperature on validation classes."""
