from pipeline.core import randomness


def draw(seed: int, *purpose: str) -> list[int]:
    return randomness.generator(seed, *purpose).integers(0, 2**62, 4).tolist()


def test_each_seed_and_purpose_has_a_stream_of_its_own():
    names = ["weights", "weights M1", "weights M2", "test M1"]
    names += ["M1 weights", "weightsM1", "weight sM1"]
    keys = [(seed, name) for seed in (0, 1, 2018, 2**32 - 1) for name in names]
    streams = {(seed, name): draw(seed, *name.split()) for seed, name in keys}
    assert len(set(map(tuple, streams.values()))) == len(keys)
    # The draws in between change nothing.
    assert draw(1, "weights", "M1") == streams[1, "weights M1"]


def test_epoch_order_is_a_permutation_of_its_own_for_each_seed_and_epoch():
    orders = [
        randomness.epoch_order(seed, epoch, 50).tolist() for seed in (1, 2) for epoch in (0, 1, 2)
    ]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len({tuple(order) for order in orders}) == 6
    # Epoch 2 again, without those before it: a run that was resumed.
    assert randomness.epoch_order(1, 2, 50).tolist() == orders[2]
