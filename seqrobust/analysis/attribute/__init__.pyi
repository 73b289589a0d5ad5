from .findings import AttributeFindings
from .ready import AttributeReady
from .room import ATTRIBUTE
from .settings import AttributeSettings

__all__ = ["ATTRIBUTE", "AttributeFindings", "AttributeReady", "AttributeSettings"]
