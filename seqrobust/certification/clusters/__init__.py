"""Exact values of edits that act together, for networks of local layers and a read-out."""

from seqrobust.certification.clusters.method import Clusters

__all__ = ["Clusters"]
