"""A stranger's modules: found where they lie, made as they say, filled with their weights, and blamed by line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from seqrobust.errors import ModelError
from seqrobust.models import load_module

CODE = """\
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(3, 2)
    def forward(self, x):
        return self.lin(x)

def factory():
    return Net()

ready = Net()
number = 7

def needs(width, depth=2):
    return Net()

class Wide(nn.Module):
    def __init__(self, width):
        super().__init__()

def fails():
    return nn.Linear(-1, 1)

def leaves():
    raise SystemExit("usage: train.py ...")

def text():
    return "not a module"
"""


@pytest.fixture
def net(tmp_path: Path) -> str:
    (tmp_path / "net.py").write_text(CODE)
    return str(tmp_path / "net.py")


@pytest.mark.parametrize("name", ["Net", "factory", "ready"])
def test_class_function_or_instance(net: str, name: str) -> None:
    assert [tuple(weight.shape) for weight in load_module(f"{net}:{name}").parameters()] == [(2, 3), (2,)]


def test_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed, or in the working folder."""
    assert isinstance(load_module("torch.nn:Identity"), nn.Identity)
    (tmp_path / "sr_pack").mkdir()
    (tmp_path / "sr_pack" / "__init__.py").touch()
    (tmp_path / "sr_pack" / "inner.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    path = list(sys.path)
    assert load_module("sr_pack.inner:factory") is not None
    assert sys.path == path


BAD_REFERENCES = {
    "net": "package.module:factory",
    ":f": "package.module:factory",
    "pack.module:": "package.module:factory",
    ".relative:f": "package.module:factory",
    "folder/net:f": "file.py:factory",
    "no.such.package:f": "No module named 'no'",
    "NOWHERE.py:f": "no such file",
    "{net}:absent": "expected: Net, factory, ready, needs, Wide, fails, leaves, text",
    "{net}:number": "found: int",
    "{net}:needs": "found: width",
    "{net}:Wide": "found: width",
    "{net}:text": "found: str",
    "{net}:fails": "RuntimeError: Trying to create tensor with negative dimension",
    "{net}:leaves": "SystemExit: usage",
}


@pytest.mark.parametrize("reference", BAD_REFERENCES)
def test_bad_references(net: str, reference: str) -> None:
    with pytest.raises(ModelError) as caught:
        load_module(reference.replace("{net}", net))
    assert BAD_REFERENCES[reference] in str(caught.value)


@pytest.mark.parametrize(
    ("code", "said", "line"),
    [
        ("x = 1\ndef f(:\n", "SyntaxError", 2),
        ("import torch\n\nimport no_such_thing_at_all\n", "ModuleNotFoundError", 3),
        ("def g():\n    return 1 / 0\n\nvalue = g()\n", "ZeroDivisionError: division by zero", 2),
        ("import sys\nsys.exit(4)\n", "SystemExit: 4", 2),
        ("from torch import nn\n\ndef f():\n    net = nn.Conv1d(0, -1, 3)\n    return net\n", "Error", 4),
    ],
    ids=["syntax", "import", "top level", "exit", "inside torch"],
)
def test_errors_in_their_code_are_told_by_line(tmp_path: Path, code: str, said: str, line: int) -> None:
    (tmp_path / "broken.py").write_text(code)
    before = set(sys.modules)
    with pytest.raises(ModelError) as caught:
        load_module(f"{tmp_path / 'broken.py'}:f")
    assert said in str(caught.value.found)
    assert f"broken.py, line {line}" in str(caught.value.where)
    if said != "Error":
        assert not [name for name in set(sys.modules) - before if "broken" in name]


def test_a_package_that_misses_another_is_not_missing_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sr_lacking.py").write_text("\nimport no_such_thing_at_all\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="fails when it is read") as caught:
        load_module("sr_lacking:f")
    assert "sr_lacking.py, line 2" in str(caught.value)


def test_neighbours_can_be_imported_early_and_late(tmp_path: Path) -> None:
    (tmp_path / "sr_early.py").write_text("WIDTH = 3")
    (tmp_path / "sr_late.py").write_text("DEPTH = 2")
    (tmp_path / "net.py").write_text(
        "from torch import nn\nfrom sr_early import WIDTH\n"
        "def f():\n    from sr_late import DEPTH\n    return nn.Linear(WIDTH, DEPTH)\n"
    )
    path = list(sys.path)
    made: Any = load_module(f"{tmp_path / 'net.py'}:f")
    assert (made.in_features, made.out_features) == (3, 2)
    assert sys.path == path


@pytest.mark.parametrize("layout", ["sr_layers.py", "sr_layers/__init__.py", "sr_layers/sizes.py"])
def test_two_models_with_neighbours_of_one_name(tmp_path: Path, layout: str) -> None:
    """Each gets its own, there and back again."""
    source = "sr_layers.sizes" if layout.endswith("sizes.py") else "sr_layers"
    for name, width in (("a", 3), ("b", 5)):
        file = tmp_path / name / layout
        file.parent.mkdir(parents=True)
        file.write_text(f"WIDTH = {width}")
        code = f"from torch import nn\nfrom {source} import WIDTH\nclass Net(nn.Linear):\n"
        (tmp_path / name / "net.py").write_text(code + "    def __init__(self):\n        super().__init__(WIDTH, 1)\n")
    names = ("a", "b", "a")
    made: list[Any] = [load_module(f"{tmp_path / name / 'net.py'}:Net") for name in names]
    assert [net.in_features for net in made] == [3, 5, 3]
    files = [sys.modules[type(net).__module__].__file__ for net in made]
    assert files == [str(tmp_path / name / "net.py") for name in names]


