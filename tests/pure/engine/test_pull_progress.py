"""The percentage of a pull: within bounds, never going back, whatever the engine says."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ospool_ep.engine.pull_progress import Percent


def learn(*messages: dict[str, Any]) -> list[int]:
    percent = Percent()
    return [percent.value for message in messages if percent.learn(message)]


def of(layer: str, status: str, current: int = 0, total: int = 0) -> dict[str, Any]:
    return {"id": layer, "status": status, "progressDetail": {"current": current, "total": total} if total else {}}


def test_download_and_extraction_are_half_of_it_each() -> None:
    seen = learn(
        of("a", "Pulling fs layer"),
        of("a", "Downloading", 50, 100),
        of("a", "Download complete"),
        of("a", "Extracting", 50, 100),
        of("a", "Pull complete"),
    )
    assert seen == [25, 50, 75, 100]


def test_a_layer_that_has_not_begun_is_not_forgotten() -> None:
    seen = learn(
        of("a", "Pulling fs layer"),
        of("b", "Pulling fs layer"),
        of("a", "Downloading", 10, 10),
        of("a", "Pull complete"),
    )
    assert seen == [25, 50]


def test_a_large_layer_counts_for_more() -> None:
    seen = learn(
        of("a", "Pulling fs layer"),
        of("b", "Pulling fs layer"),
        of("b", "Downloading", 0, 300),
        of("a", "Downloading", 100, 100),
    )
    assert seen == [12]


def test_what_is_here_already_is_no_part_of_it() -> None:
    assert learn({"status": "Pulling from x", "id": "1"}, of("a", "Already exists"), {"status": "Digest: …"}) == []


messages = st.builds(
    of,
    st.sampled_from("abc"),
    st.sampled_from(
        ["Pulling fs layer", "Waiting", "Downloading", "Verifying Checksum", "Download complete", "Extracting",
         "Pull complete", "Retrying in 5 seconds", ""]
    ),
    st.integers(-1, 2**40),
    st.integers(-1, 2**40),
)  # fmt: skip


@given(st.lists(messages | st.dictionaries(st.sampled_from(["id", "status", "progressDetail"]), st.none())))
def test_it_never_goes_back(told: list[dict[str, Any]]) -> None:
    seen = learn(*told)
    assert seen == sorted(set(seen))
    assert all(0 < value <= 100 for value in seen)


def test_a_download_that_moves_is_told_now_and_then_though_no_percent_is_full() -> None:
    """A gigabyte over a slow line; who waits for the start must see that it goes on."""
    now = [0.0]
    percent = Percent(lambda: now[0])
    percent.learn(of("a", "Pulling fs layer"))
    told = []
    for number in range(60):
        now[0] += 1.0
        told.append(percent.learn(of("a", "Downloading", number, 1_000_000)))
    assert percent.value == 0
    assert 5 <= told.count(True) <= 6


def test_an_engine_that_only_waits_moves_nothing() -> None:
    now = [0.0]
    percent = Percent(lambda: now[0])
    percent.learn(of("a", "Pulling fs layer"))
    for status in ("Waiting", "Retrying in 5 seconds"):
        now[0] += 100.0
        assert not percent.learn(of("a", status))
