import pytest

from tests.audit.proofs.rfc6962 import ReferenceTree


@pytest.fixture(scope="session")
def tree() -> ReferenceTree:
    return ReferenceTree([b"entry %d" % index for index in range(300)])


@pytest.fixture(scope="session")
def large_tree() -> ReferenceTree:
    return ReferenceTree([b"entry %d" % index for index in range(70_000)])
