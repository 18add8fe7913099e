"""Networks whose answers are known."""

import torch


class Always(torch.nn.Module):
    """A critic that says the same of everything, and remembers what it saw."""

    def __init__(self, score):
        super().__init__()
        self.score, self.seen = torch.nn.Parameter(torch.tensor(float(score))), []

    def forward(self, x):
        self.seen.append(x.detach().clone())
        return self.score.expand(len(x), 1, 2, 2)
