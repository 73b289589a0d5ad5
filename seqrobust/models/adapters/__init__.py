"""What stands between a user's model and one-hot (N, K, L) in, outputs (N, T) out: one small file for each form."""
