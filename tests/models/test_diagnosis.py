"""Of a model that cannot be used as it is, the check finds out what it wants; its advice is run here as written."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import seqrobust as sr
from seqrobust.alphabet import DNA, PROTEIN
from seqrobust.errors import ModelError
from seqrobust.models import Predictor, load_module
from seqrobust.models.checks.kinds import Several, fillings, ways
from seqrobust.sequences import Task
from seqrobust.sequences.encoding import one_hot

LENGTH = 24
TRACK = namedtuple("TRACK", "profile counts")


def tokens(n: int = 10, length: int = LENGTH) -> Tensor:
    return torch.randint(4, (n, length), generator=torch.Generator().manual_seed(1)).to(torch.uint8)


class Net(nn.Module):
    """A convolution's maxima, and what a test makes of input and answer."""

    def __init__(
        self, outputs: int, before: Callable[[Any], Tensor], after: Callable[[Tensor], Any], channels: int = 4
    ) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.conv, self.head = nn.Conv1d(channels, 6, 5, padding=2), nn.Linear(6, outputs)
        self.before, self.after = before, after

    def core(self, x: Tensor) -> Tensor:
        out: Tensor = 9 * self.head(F.relu(self.conv(x)).amax(2))
        return out

    def forward(self, x: Any) -> Any:
        return self.after(self.core(self.before(x)))


def need(condition: bool) -> None:
    """A plain error, quicker than an assertion that pytest explains."""
    if not condition:
        raise ValueError("another shape")


def exactly(*sizes: int | None) -> Callable[[Tensor], Tensor]:
    """Refuses another shape, as convolutions and recurrences do. None is any size."""

    def checked(x: Tensor) -> Tensor:
        need(x.is_floating_point() and x.ndim == len(sizes))
        need(all(size in (None, found) for size, found in zip(sizes, x.shape, strict=True)))
        return x

    return checked


def numbers(x: Tensor, width: int = 4) -> Tensor:
    """Refuses what is no integer."""
    need(x.dtype == torch.int64)
    return F.one_hot(x, width).transpose(1, 2).float()


def texts(x: list[str]) -> Tensor:
    need(isinstance(x, list))
    return torch.stack([torch.tensor([[letter == one for one in text] for letter in "ACGT"]) for text in x]).float()


def same(x: Any) -> Any:
    return x


INPUTS: list[tuple[str, Callable[[Any], Tensor], int, str]] = [
    ("letters last", lambda x: exactly(None, LENGTH, 4)(x).transpose(1, 2), 4, "(N, L, 4)"),
    ("an axis of 1 first", lambda x: exactly(None, 1, 4, LENGTH)(x)[:, 0], 4, "(N, 1, 4, L)"),
    ("an axis of 1 between", lambda x: exactly(None, 4, 1, LENGTH)(x)[:, :, 0], 4, "(N, 4, 1, L)"),
    ("an axis of 1 last", lambda x: exactly(None, 4, LENGTH, 1)(x)[:, :, :, 0], 4, "(N, 4, L, 1)"),
    ("an image, letters last", lambda x: exactly(None, 1, LENGTH, 4)(x)[:, 0].transpose(1, 2), 4, "(N, 1, L, 4)"),
    ("letters before 1", lambda x: exactly(None, LENGTH, 4, 1)(x)[..., 0].transpose(1, 2), 4, "(N, L, 4, 1)"),
    ("flat", lambda x: exactly(None, 4 * LENGTH)(x).reshape(-1, 4, LENGTH), 4, "(N, 4 * L), letter by letter"),
    ("positions first", lambda x: exactly(LENGTH, None, 4)(x).permute(1, 2, 0), 4, "(L, N, 4)"),
    ("a channel of N", exactly(None, 5, LENGTH), 5, "(N, 5, L)"),
    ("N and a gap", exactly(None, 6, LENGTH), 6, "(N, 6, L)"),
    ("a channel of N, last", lambda x: exactly(None, LENGTH, 5)(x).transpose(1, 2), 5, "(N, L, 5)"),
    ("numbers", numbers, 4, "letters by number, (N, L) integers"),
    ("32-bit numbers", lambda x: numbers(x.long()) if x.dtype == torch.int32 else numbers(x * 0.5), 4, "32-bit"),
    ("numbers, floating", lambda x: numbers(exactly(None, LENGTH)(x).long()), 4, "(N, L) floating-point"),
    ("one by one", lambda x: exactly(4, LENGTH)(x)[None], 4, "one record (4, L)"),
    ("one by one, letters last", lambda x: exactly(LENGTH, 4)(x).T[None], 4, "one record (L, 4)"),
    ("texts", texts, 4, "a list of texts"),
]
OUTPUTS: list[tuple[str, Task, int, Callable[[Tensor], Any], Callable[[Tensor], Tensor]]] = [
    ("(N, 1, 1)", "binary", 1, lambda out: out[:, :, None], same),
    ("(N, 1, 1) of values", "regression", 1, lambda out: out[:, None], same),
    ("(N, T, 1)", "classification", 3, lambda out: out[:, :, None], same),
    ("(N, 1, T, 1)", "multilabel", 3, lambda out: out[:, None, :, None], same),
    ("(T, N)", "classification", 3, lambda out: out.T, same),
    ("a pair", "classification", 3, lambda out: (out[:, :, None].expand(-1, -1, 7), out), same),
    ("two heads", "binary", 1, lambda out: [out, -out], same),
    ("a table", "classification", 3, lambda out: {"embedding": out.sin(), "logits": out}, same),
    ("tables in tables", "regression", 2, lambda out: {"heads": {"human": out, "mouse": -out}}, same),
    ("named", "regression", 1, lambda out: TRACK(out[:, :, None].expand(-1, -1, 7), out), same),
    ("a tensor a record", "binary", 1, lambda out: list(out), same),
    ("a value a position", "regression", 2, lambda out: out[:, :, None] * torch.arange(LENGTH), lambda out: out * 12),
]