def test_installed_packages_are_not_read_twice(tmp_path: Path, net: str) -> None:
    before = sys.modules["torch"]
    load_module(f"{net}:factory")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "net.py").write_text(CODE)
    load_module(f"{tmp_path / 'other' / 'net.py'}:factory")
    assert sys.modules["torch"] is before


WEIGHTS = {"lin.weight": torch.arange(6.0).reshape(2, 3), "lin.bias": torch.ones(2)}


def _under(prefix: str) -> dict[str, torch.Tensor]:
    return {prefix + name: value for name, value in WEIGHTS.items()}


@pytest.mark.parametrize(
    "content",
    [
        WEIGHTS,
        {"state_dict": WEIGHTS, "epoch": 3},
        {"model_state_dict": WEIGHTS, "optimizer": {"lr": 0.1}},
        {"state_dict": _under("model."), "hyper_parameters": {"lr": 0.1}},
        {"state_dict": _under("model.") | {"loss.weight": torch.ones(9), "metric.total": torch.zeros(1)}},
        _under("module."),
        _under("module.model."),
        {"state_dict": _under("model._orig_mod.")},
        {name: value.half() for name, value in WEIGHTS.items()},
    ],
    ids=["bare", "nested", "nested2", "lightning", "with a loss", "parallel", "both", "compiled", "half"],
)
@pytest.mark.parametrize("suffix", [".pt", ".pth", ".ckpt"])
def test_weights(net: str, tmp_path: Path, content: Any, suffix: str) -> None:
    path = (tmp_path / "weights").with_suffix(suffix)
    torch.save(content, path)
    made = load_module(f"{net}:factory", path)
    assert all(torch.equal(value, WEIGHTS[name]) for name, value in made.state_dict().items())
    assert made.lin.weight.dtype == torch.float32


def test_safetensors(net: str, tmp_path: Path) -> None:
    save_file(WEIGHTS, tmp_path / "weights.safetensors")
    made = load_module(f"{net}:factory", tmp_path / "weights.safetensors")
    assert torch.equal(made.lin.weight, WEIGHTS["lin.weight"])


def test_safetensors_under_a_prefix_and_cut_short(net: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({f"model.{name}": value for name, value in WEIGHTS.items()}, path)
    made = load_module(f"{net}:factory", path)
    assert torch.equal(made.lin.weight, WEIGHTS["lin.weight"])
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ModelError, match="cannot be read") as caught:
        load_module(f"{net}:factory", path)
    assert str(path) in str(caught.value.where)


def test_a_batch_norm_without_its_count(tmp_path: Path) -> None:
    """Old files lack it, and evaluation does not use it."""
    norm = nn.BatchNorm1d(3)
    torch.save({k: v + 1 for k, v in norm.state_dict().items() if "tracked" not in k}, tmp_path / "norm.pt")
    (tmp_path / "norm.py").write_text("from torch import nn\ndef f():\n    return nn.BatchNorm1d(3)\n")
    made: Any = load_module(f"{tmp_path / 'norm.py'}:f", tmp_path / "norm.pt")
    assert torch.equal(made.running_var, torch.full((3,), 2.0))


BAD_WEIGHTS: dict[str, tuple[Callable[[], Any], str]] = {
    "missing": (lambda: {"lin.weight": WEIGHTS["lin.weight"]}, "missing: lin.bias"),
    "unexpected": (lambda: WEIGHTS | {"head.bias": torch.ones(1)}, "not in the model: head.bias"),
    "many": (lambda: {f"x{i}": torch.ones(1) for i in range(9)}, "x3 and 5 more"),
    "shape": (lambda: WEIGHTS | {"lin.bias": torch.ones(4)}, "lin.bias (4,) for (2,)"),
    "nan": (lambda: WEIGHTS | {"lin.bias": torch.tensor([1.0, torch.nan])}, "found: lin.bias"),
    "infinite": (lambda: WEIGHTS | {"lin.bias": torch.tensor([1.0, torch.inf])}, "not finite"),
    "empty": (dict, "no state dict"),
    "list": (lambda: [WEIGHTS], "found: list"),
    "numbers": (lambda: {"lin.weight": 3}, "no state dict"),
    "module": (lambda: nn.Linear(3, 2), "refused"),
}


@pytest.mark.parametrize("case", BAD_WEIGHTS)
def test_bad_weights(net: str, tmp_path: Path, case: str) -> None:
    make, said = BAD_WEIGHTS[case]
    torch.save(make(), tmp_path / "weights.pt")
    with pytest.raises(ModelError) as caught:
        load_module(f"{net}:factory", tmp_path / "weights.pt")
    assert said in str(caught.value)
    assert "weights.pt" in str(caught.value)
    assert caught.value.fix or caught.value.expected
