"""What a run would do, in lines: said by ``--dry-run`` before hours of work that nobody expected."""

from __future__ import annotations

from collections.abc import Iterator

from seqrobust.run.attacking import attack_settings, check_attack
from seqrobust.run.config import RunConfig
from seqrobust.run.estimate import attack_cost
from seqrobust.run.question_settings import PrivacyConfig, Question
from seqrobust.run.questions import check_questions
from seqrobust.run.train import training_settings
from seqrobust.sequences.data_config import Data
from seqrobust.sequences.wording import counted


def planned(config: RunConfig, data: Data) -> Iterator[str]:
    """Data, model, training, attack and questions of a run. Raises what its stages would raise."""
    settings, adversarial = training_settings(config)
    splits = data.sequences.splits
    assert splits is not None
    counts = ", ".join(f"{name} {int((splits == name).sum())}" for name in dict.fromkeys(splits.tolist()))
    yield (
        f"data: {len(data.sequences)} {data.sequences.alphabet.name} records ({counts}), task {config.task}, "
        f"{', '.join(data.targets.labels)}"
    )
    yield f"model: {config.model.architecture} {config.model.hyperparameters or ''}".rstrip()
    against = f"against {adversarial.threat().describe()}" if adversarial else "ordinary"
    yield f"training: {settings.epochs} epochs, {against}"
    if config.attack is not None:
        check_attack(config, config.attack, data)
        threat = config.attack.threat().describe()
        yield f"attack: split {config.attack.split}, budgets {config.attack.budget}, {threat}"
        yield f"  {attack_cost(config, attack_settings(config.attack), data, config.attack.split).words}"
    check_questions(config.questions, data)
    for name, question in config.questions.items():
        yield f"{name}: {_about(config, question, data)}"


def _about(config: RunConfig, question: Question, data: Data) -> str:
    """How much a question asks for."""
    there = len(data.in_split(question.split)[0])
    if isinstance(question, PrivacyConfig):
        from seqrobust.analysis.privacy.settings import SHADOWS

        count = SHADOWS if question.shadows is None else question.shadows
        shadows = f"{counted(count, 'shadow model')}, each a training of {config.training.epochs} epochs"
        fewer = "; shadows: 0 for none" if count else ""
        return f"{counted(there, 'record')} of the split {question.split} against those of training; {shadows}{fewer}"
    most = getattr(question, "max_records", None)
    asked = there if most is None else min(most, there)
    return f"{asked} of {counted(there, 'record')} of the split {question.split}"
