"""The methods as slow NumPy loops, written from the papers."""
