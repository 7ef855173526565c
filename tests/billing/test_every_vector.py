"""No case of the vectors is left out in silence."""

from tests.billing import test_credit_vectors
from tests.billing.rating import cases, test_vectors


def test_every_case_is_run_or_skipped_by_name():
    assert test_credit_vectors
    assert test_vectors
    every = {case["id"] for name in cases.FILES for case in cases.load(name)}

    assert len(every) == 155
    assert every - cases.taken == set()
    assert cases.SKIPPED.keys() - every == set()
