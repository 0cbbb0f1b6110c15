"""One small run for all tests of what reruns."""

import pytest
from checkout import Checkout, check_out


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout with a finished run; a test that lets jobs run takes a twin of it."""
    checkout = check_out(tmp_path_factory.mktemp("run"))
    (checkout.folder / "snakemake.txt").write_text(checkout.snakemake("--verbose"))
    return checkout
