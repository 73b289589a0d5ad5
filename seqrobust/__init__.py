"""seqrobust: are predictions from DNA, RNA and protein sequence to be believed?

A sequence of length L over K letters is a one-hot matrix; changing one letter moves it by 2 in l1, so *at most k
substitutions* is the l1 ball of radius 2k cut with the one-hot matrices. Everything here is built on that set: attacks
search it, robust training trains against it, reports show it.
"""

__version__ = "0.1.0"
