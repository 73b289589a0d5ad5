"""Settings of a comparison of attributions. One class for Python, config files and options; loads nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated, ClassVar, Literal, get_args

from seqrobust.analysis.attribution.settings import USUAL, AttributionSettings, MethodSettings
from seqrobust.errors import ConfigError
from seqrobust.options import DATA, RUN, Option, checked, names_of

Save = Literal["npz", "parquet", "both"]

_TRUTH, _PICTURE = "Truth", "Picture"


@dataclass(frozen=True, kw_only=True)
class AttributeSettings(MethodSettings):
    """What is attributed by which methods, what it is compared with, and what is kept.

    Attributes:
        methods: names of methods; ``all`` for every one.
        regions: names of the functional regions, the truth; all regions of the file where there are none.
        protect: names of regions that are left out of the comparison with the truth.
        max_records: explain only so many records, drawn at random by the run's seed.
        picture: ids of the records drawn; the first four where there are none.
        draw: whether to draw records at all.
        save: the files that hold the attributions.
    """

    presentation: ClassVar[tuple[str, ...]] = ("picture", "draw", "save")

    methods: Annotated[
        tuple[str, ...],
        Option(
            help="saliency, input_x_gradient, either with _corrected, smoothgrad, integrated_gradients, deeplift, "
            "occlusion, ism; or all. Else the corrected gradients, integrated gradients, DeepLIFT and ISM.",
            metavar="NAME,...",
            read=names_of,
        ),
    ] = USUAL
    regions: Annotated[
        tuple[str, ...],
        Option(
            help="Functional regions; else all there are.",
            aliases=("--only",),
            panel=_TRUTH,
            metavar="NAME[,NAME]",
            repeat=True,
        ),
    ] = ()
    protect: Annotated[
        tuple[str, ...],
        Option(help="Regions left out of the comparison.", panel=_TRUTH, metavar="NAME[,NAME]", repeat=True),
    ] = ()
    max_records: Annotated[int | None, Option(help="A random sample of records.", panel=DATA, least=1)] = None
    picture: Annotated[
        tuple[str, ...],
        Option(help="Records drawn; else the first four.", panel=_PICTURE, metavar="ID[,ID]", repeat=True),
    ] = ()
    draw: Annotated[bool, Option(help="Do not draw attribute.png.", flag="--no-picture", panel=_PICTURE, yes=True)] = (
        True
    )
    save: Annotated[Save, Option(help="Attributions as npz, parquet or both.", panel=RUN)] = "npz"

    def __post_init__(self) -> None:
        from seqrobust.analysis.attribution import methods_named

        super().__post_init__()
        methods_named(self.methods)
        checked("--save", self.save, get_args(Save))
        if self.max_records is not None and self.max_records < 1:
            raise ConfigError("there must be a record", found=str(self.max_records), where="--max-records")
        if self.picture and not self.draw:
            raise ConfigError("--picture and --no-picture exclude each other", fix="leave one of them out")

    def attribution(self, seed: int) -> AttributionSettings:
        """How methods attribute, with the seed of their random draws."""
        return AttributionSettings(**{one.name: getattr(self, one.name) for one in fields(MethodSettings)}, seed=seed)
