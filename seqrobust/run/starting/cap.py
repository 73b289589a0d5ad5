"""How many records a starter config attacks: as many as take a few minutes here, with the number said."""

from __future__ import annotations

from seqrobust.errors import InputError
from seqrobust.progress import duration
from seqrobust.run.attacking import attack_settings
from seqrobust.run.config import RunConfig
from seqrobust.run.estimate import Cost, attack_cost
from seqrobust.run.starting.starter import UNCAPPED, Starter
from seqrobust.sequences.data_config import load_data
from seqrobust.yaml_file import load_config

SECONDS = 300.0
"""What an attack may take until its config is read through and changed."""
FEWEST = 30
"""Records below which every figure has a wide interval: so many are attacked however long it takes."""


def capped(made: Starter, seconds: float = SECONDS) -> Starter:
    """The config with its attack limited to what takes so many seconds; as it is where it cannot run as it stands."""
    try:
        config = load_config(made.text, RunConfig, where="the config")
        data = load_data(config.data, config.task, config.seed)
        assert config.attack is not None
        cost = attack_cost(config, attack_settings(config.attack), data, config.attack.split)
    except InputError:
        return made
    line, said = _line(cost, seconds)
    return Starter(text=made.text.replace(UNCAPPED, line), notices=(*made.notices, said))


def _line(cost: Cost, seconds: float) -> tuple[str, str]:
    most = max(FEWEST, int(seconds / cost.seconds))
    if most >= cost.records:
        return f"  # max_records: 200       # all {cost.records} take {cost.words}", f"the attack takes {cost.words}"
    whole = duration(cost.seconds * cost.records)
    line = f"  max_records: {most}         # of {cost.records}, a random sample: all would take up to {whole}"
    limited = Cost(seconds=cost.seconds, records=most)
    return line, f"the attack is of {most} of {cost.records} records (attack.max_records), {limited.words}"
