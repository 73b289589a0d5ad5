"""Every text that an option or a config takes, and every option of every command, with words that parsers trip on."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from hostile_fuzzing import Tally, attempt, generator, require_none, tries
from hostile_mutating import WORDS, changed_text
from seqrobust_cli.generated import built, parameters_of
from seqrobust_cli.main import _exit_code
from seqrobust_cli.simulate import _fractions, _length

from seqrobust.alphabet import DNA, PROTEIN, alphabet_named
from seqrobust.attacks.presets import attacks_named
from seqrobust.errors import SeqRobustError
from seqrobust.memory import parse_memory
from seqrobust.models.architectures.registry import build_model
from seqrobust.options import pairs_of, patterns_of
from seqrobust.run.config import RunConfig
from seqrobust.run.registry import ANALYSES
from seqrobust.run.settings import RunSettings
from seqrobust.run.sweep.space import parse_space
from seqrobust.run.train import training_settings
from seqrobust.sequences import SequenceSet
from seqrobust.sequences.patterns import with_patterns
from seqrobust.sequences.reading_text import parse_readings
from seqrobust.sequences.regions import Region, parse_regions
from seqrobust.threats.budget import parse_budgets
from seqrobust.threats.coding.parsing import parse_moves
from seqrobust.threats.constraints.parsing import parse_constraint
from seqrobust.threats.letters import switch_costs
from seqrobust.yaml_file import load_config, override

RECORDS = SequenceSet.from_texts(["ACGTACGT", "ACGAA"], DNA, regions=[[Region("core", 1, 3)], []])
READING = '{"readings":[{"parts":[[0,6,1]],"gene":"g"}],"features":["CDS"]}'

TEXTS: Mapping[str, tuple[tuple[str, ...], Callable[[str], object]]] = {
    "budget": (("3", "1..5", "1,2,8", "2%", "1%,2.5%"), parse_budgets),
    "constraint": (
        ("gc:0.3-0.7", "gc:+-0.05", "homopolymer:5", "no-gain:TATAAT,TTGACA", "no-change:H-E-x(2)-H", "keep-site:EcoRI",
         "no-site:BamHI,EcoRI", "markov:3@0.1:file.fa", "no-loss:m.jaspar#MA1@80%", "gc:30%-70%; no-gain:+TATA[AT]x"),
        lambda text: parse_constraint(text, DNA),
    ),
    "constraint on proteins": (
        ("homopolymer:5", "no-gain:N-{P}-[ST]-{P}", "no-loss:C-x(2,4)-C"), lambda text: parse_constraint(text, PROTEIN),
    ),
    "moves": (
        ("codons", "codons:CDS:11", "codons::11", "codons:CDS[gene=S]@usage:0.1", "codons:CDS@protein:1:blosum62:0",
         "indels:left", "indels:free", "substitutions"),
        lambda text: parse_moves(text, DNA),
    ),
    "allow": (("any", "transitions", "blosum62:0", "pam30:-1"), lambda text: switch_costs(text, PROTEIN)),
    "memory": (("2GB", "500 mb", "1.5GiB", "8g"), parse_memory),
    "regions": (("core:2-5;edge:0-1", "BINDING[Fe:S]:3-5"), parse_regions),
    "regions on records": (
        ("core:2-5;edge:0-1", "e:0-4"),
        lambda text: SequenceSet.from_texts(["ACGT"], DNA, regions=[parse_regions(text)]),
    ),
    "readings": ((READING, READING.replace('"', "%22")), parse_readings),
    "places": (
        ("1-35", "M1", "-10..-1", "core@1", "co*", "3"), lambda text: RECORDS.regions.cover([text], (2, RECORDS.width)),
    ),
    "where": (("split=train", "kind=a"), lambda text: pairs_of([text])),
    "pattern": (
        ("zinc=A-C-x(2)-T", "box=TATAAT", "e=<A-x(0,3)-[AC]"),
        lambda text: with_patterns(RECORDS, patterns_of([text])),
    ),
    "alphabet": (("DNA", "RNA", "PROTEIN"), alphabet_named),
    "attacks": (("auto", "greedy", "one_step", "quick", "standard"), lambda text: attacks_named((text,))),
    "override": (("training.epochs=5", "data.path=x.tsv", "a=[1, {b: 2}]"), lambda text: override({"a": {}}, text)),
    "length of records": (("100", "80-120"), _length),
    "fractions": (("0.7,0.1,0.2",), _fractions),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", TEXTS)
def test_texts_are_read_or_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    seeds, parse = TEXTS[name]
    draw, tally = generator(name), Tally()
    for _ in range(tries(3000)):
        text = changed_text(draw.choice(seeds), draw)
        attempt(tally, partial(parse, text), text)
    require_none(tally, f"text: {name}")


@pytest.mark.parametrize("name", TEXTS)
def test_whole_texts_are_read(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    seeds, parse = TEXTS[name]
    read = 0
    for text in seeds:
        try:
            parse(text)
            read += 1
        except SeqRobustError:
            pass  # such as a file that is not there
    assert read >= (len(seeds) + 1) // 2


CONFIG = """
name: a
task: classification
seed: 1
data: {path: a.tsv, target: label, where: {split: [train]}, patterns: {box: TATAAT}, fractions: {train: 0.6, test: 0.4},
  labels: [x, y], max_length: 20, genome: g.fa, variants: "9"}
