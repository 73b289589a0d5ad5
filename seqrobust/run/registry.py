"""The analyses by name: what each asks, and where it lives. A new analysis is its own folder and a row here.

Rows name classes by text, so that the help of a command loads nothing heavy.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

_ANALYSIS = "seqrobust.analysis"


@dataclass(frozen=True, kw_only=True)
class Row:
    """An analysis in the registry.

    Attributes:
        name: of its command, and of its section in a config.
        question: the help of the command: what it asks.
        panel: of the help, for the options that are this analysis's alone.
        room: ``module:name`` of its :class:`~seqrobust.analysis.room.Room`.
        settings: ``module:name`` of its settings.
        asked: ``module:name`` of what names its models and data.
        hidden: options of the settings that the command does not have.
    """

    name: str
    question: str
    panel: str = ""
    room: str
    settings: str
    asked: str = "seqrobust.analysis.asked:ModelOnData"
    hidden: tuple[str, ...] = ()

    def load(self, which: str) -> Any:
        """The object that ``room``, ``settings`` or ``asked`` names."""
        module, _, name = getattr(self, which).partition(":")
        return getattr(import_module(module), name)


ANALYSES: dict[str, Row] = {
    row.name: row
    for row in (
        Row(
            name="predict",
            question="Predict: answers, probabilities and raw outputs of a model, and how good they are; no attack.",
            panel="Predictions",
            room=f"{_ANALYSIS}.predict:PREDICT",
            settings=f"{_ANALYSIS}.predict.settings:PredictSettings",
            asked=f"{_ANALYSIS}.asked:ModelOnAnyData",
            hidden=("memory",),
        ),
        Row(
            name="attack",
            question="Attack a model: the fewest letters that change its mind, inside a stated threat.",
            room=f"{_ANALYSIS}.attack:ATTACK",
            settings=f"{_ANALYSIS}.attack.settings:MeasuredAttackSettings",
        ),
        Row(
            name="evaluate",
            question="Evaluate a model: the worst case over many attacks, what each found, and whether gradients hide "
            "something.",
            room=f"{_ANALYSIS}.evaluate:EVALUATE",
            settings=f"{_ANALYSIS}.evaluate.settings:EvaluateSettings",
            hidden=("attack",),
        ),
        Row(
            name="certify",
            question="Certify a model: what no adversary can do within a threat, and the exact number of edits where "
            "it is in reach.",
            panel="Certification",
            room=f"{_ANALYSIS}.certify:CERTIFY",
            settings=f"{_ANALYSIS}.certify.settings:CertifySettings",
        ),
        Row(
            name="compare",
            question="Compare models: whose adversarial sequences fool whom, on records that both classify correctly.",
            room=f"{_ANALYSIS}.compare:COMPARE",
            settings="seqrobust.attacks.settings:AttackSettings",
            asked="seqrobust.analysis.asked:ModelsOnData",
        ),
        Row(
            name="compress",
            question="Compress a model, and compare accuracy and robustness before and after.",
            panel="Compression",
            room=f"{_ANALYSIS}.compress:COMPRESS",
            settings=f"{_ANALYSIS}.compress.settings:CompressSettings",
        ),
        Row(
            name="ism",
            question="Score every single substitution: a saturation mutagenesis map of each record.",
            room=f"{_ANALYSIS}.ism:ISM",
            settings=f"{_ANALYSIS}.ism.settings:IsmSettings",
            asked=f"{_ANALYSIS}.asked:ModelOnSequences",
        ),
        Row(
            name="motifs",
            question="Put motifs into records and take regions out: what it does to the outputs, beside controls.",
            room=f"{_ANALYSIS}.motifs:MOTIFS",
            settings=f"{_ANALYSIS}.motifs.settings:MotifsSettings",
            asked=f"{_ANALYSIS}.asked:ModelOnSequences",
        ),
        Row(
            name="probe",
            question="Right for the right reason? Attack where biology says nothing is, and where it says all is.",
            room=f"{_ANALYSIS}.probe:PROBE",
            settings=f"{_ANALYSIS}.probe.settings:ProbeSettings",
        ),
        Row(
            name="attribute",
            question="Attribute predictions to letters by several methods, and compare them with annotated regions.",
            panel="Methods",
            room=f"{_ANALYSIS}.attribute:ATTRIBUTE",
            settings=f"{_ANALYSIS}.attribute:AttributeSettings",
            asked=f"{_ANALYSIS}.asked:ModelOnSequences",
        ),
        Row(
            name="stability",
            question="Attack explanations: edits that move them and keep the prediction, edits that flip it and leave "
            "them.",
            panel="Explanations",
            room=f"{_ANALYSIS}.stability:STABILITY",
            settings=f"{_ANALYSIS}.stability:StabilitySettings",
        ),
        Row(
            name="uncertainty",
            question="Measure uncertainty, attack it, and try detection, abstention and purification against an "
            "adaptive attack.",
            panel="Uncertainty",
            room=f"{_ANALYSIS}.uncertainty:UNCERTAINTY",
            settings=f"{_ANALYSIS}.uncertainty.settings:UncertaintySettings",
        ),
        Row(
            name="subgroups",
            question="Compare robustness between groups of records: species, families, chromosomes, classes.",
            panel="Groups",
            room=f"{_ANALYSIS}.subgroups:SUBGROUPS",
            settings=f"{_ANALYSIS}.subgroups.settings:SubgroupsSettings",
            asked=f"{_ANALYSIS}.subgroups.asked:AttackedFolders",
            hidden=("device", "batch_size", "memory"),
        ),
        Row(
            name="inspect",
            question="Look inside: gates, layers and linearity on the way to adversarial sequences.",
            panel="Inspection",
            room=f"{_ANALYSIS}.inspect:INSPECT",
            settings=f"{_ANALYSIS}.inspect.settings:InspectSettings",
        ),
        Row(
            name="privacy",
            question="Audit what a model leaks of its training records, by membership inference.",
            room=f"{_ANALYSIS}.privacy:PRIVACY",
            settings=f"{_ANALYSIS}.privacy.settings:PrivacySettings",
            asked=f"{_ANALYSIS}.asked:Audit",
        ),
    )
}
"""In the order of the help."""
