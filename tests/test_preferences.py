"""An order of options follows from stated wishes, and from nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from mspike.errors import UnreadableInput, WrongUsage
from mspike.knowledge.therapies.salvage import TOXICITIES as KINDS
from mspike.options.preferences import (
    NAMES,
    TOXICITIES,
    Attributes,
    Preferences,
    read_preferences,
    reordered,
    score,
    terms_of,
    value,
)
from mspike.options.robustness import places, robustness

CELLS = Attributes(
    "cells", "open", response=0.8, durability_months=12, one_off=True, visits_per_month=1, toxicities=("crs",)
)
TABLETS = Attributes(
    "tablets", "open", response=0.3, durability_months=6, one_off=False, visits_per_month=2, routes=("oral",)
)
INJECTION = Attributes("injection", "open", response=0.6, routes=("subcutaneous",), toxicities=("infection", "crs"))


def order(options: list[Attributes], **weights: float) -> list[str]:
    return [one.id for one in reordered(options, Preferences(weights))]


def written(tmp_path, text: str):
    path = tmp_path / "wishes.yaml"
    path.write_text(text, encoding="utf-8")
    return path


# ---- reading


def test_weights_are_read_and_missing_names_weigh_nothing(tmp_path):
    read = read_preferences(written(tmp_path, "response: 7\navoid_eye_toxicity: 2.5\n"))
    assert read == Preferences({"response": 7.0, "avoid_eye_toxicity": 2.5})
    assert read.weight("cost") == 0
    assert read.total == 9.5


def test_an_empty_file_states_no_wish(tmp_path):
    assert read_preferences(written(tmp_path, "# nothing yet\n")).total == 0


@pytest.mark.parametrize(("name", "meant"), [("avoid_eye", "avoid_eye_toxicity"), ("respons", "response")])
def test_an_unknown_name_is_refused_with_what_may_have_been_meant(tmp_path, name, meant):
    with pytest.raises(WrongUsage, match=rf"no wish is named '{name}'. Did you mean .*{meant}"):
        read_preferences(written(tmp_path, f"{name}: 3\n"))


def test_a_name_like_no_other_is_refused_with_the_whole_list(tmp_path):
    with pytest.raises(WrongUsage, match=r"Choose among response, durability, .*cost"):
        read_preferences(written(tmp_path, "zzz: 3\n"))


@pytest.mark.parametrize("weight", ["high", "yes", "-1", "10.5", ".nan", ".inf", "", "[1]", "'5'"])
def test_what_is_no_number_from_0_to_10_is_refused(tmp_path, weight):
    with pytest.raises(WrongUsage, match=r"response weighs .* expected a number from 0 to 10"):
        read_preferences(written(tmp_path, f"response: {weight}\n"))


def test_a_name_given_twice_is_refused_and_not_overwritten(tmp_path):
    with pytest.raises(WrongUsage, match="response stands there twice"):
        read_preferences(written(tmp_path, "response: 1\nresponse: 9\n"))


@pytest.mark.parametrize("text", ["- response\n", "response\n", "response: [\n", "{[1]: 2}\n"])
def test_a_file_without_a_list_of_weights_is_unreadable(tmp_path, text):
    with pytest.raises(UnreadableInput, match=r"wishes\.yaml"):
        read_preferences(written(tmp_path, text))


def test_a_file_that_is_not_there_is_unreadable(tmp_path):
    with pytest.raises(UnreadableInput, match=r"nowhere\.yaml"):
        read_preferences(tmp_path / "nowhere.yaml")


# ---- values: each scale by hand


@pytest.mark.parametrize(
    ("known", "name", "expected"),
    [
        ({"response": 0.45}, "response", 0.45),
        ({"durability_months": 0}, "durability", 0),
        ({"durability_months": 6}, "durability", 0.25),
        ({"durability_months": 24}, "durability", 1),
        ({"durability_months": 40}, "durability", 1),
        ({"one_off": True}, "one_off", 1),
        ({"one_off": False}, "one_off", 0),
        ({"visits_per_month": 0}, "few_visits", 1),
        ({"visits_per_month": 2}, "few_visits", 0.75),
        ({"visits_per_month": 8}, "few_visits", 0),
        ({"visits_per_month": 12}, "few_visits", 0),
        ({"routes": ("oral",)}, "route_oral", 1),
        ({"routes": ("oral", "subcutaneous")}, "route_oral", 0.5),
        ({"routes": ("intravenous",)}, "route_subcutaneous", 0),
        ({"toxicities": ("crs",)}, "avoid_crs", 0),
        ({"toxicities": ("crs",)}, "avoid_infection", 1),
        ({"travel": 0.25}, "travel", 0.75),
        ({"cost": 1}, "cost", 0),
    ],
)
def test_a_known_attribute_gives_a_value_from_0_to_1(known, name, expected):
    assert value(Attributes("it", "open", **known), name)[0] == expected


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_known_has_no_value_and_says_so(name):
    known, says = value(Attributes("it", "open"), name)
    assert known is None
    assert "not known" in says


@pytest.mark.parametrize(
    "wrong",
    [
        {"answer": "perhaps"},
        {"response": 45},
        {"response": float("nan")},
        {"durability_months": -1},
        {"durability_months": float("inf")},
        {"routes": ("by mouth",)},
        {"toxicities": ("eye",)},
        {"travel": 2},
    ],
)
def test_an_attribute_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match="it: "):
        Attributes(**{"id": "it", "answer": "open", **wrong})


def test_every_wish_to_avoid_something_names_a_kind_of_the_therapy_data():
    assert set(TOXICITIES) <= set(KINDS)
    assert {f"avoid_{kind}" for kind in TOXICITIES} <= set(NAMES)


def test_a_toxicity_that_no_wish_names_enters_nothing():
    known = Attributes("it", "open", toxicities=("second_malignancy",))
    assert [value(known, f"avoid_{kind}")[0] for kind in ("crs", "infection")] == [1, 1]


# ---- scores and order: by hand


def test_a_score_is_the_weighted_mean_of_its_terms():
    wishes = Preferences({"response": 6, "one_off": 2, "few_visits": 2})
    cells, tablets = reordered([TABLETS, CELLS], wishes)
    # cells (6 x 0.8 + 2 x 1 + 2 x 7/8) / 10 = 0.855; tablets (6 x 0.3 + 2 x 0 + 2 x 3/4) / 10 = 0.33
    assert (cells.id, cells.place, cells.evidence_place, cells.low, cells.high) == ("cells", 1, 2, 0.855, 0.855)
    assert (tablets.id, tablets.place, tablets.evidence_place, tablets.low, tablets.high) == (
        "tablets",
        2,
        1,
        0.33,
        0.33,
    )
    assert [(t.name, t.weight, t.value_low) for t in cells.terms] == [
        ("response", 6, 0.8),
        ("one_off", 2, 1),
        ("few_visits", 2, 0.875),
    ]
    assert cells.not_told_apart == ()


def test_the_score_can_be_recomputed_from_its_terms_alone():
    wishes = Preferences({name: 1 + place for place, name in enumerate(NAMES) if place < 10})
    for one in reordered([CELLS, TABLETS, INJECTION], wishes):
        total = sum(t.weight for t in one.terms)
        assert one.low == pytest.approx(sum(t.weight * t.value_low for t in one.terms) / total, abs=1e-11)
        assert one.high == pytest.approx(sum(t.weight * t.value_high for t in one.terms) / total, abs=1e-11)


def test_an_unknown_attribute_widens_the_interval_by_the_share_of_its_weight():
    wishes = Preferences({"response": 3, "durability": 1})
    # injection: response 0.6, durability not known: (1.8 + 0)/4 to (1.8 + 1)/4
    assert score(terms_of(INJECTION, wishes)) == (0.45, 0.7)
    assert score(terms_of(INJECTION, Preferences({"response": 3}))) == (0.6, 0.6)


def test_cost_is_unknown_unless_told_so_that_it_separates_nobody():
    cells, tablets = reordered([CELLS, TABLETS], Preferences({"cost": 10}))
    assert (cells.id, cells.low, cells.high) == ("cells", 0, 1)
    assert cells.not_told_apart == ("tablets",)
    assert tablets.not_told_apart == ("cells",)


def test_weights_all_zero_keep_the_order_of_the_evidence():
    for given in ([CELLS, TABLETS, INJECTION], [INJECTION, TABLETS, CELLS]):
        assert order(given) == [one.id for one in given]
        assert order(given, response=0, cost=0) == [one.id for one in given]


def test_equal_scores_keep_the_order_of_the_evidence():
    one, other = Attributes("one", "open", response=0.5), Attributes("other", "open", response=0.5)
    assert order([one, other], response=10) == ["one", "other"]
    assert order([other, one], response=10) == ["other", "one"]


def test_a_difference_in_the_last_bit_is_a_tie():
    # 0.1 + 0.2 is not 0.3 in binary
    one, other = Attributes("one", "open", response=0.3), Attributes("other", "open", response=0.1 + 0.2)
    assert order([one, other], response=1) == ["one", "other"]


def test_no_weight_lifts_a_closed_option_over_an_unknown_or_an_open_one():
    closed = Attributes("closed", "closed", response=1)
    unknown = Attributes("unknown", "unknown", response=0.9)
    opened = Attributes("open", "open", response=0.01)
    assert order([closed, unknown, opened], response=10) == ["open", "unknown", "closed"]
    assert [one.place for one in reordered([closed, unknown, opened], Preferences({"response": 10}))] == [1, 1, 1]


def test_the_scale_of_the_weights_does_not_matter():
    assert order([TABLETS, CELLS, INJECTION], response=1, route_oral=2) == order(
        [TABLETS, CELLS, INJECTION], response=4, route_oral=8
    )


def test_an_added_option_does_not_turn_two_others_round():
    wishes = {"response": 5, "few_visits": 3, "avoid_crs": 2}
    both = order([TABLETS, CELLS], **wishes)
    assert [name for name in order([TABLETS, INJECTION, CELLS], **wishes) if name != "injection"] == both


def test_options_with_the_same_id_are_refused():
    with pytest.raises(ValueError, match="same id"):
        reordered([CELLS, CELLS], Preferences({}))


def test_no_option_gives_no_order():
    assert reordered([], Preferences({"response": 1})) == []
    assert robustness([], Preferences({"response": 1})) == {}


# ---- robustness


def test_an_option_that_is_better_in_every_wish_keeps_its_place_under_all_weights():
    found = robustness([TABLETS, CELLS], Preferences({"response": 5, "durability": 5, "one_off": 1}))
    assert list(found) == ["cells", "tablets"]
    assert (found["cells"].kept_first, found["cells"].kept_place) == (1.0, 1.0)
    assert (found["cells"].highest_place, found["cells"].lowest_place, found["cells"].changed_by) == (1, 1, ())
    assert (found["tablets"].kept_first, found["tablets"].kept_place) == (0.0, 1.0)


def test_a_weight_whose_doubling_or_halving_alone_turns_the_order_is_named():
    # response 0.8 against 0.3 with weight 3, oral 0 against 1 with weight 2: 2.4 against 0.9 + 2 = 2.9
    cells = Attributes("cells", "open", response=0.8, routes=("intravenous",))
    wishes = Preferences({"response": 3, "route_oral": 2})
    found = robustness([cells, TABLETS], wishes)
    assert [one.id for one in reordered([cells, TABLETS], wishes)] == ["tablets", "cells"]
    # response doubled: 4.8 against 3.8, turned; halved: not. Oral halved: 2.4 against 1.9, turned.
    assert found["cells"].changed_by == ("response", "route_oral")
    assert (found["cells"].highest_place, found["cells"].lowest_place) == (1, 2)
    assert 0 < found["tablets"].kept_first < 1


def test_the_drawn_weights_turn_two_options_as_often_as_the_distribution_says():
    # Two equal wishes, each met by one option alone: the first draw wins half the time (a Beta(10, 10) above 1/2).
    oral, short = Attributes("oral", "open", routes=("oral",)), Attributes("shot", "open", routes=("subcutaneous",))
    found = robustness([oral, short], Preferences({"route_oral": 5, "route_subcutaneous": 5}))
    assert found["oral"].kept_first == pytest.approx(0.5, abs=4 * (0.25 / 2000) ** 0.5)
    assert found["oral"].kept_first + found["shot"].kept_first == pytest.approx(1)


def test_the_same_seed_gives_the_same_answer():
    wishes = Preferences({"response": 3, "route_oral": 2})
    assert robustness([INJECTION, TABLETS], wishes) == robustness([INJECTION, TABLETS], wishes)


@pytest.mark.parametrize("weights", [{}, {"response": 10}])
def test_without_wishes_or_with_a_single_one_no_draw_can_change_the_order(weights):
    found = robustness([CELLS, INJECTION, TABLETS], Preferences(weights))
    assert [one.kept_place for one in found.values()] == [1.0, 1.0, 1.0]
    assert all(one.changed_by == () for one in found.values())


def test_robustness_looks_only_inside_one_answer():
    closed = Attributes("closed", "closed", response=1)
    found = robustness([closed, CELLS], Preferences({"response": 5, "one_off": 5}))
    assert (found["closed"].kept_first, found["cells"].kept_first) == (1.0, 1.0)


def test_places_follow_a_plain_sort():
    rng = np.random.default_rng(7)
    middles, weights = rng.integers(0, 3, (5, 4)) / 2.0, rng.integers(0, 4, (60, 4)).astype(float)
    for row, found in zip(weights, places(middles, weights), strict=True):
        scores = [sum(w * v for w, v in zip(row, option, strict=True)) for option in middles]
        plain = sorted(range(5), key=lambda option: (-scores[option], option))
        assert [plain.index(option) + 1 for option in range(5)] == found.tolist()