def advised(module: nn.Module, task: Task, rows: Tensor, **more: Any) -> str:
    with pytest.raises(ModelError) as caught:
        Predictor(module, alphabet=DNA, task=task, device="cpu", **more).check(rows)
    return str(caught.value.fix)


def followed(advice: str, module: nn.Module) -> nn.Module:
    """The module that the lines of an advice make."""
    held: dict[str, Any] = {"build": lambda: module}
    exec(textwrap.dedent(advice.split("\n", 1)[1]), held)
    made: nn.Module = held["Wrapped"]()
    return made


def check(module: Net, task: Task, advice: str, expected: Tensor, rows: Tensor) -> None:
    predictor = Predictor(followed(advice, module), alphabet=DNA, task=task, device="cpu")
    predictor.check(rows)
    with predictor.attached():
        torch.testing.assert_close(predictor.logits(rows), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("before", "channels", "says"), [one[1:] for one in INPUTS], ids=[one[0] for one in INPUTS])
@pytest.mark.filterwarnings("ignore:The use of `x.T`")
def test_how_a_model_takes_sequences(before: Callable[[Any], Tensor], channels: int, says: str) -> None:
    module, rows = Net(3, before, same, channels), tokens()
    advice = advised(module, "classification", rows)
    assert f"the model takes {says}" in advice or says in advice.split("\n")[0]
    with torch.no_grad():
        expected = module.core(F.pad(one_hot(rows, DNA), (0, 0, 0, channels - 4)))
    check(module, "classification", advice, expected, rows)


@pytest.mark.parametrize(
    ("task", "outputs", "after", "truth"), [one[1:] for one in OUTPUTS], ids=[one[0] for one in OUTPUTS]
)
def test_how_a_model_gives_outputs(
    task: Task, outputs: int, after: Callable[[Tensor], Any], truth: Callable[[Tensor], Tensor]
) -> None:
    module, rows = Net(outputs, exactly(None, 4, LENGTH), after), tokens()
    advice = advised(module, task, rows)
    with torch.no_grad():
        expected = truth(module.core(one_hot(rows, DNA)))
    check(module, task, advice, expected, rows)


