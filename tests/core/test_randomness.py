import numpy as np

from pipeline.core import randomness


def draw(seed: int, *purpose: str) -> list[int]:
    return randomness.generator(seed, *purpose).integers(0, 2**62, 4).tolist()


def test_a_stream_is_a_function_of_seed_and_purpose():
    first = draw(1, "weights", "M1")
    draw(1, "order", "0")  # asking for another in between changes nothing
    assert draw(1, "weights", "M1") == first


def test_streams_of_other_seeds_and_purposes_are_others():
    purposes = [
        ("weights",),
        ("weights", "M1"),
        ("weights", "M2"),
        ("train", "M1"),
        ("test", "M1"),
        ("M1", "weights"),
        ("weightsM1",),
        ("weight", "sM1"),
    ]
    seeds = (0, 1, 2018, 2**32 - 1)
    streams = {tuple(draw(seed, *purpose)) for seed in seeds for purpose in purposes}
    assert len(streams) == len(seeds) * len(purposes)


def test_nothing_is_drawn_from_numpys_global_state():
    def state() -> str:
        return str(np.random.get_state(legacy=False))  # noqa: NPY002 - it is watched

    before = state()
    draw(1, "weights")
    randomness.epoch_order(1, 0, 10)
    assert state() == before


def test_epoch_order_is_a_permutation_of_its_own_for_each_seed_and_epoch():
    orders = [
        randomness.epoch_order(seed, epoch, 50).tolist() for seed in (1, 2) for epoch in (0, 1, 2)
    ]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len({tuple(order) for order in orders}) == 6
    # Epoch 2 again, without those before it: a run that was resumed.
    assert randomness.epoch_order(1, 2, 50).tolist() == orders[2]
