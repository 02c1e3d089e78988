"""Trained models that can be kept and asked: predictors of arrays and images, and the folders they are saved in."""
