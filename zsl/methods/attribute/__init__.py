"""Methods that predict attributes, and classes from them."""