model: {architecture: cnn, channels: 4, blocks: 1, first_kernel: 3}
training: {epochs: 1, batch_size: 4, learning_rate: 0.001, patience: 2, select: auto, gradient_clip: 1.0,
  adversarial: {objective: trades, budget: 2, protect: [core], weight: 1.0}}
attack: {budget: "1..2", protect: [core], attacks: [one_step], random_draws: 2, max_records: 3,
  constraints: ["gc:+-0.1"], memory: 1GB}
certify: {budget: 2, methods: [enumeration]}
attribute: {methods: [saliency], regions: [core]}
probe: {functional: [core], budget: 2}
stability: {budget: 1, functional: [core]}
privacy: {other_strand: true}
sweep: {training.learning_rate: {low: 0.001, high: 0.01, log: true}, model.channels: [4, 8]}
"""

VALUES: tuple[Any, ...] = (
    *WORDS, None, True, False, 0, -1, 1, 2**31, 2**63, 10**30, -(10**30), 0.5, float("nan"), float("inf"), -1e308, [],
    {}, [[]], [None], ["x", "x"], {"": 0}, {"x": {"y": {}}}, [1, "a", None], {1: 2}, {None: None}, {True: 1},
)  # fmt: skip


def with_one_changed(content: Any, draw: random.Random) -> Any:
    """A copy of nested values with one of them, anywhere, replaced, left out, or added to."""
    if isinstance(content, dict) and content and draw.random() < 0.9:
        key = draw.choice(list(content))
        kind = draw.random()
        if kind < 0.1:
            return {name: value for name, value in content.items() if name != key}
        if kind < 0.2:
            return {**content, draw.choice(VALUES[: len(WORDS)]): draw.choice(VALUES)}
        return {**content, key: with_one_changed(content[key], draw)}
    if isinstance(content, list) and content and draw.random() < 0.6:
        at = draw.randrange(len(content))
        return [*content[:at], with_one_changed(content[at], draw), *content[at + 1 :]]
    if isinstance(content, str) and draw.random() < 0.5:
        return changed_text(content, draw)
    return draw.choice(VALUES)


def configured(text: str) -> None:
    """What a run does with a config before it reads data."""
    config = load_config(text, RunConfig, where="config.yaml")
    training_settings(config)
    build_model(config.model.architecture, alphabet_size=4, outputs=2, input_length=20, **config.model.hyperparameters)
    if config.attack is not None:
        config.attack.threat(DNA)
    parse_space(config.sweep)


def test_the_whole_config_is_read() -> None:
    configured(CONFIG)


@pytest.mark.slow
def test_configs_are_read_or_refused() -> None:
    draw, tally, whole = generator("config"), Tally(), yaml.safe_load(CONFIG)
    for _ in range(tries(2000)):
        content = whole
        for _ in range(draw.choice((1, 1, 2))):
            content = with_one_changed(content, draw)
        text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False)
        if draw.random() < 0.2:
            text = changed_text(text, draw)
        attempt(tally, partial(configured, text), text)
    require_none(tally, "config")


def said(kinds: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    for kind in kinds.values():
        built(kind, values)


@pytest.mark.slow
@pytest.mark.parametrize("name", ANALYSES)
def test_settings_take_or_refuse_any_value(name: str) -> None:
    """What the command line makes of its options, before any file is read."""
    row = ANALYSES[name]
    kinds = {"asked": row.load("asked"), "settings": row.load("settings"), "run": RunSettings}
    fields = {one.name: one for kind in kinds.values() for one in parameters_of(kind, "")}
    draw, tally = generator(f"settings {name}"), Tally()
    start: dict[str, Any] = {
        "model": "m.ckpt",
        "data": Path("a.tsv"),
        "members": Path("a.tsv"),
        "nonmembers": Path("b"),
    }
    for _ in range(tries(500)):
        values = dict(start)
        for field in draw.sample(sorted(fields), 2):
            hint = str(fields[field].annotation)
            word: Any = changed_text(draw.choice(WORDS), draw)
            if "int" in hint and "str" not in hint.split("typer")[0]:
                word = draw.choice((0, 1, -1, 2**31, 2**63, 10**30))
            elif "float" in hint.split("typer")[0]:
                word = draw.choice((0.0, -1.0, float("nan"), float("inf"), 1e308, 0.5))
            elif "list" in hint.split("typer")[0]:
                word = [word]
            values[field] = word
        attempt(tally, partial(_made, kinds, values), values)
    require_none(tally, f"settings: {name}")


def _made(kinds: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    for kind in kinds.values():
        try:
            built(kind, values)
        except TypeError as error:
            if "required keyword-only" not in str(error):  # Typer has asked for what is required before
                raise


MODEL = """
import torch
def build():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv1d(4, 3, 3, padding=1), torch.nn.AdaptiveMaxPool1d(1), torch.nn.Flatten())
"""
ROWS = "id\tlabel\tsplit\tgroup\tsequence\tregions\n" + "".join(
    f"r{n}\t{'xyz'[n % 3]}\t{('train', 'test')[n % 2]}\tg{n % 4}\t{text}\tcore:2-5;edge:0-1\n"
    for n, text in enumerate(("ACGTACGT", "TTGACAAC", "GGGCCCAA", "ATATATAT", "ACACGTGT", "CCATGGTA"))
)


def lines(command: str, folder: Path) -> list[str]:
    """A whole command that does little."""
    reading = ["--task", "classification", "--alphabet", "DNA", "--labels", "x,y,z"]
    model = ["--model", f"{folder}/model.py:build", *reading]
    data = ["--data", f"{folder}/a.tsv"]
    if command == "compare":
        model = ["--model", f"a={folder}/model.py:build", "--model", f"b={folder}/model.py:build", *reading]
    if command == "privacy":
        data = ["--members", f"{folder}/a.tsv", "--nonmembers", f"{folder}/a.tsv"]
    if command == "subgroups":
        return [command, f"{folder}/nothing", "--out", f"{folder}/out", "--no-report"]
    return [command, *model, *data, "--out", f"{folder}/out", "--no-report"]


def _flags(kinds: Mapping[str, Any], hidden: tuple[str, ...]) -> Iterator[str]:
    """The options of a command that take a value."""
    for kind in kinds.values():
        for one in parameters_of(kind, ""):
            told = one.annotation.__metadata__[0]
            # In an annotation, Typer keeps the first flag where a default stands elsewhere.
            if isinstance(told.default, str) and one.annotation.__origin__ is not bool and one.name not in hidden:
                yield told.default


@pytest.mark.slow
@pytest.mark.parametrize("name", ANALYSES)
def test_commands_take_or_refuse_any_option(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole commands with one option after another given a hostile word; only 0, 1 with a sentence, and 2 may come."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "a.tsv").write_text(ROWS)
    row = ANALYSES[name]
    kinds = {"asked": row.load("asked"), "settings": row.load("settings"), "run": RunSettings}
    flags = sorted(set(_flags(kinds, row.hidden)) - {"--out", "--device"})
    draw, tally = generator(f"command {name}"), Tally()
    for _ in range(tries(15)):
        typed = lines(name, tmp_path)
        for flag in draw.sample(flags, 1):
            word = changed_text(draw.choice(WORDS), draw).replace("\0", "")[:300]
            typed += [f"{flag}={word}"]
        typed += ["--overwrite"] if (tmp_path / "out" / "manifest.json").exists() else []
        attempt(tally, partial(_commanded, typed), typed[-2:])
    require_none(tally, f"command: {name}")


def _commanded(typed: list[str]) -> None:
    heard = io.StringIO()
    with redirect_stderr(heard), redirect_stdout(io.StringIO()):
        code = _exit_code(typed, debug=False)
    if "report the traceback" in heard.getvalue() or "fault of seqrobust" in heard.getvalue():
        raise RuntimeError(heard.getvalue()[-400:])
    if code == 2:
        raise _RefusedError(heard.getvalue()[-300:])
    if code not in (0, 1):
        raise RuntimeError(f"exit code {code}: {heard.getvalue()[-300:]}")


class _RefusedError(SeqRobustError):
    """Refused in words."""
