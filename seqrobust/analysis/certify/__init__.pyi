from .findings import CertifyFindings
from .room import CERTIFY
from .settings import CertifySettings
from .study import CertifyReady, prepare, study

__all__ = ["CERTIFY", "CertifyFindings", "CertifyReady", "CertifySettings", "prepare", "study"]
