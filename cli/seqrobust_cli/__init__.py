"""The command line of seqrobust."""