def test_input_and_outputs_at_once() -> None:
    """As a language model wants letters by number, and answers with a table; in a number type of its own."""
    module, rows = Net(2, numbers, lambda out: {"logits": out, "hidden": out[:, None]}), tokens()
    advice = advised(module, "classification", rows)
    with torch.no_grad():
        expected = module.core(one_hot(rows, DNA))
    check(module, "classification", advice, expected, rows)
    last = Net(2, lambda x: exactly(None, LENGTH, 4)(x).transpose(1, 2), same).double()
    assert "x.transpose(1, 2)" in advised(last, "classification", rows)


class Sized(nn.Module):
    """Of other lengths, pools and orders of letters."""

    def __init__(self, features: int, pool: int = 1, *, last: bool = False, kernel: int = 1) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv1d(4, 4, kernel), nn.Linear(4 * features, 1)
        self.pool, self.last = pool, last

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(F.max_pool1d(self.conv(x.transpose(1, 2) if self.last else x), self.pool).flatten(1))
        return out


class Halves(nn.Module):
    """Goes down and up again by a factor."""

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.up, self.factor = nn.ConvTranspose1d(4, 4, factor, factor), factor

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.up(F.max_pool1d(x, self.factor))).sum((1, 2))


class Places(nn.Module):
    """Adds what it learned of each position."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.places = nn.Parameter(torch.randn(4, size))

    def forward(self, x: Tensor) -> Tensor:
        return ((x + self.places) ** 3).sum((1, 2))


@pytest.mark.parametrize(
    ("module", "says", "option"),
    [
        (Sized(100), "of 100 letters only", "--input-length 100"),
        (Sized(997, kernel=4), "of 1000 letters only", "--input-length 1000"),
        (Sized(62, 4), "of 248 to 251 letters", "--input-length 2"),
        (Sized(15), "of 15 letters only", "--max-length 15 --input-length 15"),
        (Places(333), "of 333 letters only", "--input-length 333"),
        (nn.Sequential(nn.Conv1d(4, 2, 41), nn.AdaptiveMaxPool1d(1), nn.Flatten()), "of 41 letters or more", "41"),
        (Halves(16), "a multiple of 16", "--input-length 32"),
    ],
    ids=str,
)
def test_lengths(module: nn.Module, says: str, option: str) -> None:
    advice = advised(module, "regression", tokens())
    assert says in advice
    assert option in advice
    assert "the longest record has 24" in advice


def test_a_length_and_another_order() -> None:
    advice = advised(Sized(249, last=True), "regression", tokens())
    assert "249 letters only" in advice
    assert "self.inner(x.transpose(1, 2))" in advice


def test_a_length_and_a_choice_among_positions() -> None:
    """As models of tracks over bins of some length want both."""

    class Tracks(Halves):
        def forward(self, x: Tensor) -> Tensor:
            return F.max_pool1d(x * self.up(F.max_pool1d(x, self.factor)), 4)

    advice = advised(Tracks(16), "regression", tokens())
    assert "a multiple of 16" in advice
    assert '--output-of "[:, :, 4]"' in advice
    assert "at a time" not in advice


def test_one_length_among_records_of_several() -> None:
    rows = tokens()
    rows[4:, 20:] = DNA.padding
    assert f"--input-length {LENGTH}" in advised(Sized(LENGTH), "regression", rows)


@pytest.mark.parametrize(
    ("task", "outputs", "fits"),
    [
        ("binary", 5, "--task classification or --task multilabel or --task regression"),
        ("classification", 1, "--task binary or --task multilabel or --task regression"),
    ],
)
def test_another_task(task: Task, outputs: int, fits: str) -> None:
    assert fits in advised(Net(outputs, same, same), task, tokens())


def test_one_answer_for_a_batch() -> None:
    assert "one answer for a whole batch" in advised(Net(3, same, lambda out: out.mean(0)), "classification", tokens())


class Told(Net):
    """Needs a mask."""

    def forward(self, x: Tensor, mask: Tensor) -> Any:
        return super().forward(x * mask[:, None])


def test_what_else_a_model_needs() -> None:
    module, rows = Told(3, exactly(None, 4, LENGTH), same), tokens()
    advice = advised(module, "classification", rows)
    assert "as its mask" in advice
    with torch.no_grad():
        check(module, "classification", advice, module.core(one_hot(rows, DNA)), rows)


def test_what_nothing_helps_keeps_its_general_advice() -> None:
    class Stubborn(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError("no")

    assert "orientation" in advised(Stubborn(), "binary", tokens())


def test_layers_without_weights_are_refused() -> None:
    with pytest.raises(ModelError, match="no weights yet"):
        Predictor(nn.LazyConv1d(2, 3), alphabet=DNA, task="binary", device="cpu").check(tokens())


def test_a_model_is_left_as_it_came() -> None:
    """Trying it does not touch its statistics or mode."""
    module = nn.Sequential(nn.BatchNorm1d(LENGTH), nn.Linear(4, 2))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    advised(module, "binary", tokens())
    assert module.training
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())


@pytest.mark.parametrize("alphabet", [DNA, PROTEIN], ids=lambda one: one.name)
def test_code_does_what_is_done(alphabet: Any) -> None:
    """Of every way: its code, run, and what is made are the same."""
    rows = torch.randint(alphabet.size, (3, 7), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    encoded = one_hot(rows, alphabet)
    for way in [*ways(alphabet, alphabet.size), *fillings(["mask", "sizes"], alphabet)]:
        x = encoded[0] if way.alone else encoded
        made = way.make(x)
        found = eval(
            f"_call({way.code})", {"x": x, "torch": torch, "F": F, "_call": lambda *args, **more: (args, more)}
        )
        parts = [*found[0], *found[1].values()]
        if isinstance(made, Several):
            assert len(made) == len(parts)
            assert all(torch.equal(one, other) for one, other in zip(made, parts, strict=True))
        elif isinstance(made, Tensor):
            assert torch.equal(made, parts[0])
            assert made.dtype == parts[0].dtype
        else:
            assert made == parts[0]


def test_weights_go_into_the_model_inside(tmp_path: Path) -> None:
    """The advised factory has the user's model inside, and takes its weights as they are."""
    (tmp_path / "net.py").write_text(
        "from torch import nn\n"
        "class Wrapped(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.inner = nn.Sequential(nn.Conv1d(4, 2, 3), nn.BatchNorm1d(2))\n"
        "class Twice(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.outer = Wrapped()\n"
    )
    inner = nn.Sequential(nn.Conv1d(4, 2, 3), nn.BatchNorm1d(2))
    torch.save(
        {"state_dict": {f"model.{name}": value for name, value in inner.state_dict().items()}}, tmp_path / "w.pt"
    )
    for name, place in (("Wrapped", "inner"), ("Twice", "outer.inner")):
        loaded = load_module(f"{tmp_path / 'net.py'}:{name}", tmp_path / "w.pt").get_submodule(place)
        for one, other in zip(loaded.state_dict().values(), inner.state_dict().values(), strict=True):
            assert torch.equal(one, other)
    torch.save({"0.weight": torch.zeros(2, 4, 9)}, tmp_path / "w.pt")
    with pytest.raises(ModelError, match="do not fit"):
        load_module(f"{tmp_path / 'net.py'}:Wrapped", tmp_path / "w.pt")


