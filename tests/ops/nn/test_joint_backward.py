import pytest
import torch

from nucleizoo.ops.nn.joint_backward import all_gathered, gather_gradients


def test_the_graph_before_it_is_gone_through_once_with_the_sum():
    visits = []
    x = torch.ones(3, requires_grad=True)
    before = x * 2
    before.register_hook(visits.append)
    y = gather_gradients(before, passes=2)
    y.sum().backward(retain_graph=True)
    assert x.grad is None and not [v for v in visits if v is not None]
    (y * 3).sum().backward()
    assert torch.equal(x.grad, torch.full((3,), 2 * (1 + 3.0)))
    assert len([v for v in visits if v is not None]) == 1


def test_one_pass_is_the_plain_identity():
    x = torch.ones(3, requires_grad=True)
    (gather_gradients(x * 2, passes=1) * 5).sum().backward()
    assert torch.equal(x.grad, torch.full((3,), 10.0))


def test_gradients_wanted_of_later_parameters_alone_leave_the_network_before_alone():
    before, after = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)
    y = gather_gradients(before(torch.ones(1, 2)), passes=2)
    parameters = [*before.parameters(), *after.parameters()]
    after(y).sum().backward(inputs=parameters, retain_graph=True)
    assert before.weight.grad is None and after.weight.grad is not None
    kept = after.weight.grad.clone()
    after(y).sum().backward(inputs=list(before.parameters()))
    assert torch.equal(after.weight.grad, kept)
    expected = 2 * after.weight.detach().T.expand(2, 2)
    torch.testing.assert_close(before.weight.grad, expected)


def test_a_pass_that_does_not_come_fails_at_the_end_of_the_block():
    x = torch.ones(3, requires_grad=True)
    with pytest.raises(AssertionError, match=r"gather_gradients .*\b2\b"), all_gathered():
        gather_gradients(x * 2, passes=1).sum().backward()
        gather_gradients(x * 2, passes=3).sum().backward()
    with all_gathered():  # the block before is forgotten
        gather_gradients(x * 2, passes=1).sum().backward()


def test_what_has_no_gradient_waits_for_no_pass():
    with all_gathered():
        gather_gradients(torch.ones(3), passes=2)
        with torch.no_grad():
            gather_gradients(torch.ones(3, requires_grad=True), passes=2)


def test_an_error_in_the_block_is_not_hidden():
    with pytest.raises(ZeroDivisionError), all_gathered():
        gather_gradients(torch.ones(3, requires_grad=True), passes=2)
        raise ZeroDivisionError
