"""Files of weights: where in them the weights stand, what is read without running code, and what a file is instead."""
