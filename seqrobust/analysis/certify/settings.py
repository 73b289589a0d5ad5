"""Settings of certification: those of the attack that bounds it from above, the methods, and their time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from seqrobust.attacks.settings import AttackSettings
from seqrobust.errors import ConfigError
from seqrobust.options import THREAT, Option, names_of


@dataclass(frozen=True, kw_only=True)
class CertifySettings(AttackSettings):
    """What an adversary may do and wants, and how it is proved that it cannot.

    Attributes:
        methods: names of methods; ``auto`` tries all of them, the cheapest first, on the records still open.
        time_limit: seconds that proofs may take on a record; infinite for no limit. What is said of a record is true
            whenever time runs out. A run may go on with another: what is proved stays, what is open is tried again.
    """

    presentation: ClassVar[tuple[str, ...]] = ("time_limit",)

    budget: Annotated[str | int, Option(help="Substitutions: 3, 1..5, or 2% of the editable.", panel=THREAT)] = "1..3"
    methods: Annotated[
        tuple[str, ...],
        Option(
            flag="--method",
            help="auto (the cheapest first), or some of window_sums, bounds, clusters, enumeration.",
            metavar="NAME[,NAME]",
            read=names_of,
        ),
    ] = ("auto",)
    time_limit: Annotated[float, Option(help="Seconds of proof a record; inf for no limit.", least=0)] = 10.0
    random_draws: int = 1

    def __post_init__(self) -> None:
        from seqrobust.certification.methods import methods_named

        super().__post_init__()
        methods_named(self.methods)
        if not self.time_limit >= 0:
            raise ConfigError("a time limit is no less than 0", found=str(self.time_limit), where="--time-limit")
