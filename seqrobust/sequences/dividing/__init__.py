"""Records divided: what belongs together, and who trains and who is tested."""
