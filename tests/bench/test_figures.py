"""Quantiles, ratios and numbers as people read them."""
import pytest

from figures import Figure, as_json, quantile, ratio, scaled, within


@pytest.mark.parametrize("values, q, found", [
    ([], 0.5, None), ([7], 0.99, 7), ([3, 1, 2], 0, 1), ([3, 1, 2], 0.5, 2), ([3, 1, 2], 1, 3),
    (range(100), 0.99, 99), (range(1000), 0.99, 990)])
def test_a_quantile_is_one_of_the_values(values, q, found):
    assert quantile(list(values), q) == found


def test_a_ratio_is_taken_round_by_round():
    # The machine was twice as slow in the second round: both felt it.
    assert ratio(Figure("a", "/s", [90, 45, 90]), Figure("b", "/s", [100, 50, 100])) == 0.9


@pytest.mark.parametrize("samples, of, found", [([6, 8, 10], [4], 2), ([1], [0], None),
                                                ([4, 4], [0, 2], 4)])
def test_without_pairs_it_is_that_of_the_medians(samples, of, found):
    assert ratio(Figure("a", "", samples), Figure("b", "", of)) == found


@pytest.mark.parametrize("value, target, kept", [
    (0.96, (">=", 0.96), True), (0.95, (">=", 0.96), False), (1.2, ("<=", 1.2), True),
    (1.21, ("<=", 1.2), False), (1, None, None), (None, (">=", 1), None)])
def test_a_target_is_a_bound(value, target, kept):
    assert within(value, target) is kept


def test_json_has_what_is_computed():
    limit, other = as_json([Figure("limit", "/s", [100, 300, 200], target=(">=", 250)),
                            Figure("ours", "/s", [50, 150, 100], "limit", target=(">=", 0.5))])
    assert (limit["median"], limit["min"], limit["max"]) == (200, 100, 300)
    assert limit["ratio"] is None and limit["is_within"] is False
    assert other["ratio"] == 0.5 and other["is_within"] is True


@pytest.mark.parametrize("value, unit, text", [
    (None, "ms", "-"), (0, "ms", "0 ms"), (0.1234, "ms", "0.123 ms"), (1.234, "s", "1.23 s"),
    (12.34, "µs", "12.3 µs"), (11862.4, "/s", "11,862/s"), (140, "", "140"), (-0.5, "KB", "-0.500 KB")])
def test_numbers_have_three_digits_that_say_something(value, unit, text):
    assert scaled(value, unit) == text
