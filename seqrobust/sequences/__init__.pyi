from .encoding import one_hot, reverse_complement, texts_from_tokens, tokens_from_texts
from .regions import Region, Regions, format_regions, parse_regions
from .sequence_set import SequenceSet
from .targets import TASKS, Targets, Task, encode_targets

__all__ = [
    "TASKS",
    "Region",
    "Regions",
    "SequenceSet",
    "Targets",
    "Task",
    "encode_targets",
    "format_regions",
    "one_hot",
    "parse_regions",
    "reverse_complement",
    "texts_from_tokens",
    "tokens_from_texts",
]
