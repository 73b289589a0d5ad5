"""Every run audits itself: invariants checked at its end, in one place, by code that did not make the results.

Each invariant is a function from what a run left to an :class:`~seqrobust.analysis.audit.outcome.Outcome`, in a file of
its kind; :mod:`~seqrobust.analysis.audit.invariants` lists those of attacks, :mod:`~seqrobust.analysis.audit.numbers`
holds those of any analysis. Which apply is said by each analysis in its room.
"""
