"""Membership inference: whether it can be told which records a model was trained on, and what that is worth."""

from seqrobust.analysis.membership.assignment import assign_records
from seqrobust.analysis.membership.copies import Clusters, Copies, cluster_records, find_copies, joined_clusters
from seqrobust.analysis.membership.label_only import combined_score, edits_score, survival_score
from seqrobust.analysis.membership.lira import lira_offline, lira_online, offline_confidence
from seqrobust.analysis.membership.metrics import (
    RATES,
    Exposed,
    attack_numbers,
    group_numbers,
    held_out_accuracy,
    most_exposed,
    permutation_p_value,
)
from seqrobust.analysis.membership.queries import query_tokens, shadow_logits
from seqrobust.analysis.membership.rmia import Rmia, offline_share, rmia
from seqrobust.analysis.membership.roc import Area, RateAt, Roc, auc, balanced_accuracy, roc, tpr_at_fpr
from seqrobust.analysis.membership.scores import Signals, phi_from_confidence, signals
from seqrobust.analysis.membership.shadow import ShadowDistributions, fit_beta, fit_gaussian, fit_shadows
from seqrobust.analysis.membership.shadows import ShadowModels, train_shadows
from seqrobust.analysis.membership.shift import Shift, shift_test, target_shift
from seqrobust.analysis.membership.threshold import Threshold, best_threshold, mean_loss_threshold

__all__ = [
    "RATES",
    "Area",
    "Clusters",
    "Copies",
    "Exposed",
    "RateAt",
    "Rmia",
    "Roc",
    "ShadowDistributions",
    "ShadowModels",
    "Shift",
    "Signals",
    "Threshold",
    "assign_records",
    "attack_numbers",
    "auc",
    "balanced_accuracy",
    "best_threshold",
    "cluster_records",
    "combined_score",
    "edits_score",
    "find_copies",
    "fit_beta",
    "fit_gaussian",
    "fit_shadows",
    "group_numbers",
    "held_out_accuracy",
    "joined_clusters",
    "lira_offline",
    "lira_online",
    "mean_loss_threshold",
    "most_exposed",
    "offline_confidence",
    "offline_share",
    "permutation_p_value",
    "phi_from_confidence",
    "query_tokens",
    "rmia",
    "roc",
    "shadow_logits",
    "shift_test",
    "signals",
    "survival_score",
    "target_shift",
    "tpr_at_fpr",
    "train_shadows",
]
