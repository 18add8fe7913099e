import pytest
import torch

from nucleizoo.ops.nn.image_pool import ImagePool


def pictures(first, count):
    """Pictures (count, 1, 2, 2) that can be told apart: each is full of its number."""
    return torch.arange(first, first + count, dtype=torch.float32)[:, None, None, None].expand(-1, 1, 2, 2)


def numbers(batch):
    return [int(picture.mean()) for picture in batch]


def test_an_empty_pool_gives_everything_back():
    pool = ImagePool(0)
    assert numbers(pool(pictures(0, 100))) == list(range(100))
    assert pool.pictures == []


def test_a_negative_size_is_refused():
    with pytest.raises(ValueError, match="-1"):
        ImagePool(-1)


def test_a_pool_is_filled_first():
    pool = ImagePool(4)
    assert numbers(pool(pictures(0, 4))) == [0, 1, 2, 3]
    assert numbers(pool.pictures) == [0, 1, 2, 3]


def test_half_of_the_pictures_are_exchanged_for_older_ones():
    pool = ImagePool(5, seed=3)
    given, back = list(range(1000)), []
    for first in range(0, 1000, 2):
        back += numbers(pool(pictures(first, 2)))
    assert len(pool.pictures) == 5
    assert all(old <= new for old, new in zip(back, given, strict=True))
    assert sum(old < new for old, new in zip(back, given, strict=True)) == pytest.approx(500, abs=60)
    # only what filled the pool can come twice, and nothing is lost
    assert len(set(back[5:])) == 995
    assert set(back) | set(numbers(pool.pictures)) == set(given)


def test_pictures_come_without_gradient_and_are_kept_as_copies():
    pool, batch = ImagePool(2), pictures(0, 2).clone().requires_grad_()
    assert not pool(batch).requires_grad
    with torch.no_grad():
        batch += 100
    assert numbers(pool.pictures) == [0, 1]


def test_the_pool_goes_on_from_its_state_dict(tmp_path):
    whole, first, second = ImagePool(3, seed=1), ImagePool(3, seed=1), ImagePool(3, seed=7)
    expected = [numbers(whole(pictures(i, 4))) for i in range(0, 40, 4)]
    begun = [numbers(first(pictures(i, 4))) for i in range(0, 20, 4)]
    torch.save(first.state_dict(), tmp_path / "pool.pt")
    second.load_state_dict(torch.load(tmp_path / "pool.pt", weights_only=True))
    assert begun + [numbers(second(pictures(i, 4))) for i in range(20, 40, 4)] == expected


def test_pools_draw_from_random_numbers_of_their_own():
    before = torch.get_rng_state()
    pool = ImagePool(2)
    for i in range(5):
        pool(pictures(i, 3))
    assert torch.equal(before, torch.get_rng_state())
