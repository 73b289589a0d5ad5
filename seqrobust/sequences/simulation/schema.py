"""A grammar of the user's own, from a YAML file.

.. code-block:: yaml

    name: my-enhancer
    alphabet: DNA
    length: [80, 120]                  # or one number
    background: {gc: 0.45}             # or {frequencies: {A: 3, ...}}, {swiss-prot: true},
                                       # {transitions: {AA: [K weights of the next letter], AC: [...], ...}}
    motifs:
      E-box: {pattern: CACGTG}
      GATA: {pattern: WGATAR, fidelity: 0.9, mismatches: 1}
      AP1: textbook                    # one that comes with seqrobust
    classes:
      enhancer:
        arrangements:                  # alternatives; each is a list of motifs from left to right
          - [E-box, {motif: GATA, gap: [8, 10], orientation: forward}]
      decoy:
        share: 0.5
        arrangements:
          - [E-box, {motif: GATA, gap: [8, 10], orientation: reverse}]
      background: {}
    positive: enhancer
    shortcut: {pattern: GCGGCCGC, strength: 0.6, splits: [train, valid]}     # may be left out
    activity: {base: 1, effects: {E-box: 0.5}, interactions: [{motifs: [E-box, GATA], effect: 1}], noise: 0.2}
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from seqrobust.alphabet import Alphabet, alphabet_named
from seqrobust.errors import ConfigError
from seqrobust.sequences.simulation.activity import Activity, Interaction
from seqrobust.sequences.simulation.backgrounds import (
    Background,
    gc_background,
    letter_background,
    markov_background,
    swiss_prot_background,
    uniform_background,
)
from seqrobust.sequences.simulation.grammar import Grammar, Placement, SequenceClass
from seqrobust.sequences.simulation.motifs import Motif, Orientation
from seqrobust.sequences.simulation.shortcut import Shortcut
from seqrobust.sequences.simulation.textbook import textbook_motif
from seqrobust.yaml_file import parsed


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class MotifSchema(_Strict):
    """See :class:`~seqrobust.sequences.simulation.Motif`."""

    pattern: str
    fidelity: float | tuple[float, ...] = 1.0
    mismatches: int = 0


class PlacementSchema(_Strict):
    """See :class:`~seqrobust.sequences.simulation.Placement`; a bare name places that motif with all defaults."""

    motif: str
    orientation: Orientation = "forward"
    gap: tuple[int, int | None] = (0, None)
    window: tuple[int, int | None] = (0, None)
    probability: float = 1.0


def _named(value: object) -> object:
    return {"motif": value} if isinstance(value, str) else value


def _pattern_or_textbook(value: object) -> object:
    if isinstance(value, str) and value != "textbook":
        raise ValueError("expected {pattern: ...}, or the word textbook")
    return value


def _twice(value: object) -> object:
    return (value, value) if isinstance(value, int) else value


def _empty(value: object) -> object:
    return {} if value is None else value


class ClassSchema(_Strict):
    """See :class:`~seqrobust.sequences.simulation.SequenceClass`."""

    share: float = 1.0
    arrangements: list[list[Annotated[PlacementSchema, BeforeValidator(_named)]]] = Field(default_factory=list)


class BackgroundSchema(_Strict):
    """At most one of the keys; none means uniform letters (Swiss-Prot's for protein)."""

    gc: float | None = None
    frequencies: dict[str, float] | None = None
    transitions: dict[str, list[float]] | None = None
    swiss_prot: bool = Field(default=False, alias="swiss-prot")


class InteractionSchema(_Strict):
    """See :class:`~seqrobust.sequences.simulation.Interaction`."""

    motifs: tuple[str, str]
    effect: float
    within: int | None = None


class ActivitySchema(_Strict):
    """See :class:`~seqrobust.sequences.simulation.Activity`."""

    effects: dict[str, float]
    interactions: list[InteractionSchema] = Field(default_factory=list)
    base: float = 0.0
    noise: float = 0.0
    threshold: float = 0.0


class ShortcutSchema(_Strict):
    """See :class:`~seqrobust.sequences.simulation.Shortcut`."""

    pattern: str
    strength: float
    splits: tuple[str, ...] | None = None


class GrammarSchema(_Strict):
    """A grammar file."""

    name: str
    summary: str = ""
    alphabet: str
    length: Annotated[tuple[int, int], BeforeValidator(_twice)]
    background: BackgroundSchema = Field(default_factory=BackgroundSchema)
    motifs: dict[str, Annotated[MotifSchema | Literal["textbook"], BeforeValidator(_pattern_or_textbook)]] = Field(
        default_factory=dict
    )
    classes: dict[str, Annotated[ClassSchema, BeforeValidator(_empty)]]
    positive: str = ""
    strays: bool = True
    activity: ActivitySchema | None = None
    shortcut: ShortcutSchema | None = None

    def made(self) -> Grammar:
        """The grammar. Raises ConfigError where its parts do not fit together."""
        alphabet = alphabet_named(self.alphabet)
        motifs = {
            name: textbook_motif(name) if motif == "textbook" else Motif(name=name, **dict(motif))
            for name, motif in self.motifs.items()
        }
        return Grammar(
            name=self.name,
            summary=self.summary,
            alphabet=alphabet,
            background=_background(self.background, alphabet),
            length=self.length,
            motifs=tuple(motifs.values()),
            classes=tuple(_class(name, given) for name, given in self.classes.items()),
            positive=self.positive,
            strays=self.strays,
            activity=_activity(self.activity) if self.activity else None,
            shortcut=Shortcut(**dict(self.shortcut)) if self.shortcut else None,
        )


def _class(name: str, given: ClassSchema) -> SequenceClass:
    arrangements = (tuple(Placement(**dict(placement)) for placement in made) for made in given.arrangements)
    return SequenceClass(name=name, share=given.share, arrangements=tuple(arrangements))


def _activity(given: ActivitySchema) -> Activity:
    interactions = tuple(Interaction(**dict(interaction)) for interaction in given.interactions)
    return Activity(**{**dict(given), "interactions": interactions})


def _background(given: BackgroundSchema, alphabet: Alphabet) -> Background:
    if len(given.model_fields_set) > 1:
        raise ConfigError(
            "a background is given in one way",
            expected="one of gc, frequencies, transitions, swiss-prot",
            found=", ".join(sorted(given.model_fields_set)),
            where="background",
        )
    if given.gc is not None:
        return gc_background(alphabet, given.gc)
    if given.frequencies is not None:
        return letter_background(alphabet, given.frequencies)
    if given.transitions is not None:
        return markov_background(alphabet, given.transitions)
    return uniform_background(alphabet) if alphabet.complement and not given.swiss_prot else swiss_prot_background()


def read_grammar(path: Path | str) -> Grammar:
    """The grammar of a YAML file. Raises ConfigError with the file and the path of the key at fault."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError("the grammar file cannot be read", found=str(error), where=str(path)) from None
    except UnicodeDecodeError as error:
        raise ConfigError("the grammar file is no YAML", found=str(error)[:200], where=str(path)) from None
    content = parsed(text, where=str(path))[1]
    try:
        return GrammarSchema.model_validate(content).made()
    except ValidationError as error:
        raise _explained(error, path) from None
    except ConfigError as error:
        raise error.at(str(path)) from None


def _explained(error: ValidationError, path: Path) -> ConfigError:
    """One of the things pydantic found, in our words: a misspelt key first, for it explains a missing one."""
    first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    # Pydantic names the branch of a union it tried; that is no key of the file.
    keys = [str(key) for key in first["loc"] if str(key) not in ("MotifSchema", "literal['textbook']")]
    where = f"{path}, {'.'.join(keys) or 'top level'}"
    if first["type"] == "extra_forbidden":
        return ConfigError("unknown key", found=keys[-1], where=where)
    said = first["msg"].removeprefix("Value error, ")
    return ConfigError(
        f"a key cannot be used: {said[0].lower()}{said[1:]}", found=repr(first["input"])[:80], where=where
    )