@pytest.mark.parametrize(("before", "channels", "says"), [one[1:] for one in INPUTS], ids=[one[0] for one in INPUTS])
@pytest.mark.filterwarnings("ignore:The use of `x.T`")
def test_options_that_are_advised_do_what_the_code_does(
    before: Callable[[Any], Tensor], channels: int, says: str
) -> None:
    module = Net(3, before, lambda out: {"embedding": out.sin(), "logits": out}, channels)
    rows = tokens()
    said = re.search(r"say so with (.*); or wrap", advised(module, "classification", rows).split("\n")[0])
    if said is None:
        assert says.startswith(("(L, N", "one record")) or "32-bit" in says or "floating" in says
        return
    words = shlex.split(said[1])
    options = dict(zip(words[::2], words[1::2], strict=True))
    form = {name.removeprefix("--").replace("-", "_"): value for name, value in options.items()}
    predictor = sr.wrap(module, alphabet="DNA", task="classification", device="cpu", **form)
    predictor.check(rows)
    with torch.no_grad():
        core = module.core(F.pad(one_hot(rows, DNA), (0, 0, 0, channels - 4)))
    expected = core if "logits" in form["output_of"] else core.sin()
    with predictor.attached():
        torch.testing.assert_close(predictor.logits(rows), expected, rtol=1e-4, atol=1e-4)
